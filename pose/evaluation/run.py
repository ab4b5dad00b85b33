"""Run a model over boxes and count: the test procedure of HRNet and SimpleBaselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose.codecs.codec import QUARTER, Codec
from pose.config.keypoints import Config
from pose.data.dataset import PeopleDataset
from pose.data.loader import EpochSampler, make_loader
from pose.data.people import Person, Usage
from pose.evaluation.coco import Predictions, evaluate_coco, to_coco_results
from pose.evaluation.coco_backends import check_backend
from pose.evaluation.splits import ValidationSet
from pose.inference.torch_predictor import predict_heatmaps
from pose.keypoints.geometry import apply_affine, invert_affine
from pose.keypoints.oks import MAX_DETECTIONS
from pose.keypoints.skeletons import Skeleton
from pose.models.folding import fold_batch_norms
from pose.runtime.distributed import World
from pose.runtime.files import write_atomic, write_json
from pose.runtime.outputs import check_evaluation_folder


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation gives.

    Attributes:
        metrics: COCO's ten numbers; None without annotations.
        results: COCO's result records.
        boxes: where the boxes came from: "gt" or a file.
        images, people: how many were evaluated.
        usage: of the annotations or boxes of the file; None if unknown.
    """

    metrics: dict[str, float] | None
    results: list[dict[str, Any]]
    boxes: str
    images: int
    people: int
    usage: Usage | None = None

    def write(self, folder: Path, *, config: Config, details: dict[str, Any], mark: str) -> None:
        """results.json, config.yaml and, with annotations, metrics.json (`details` beside the numbers).

        Args:
            mark: the line of `evaluation_mark`, the first of config.yaml.
        Raises:
            DataError: the folder holds something else.
        """
        check_evaluation_folder(folder, mark)
        write_atomic(
            folder / "config.yaml", (mark + config.to_yaml()).encode()
        )  # first: it says whose the others are
        write_json(folder / "results.json", self.results, indent=None)
        counts: dict[str, Any] = {"boxes": self.boxes, "images": self.images, "people": self.people}
        if self.usage is not None:
            counts["usage"] = self.usage.to_dict()
        if self.metrics is None:
            (folder / "metrics.json").unlink(missing_ok=True)  # of an earlier evaluation: not of these results
        else:
            write_json(folder / "metrics.json", {**self.metrics, **counts, **details})


CropPredictor = Callable[[Tensor], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From crops (B, 3, H, W), uint8 RGB, to keypoints (B, K, 2) in crop pixels and their scores (B, K)."""


def crop_predictor(
    model: nn.Module,
    *,
    skeleton: Skeleton,
    device: torch.device,
    codec: Codec = QUARTER,
    flip_test: bool = True,
) -> CropPredictor:
    """How PyTorch finds the keypoints in crops.

    Args:
        model: in evaluation mode, on `device`.
        codec: of its training, or one with the same `unbiased`.
        flip_test: average with the mirrored crop's heatmaps.
    """
    flip_indices = skeleton.flip_indices if flip_test else None

    def predict_crops(images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        heatmaps = predict_heatmaps(model, images.to(device), flip_indices=flip_indices, codec=codec)
        xy_crop, peak = codec.decode(heatmaps, input_size=(images.shape[-2], images.shape[-1]))
        return xy_crop.cpu().numpy(), peak.cpu().numpy()

    return predict_crops


def predict_people(
    predict_crops: CropPredictor,
    people: Sequence[Person],
    *,
    skeleton: Skeleton,
    input_size: tuple[int, int],
    average: bool = False,
    unbiased: bool = False,
    batch_size: int = 64,
    workers: int = 0,
    pin_memory: bool = False,
    on_batch: Callable[[int], None] | None = None,
    world: World = World(),
) -> Predictions:
    """Find the keypoints of each person's box.

    Args:
        predict_crops: what runs the network: `crop_predictor`, or another library.
        people: N boxes, and the images that they lie in.
        input_size: (height, width) of the crops.
        average: take means of what is made much smaller, see `warp`; False is HRNet's protocol.
        unbiased: how their pixels are counted, see `pose.codecs.codec.Codec`.
        workers: processes that load beside the network.
        pin_memory: load into memory that a GPU reads faster.
        on_batch: called with the number of people after each batch; may raise to stop.
        world: processes that all call this; they share the work, and each gets all of the result.
    Returns:
        N predictions, in the order of `people`.
    """
    own = world.shard_batches(people, batch_size)  # the batches are those of one process, so the numbers are too
    dataset = PeopleDataset(own, skeleton, input_size=input_size, unbiased=unbiased, average=average)
    sampler = EpochSampler(len(own), seed=0, shuffle=False)
    loader = make_loader(dataset, batch_size=batch_size, workers=workers, sampler=sampler, pin_memory=pin_memory)
    found = []
    for batch in loader:
        xy_crop, peak = predict_crops(batch.images)
        found.append((apply_affine(xy_crop, invert_affine(batch.affines.numpy())), peak.astype(np.float64)))
        if on_batch is not None:
            on_batch(len(peak))
    nothing = np.zeros((0, skeleton.num_keypoints, 2)), np.zeros((0, skeleton.num_keypoints))
    keypoints, scores = zip(nothing, *world.gather_outputs(found), strict=True)
    boxes = np.array([person.box_xywh for person in people], dtype=np.float64).reshape(-1, 4)
    return Predictions(
        image_ids=np.array([person.image_id for person in people], dtype=np.int64),
        boxes_xywh=boxes,
        box_scores=np.array([person.score for person in people], dtype=np.float64),
        keypoints_img=np.concatenate(keypoints),
        keypoint_scores=np.concatenate(scores),
        input_size=input_size,
        category_ids=np.array([person.category_id for person in people], dtype=np.int64),
    )


def score(
    predictions: Predictions,
    val: ValidationSet,
    skeleton: Skeleton,
    *,
    backend: str = "pycocotools",
    max_detections: int = MAX_DETECTIONS,
) -> Evaluation:
    """Rescoring, OKS-NMS and COCOeval (by `backend`) of predictions already made."""
    results, _ = to_coco_results(predictions, skeleton, category_id=val.coco.category_id)
    metrics = None
    if val.coco.annotations is not None:
        metrics = evaluate_coco(
            val.coco,
            results,
            skeleton,
            image_ids=val.image_ids,
            person_ids=val.person_ids,
            backend=backend,
            max_detections=max_detections,
        )
    return Evaluation(metrics, results, val.boxes, images=len(val.image_ids), people=len(val.people), usage=val.usage)


def evaluate(
    model: nn.Module,
    val: ValidationSet,
    config: Config,
    *,
    device: torch.device,
    workers: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Evaluation:
    """`predict_set` and `score` with a config's settings."""
    predictions = predict_set(model, val, config, device=device, workers=workers, on_batch=on_batch)
    return score(
        predictions,
        val,
        config.data.resolve_skeleton(),
        backend=config.eval.backend,
        max_detections=config.eval.max_detections,
    )


def predict_set(
    model: nn.Module,
    val: ValidationSet,
    config: Config,
    *,
    device: torch.device,
    workers: int = 0,
    on_batch: Callable[[int], None] | None = None,
    world: World = World(),
) -> Predictions:
    """`predict_people` with a config's settings.

    The model is left in evaluation mode; what runs is a copy of it with its batch norms folded.
    """
    skeleton = config.data.resolve_skeleton()
    check_backend(config.eval.backend)  # before the minutes that predictions take
    codec = config.model.make_codec()
    predict_crops = crop_predictor(
        fold_batch_norms(model.eval()),
        skeleton=skeleton,
        device=device,
        codec=codec,
        flip_test=config.eval.flip_test,
    )
    return predict_people(
        predict_crops,
        val.people,
        skeleton=skeleton,
        input_size=config.model.input_size,
        average=config.data.downscale == "average",
        unbiased=codec.unbiased,
        batch_size=config.eval.batch_size,
        workers=workers,
        pin_memory=device.type == "cuda",
        on_batch=on_batch,
        world=world,
    )
