"""The task `keypoints`: crops of people in, heatmaps out, evaluated by COCO's AP."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pose.config.keypoints import Config, FiguresConfig
from pose.data.annotation_columns import AnnotationColumns
from pose.data.dataset import Batch, PeopleDataset, collate
from pose.data.loader import EpochSampler, make_loader
from pose.data.people import People, Person, ground_truth_people
from pose.data.training_samples import LoadedCollate, TrainingSamples
from pose.data.transforms import Augment, normalize
from pose.drawing.sheets import draw_batch, draw_pairs
from pose.evaluation.coco_backends import check_backend
from pose.evaluation.run import Evaluation, predict_set, score
from pose.evaluation.splits import training_set, validation_set
from pose.images.cache import DiskCache
from pose.images.read import read_image
from pose.images.types import Image
from pose.images.write import write_image
from pose.inference.torch_predictor import predict_heatmaps
from pose.keypoints.oks import METRICS
from pose.models.pose_net import STRIDE
from pose.runtime.distributed import Shard, World
from pose.runtime.text import plural
from pose.training.losses import heatmap_mse
from pose.training.optim import learning_rate
from pose.training.streamed_people import PEOPLE_PER_IMAGE, StreamedPeople
from pose.training.tasks import Task, evenly_spaced

SHOWN = 8  # people in the drawing of an evaluation


class KeypointTask(Task):
    """People of `data.train`, heatmap MSE, Adam with a step schedule, COCO's evaluation on `data.val`."""

    metrics = METRICS

    def __init__(self, config: Config) -> None:
        check_backend(config.eval.backend)
        self.config = config
        self.codec = config.model.make_codec()
        self.skeleton = config.data.resolve_skeleton()
        figures = config.data.figures
        self.dataset = self._stream(figures) if figures is not None and figures.stream else self._read()
        self.num_samples = len(self.dataset)
        self.val = validation_set(config.data, max_detections=config.eval.max_detections)
        if self.val.coco.annotations is not None:
            self.checksum = _checksum(self.val.coco.columns, self.checksum)

    def _read(self) -> PeopleDataset:
        """Read who is annotated in the files."""
        data = self.config.data
        training = training_set(data)
        warn_of_settings(self.config, training.people)
        columns = training.people.columns
        self.groups = columns.image_ids.tolist() if data.group_images else None
        self.checksum = _checksum(columns)
        self.training = f"{plural(len(training.people), 'person', 'people')} to train on ({training.usage})"
        return PeopleDataset(
            training.people,
            self.skeleton,
            **self._crops(),
            read=DiskCache(data.cache, max_bytes=int(data.cache_gb * 1e9)) if data.cache else read_image,
        )

    def _stream(self, figures: FiguresConfig) -> StreamedPeople:
        """Make people who come in no file."""
        warn_of_settings(self.config, None)
        dataset = StreamedPeople(figures, self.config.data.train, **self._crops())
        dataset.warn_of_waste()
        self.groups = [index // PEOPLE_PER_IMAGE for index in range(len(dataset))]
        self.training = f"{len(dataset)} people an epoch to train on, in {figures.train} images made for it"
        return dataset

    def _crops(self) -> dict[str, Any]:
        """How people are cropped."""
        config, augment = self.config, self.config.augment
        return {
            "input_size": config.model.input_size,
            "unbiased": self.codec.unbiased,
            "augment": Augment(**augment.model_dump(exclude={"extra"})) if augment else None,
            "extra": augment.extra if augment else (),
            "seed": config.train.seed,
            "average": config.data.downscale == "average",
        }

    def make_loader(
        self, sampler: EpochSampler, *, workers: int, pin_memory: bool, shard: Shard = Shard()
    ) -> DataLoader[Any]:
        return make_loader(
            TrainingSamples(self.dataset, skip=self.config.data.skip_unreadable),
            collate=LoadedCollate(collate),
            batch_size=self.config.train.batch_size,
            shard=shard,
            workers=workers,
            sampler=sampler,
            pin_memory=pin_memory,
        )

    def build_model(self) -> nn.Module:
        return self.config.model.build(num_keypoints=self.skeleton.num_keypoints)

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        # One kernel for all weights: a third of the default's time on a CPU, equal to it but for rounding.
        return torch.optim.Adam(model.parameters(), lr=self.config.train.lr, fused=True)

    def learning_rate(self, epoch: float) -> float:
        train = self.config.train
        return learning_rate(epoch, base=train.lr, milestones=train.milestones, factor=train.lr_factor)

    def loss(self, forward: Callable[[Tensor], Tensor], batch: Batch, rng: np.random.Generator) -> Tensor:
        height, width = self.config.model.input_size
        targets, weights = self.codec.encode(
            batch.keypoints_crop,
            batch.weights,
            input_size=(height, width),
            heatmap_size=(height // STRIDE, width // STRIDE),
        )
        heatmaps = forward(normalize(batch.images))
        return heatmap_mse(heatmaps, targets, weights)

    def evaluate(
        self,
        model: nn.Module,
        *,
        device: torch.device,
        workers: int,
        on_batch: Callable[[int], None],
        world: World = World(),
    ) -> tuple[dict[str, float], str]:
        predictions = predict_set(
            model, self.val, self.config, device=device, workers=workers, on_batch=on_batch, world=world
        )

        def count() -> tuple[dict[str, float], str]:
            how = self.config.eval
            result = score(
                predictions, self.val, self.skeleton, backend=how.backend, max_detections=how.max_detections
            )
            return result.metrics or {}, summary_line(result)

        return world.from_main(count)

    def describe_data(self) -> str:
        boxes, images = plural(len(self.val.people), "box", "boxes"), plural(len(self.val.image_ids), "image")
        return f"{self.training}, {boxes} ({self.val.boxes}) in {images} to evaluate ({self.val.usage})"

    def identify(self, batch: Batch) -> dict[str, list[Any]]:
        return self.dataset.identify(batch.index.tolist())

    def draw_first_batch(self, path: Path, batch: Batch) -> Image:
        images = batch.images[:32].permute(0, 2, 3, 1).numpy()
        keypoints, weights = batch.keypoints_crop[:32].numpy(), batch.weights[:32].numpy()
        sheet = draw_batch(images, keypoints, weights, skeleton=self.skeleton)
        write_image(path, sheet)
        return sheet

    def draw_evaluation(self, model: nn.Module, *, device: torch.device) -> Image | None:
        people = self._annotated_people()
        if not people:
            return None
        input_size, codec = self.config.model.input_size, self.codec
        average = self.config.data.downscale == "average"
        dataset = PeopleDataset(
            people, self.skeleton, input_size=input_size, unbiased=codec.unbiased, average=average
        )
        batch = collate([dataset[index] for index in range(len(people))])
        flip_indices = self.skeleton.flip_indices if self.config.eval.flip_test else None
        heatmaps = predict_heatmaps(model.eval(), batch.images.to(device), flip_indices=flip_indices, codec=codec)
        xy_crop, scores = codec.decode(heatmaps, input_size=input_size)
        return draw_pairs(
            batch.images.permute(0, 2, 3, 1).numpy(),
            batch.keypoints_crop,
            batch.weights,
            xy_crop.cpu().numpy(),
            scores.cpu().numpy(),
            skeleton=self.skeleton,
        )

    def _annotated_people(self) -> Sequence[Person]:
        """A few annotated people of the evaluation, at even distances, in images that are known to be there."""
        people = self.val.people
        if self.val.boxes != "gt":
            if self.val.coco.annotations is None:
                return []
            there = {person.path for person in people}
            annotated = ground_truth_people(self.val.coco, Path(self.config.data.root, self.config.data.val.images))
            people = [person for person in annotated if person.path in there]
        return evenly_spaced(people, SHOWN)


def warn_of_settings(config: Config, people: People | None) -> None:
    """Warn of settings that are allowed and defeat their purpose.

    Args:
        people: of the file to train on, if there is one.
    """
    if people is not None:
        _warn_of_shape(config.model.input_size, people)
    data, train, skeleton = config.data, config.train, config.data.resolve_skeleton()
    late = [epoch for epoch in train.milestones if epoch >= train.epochs]
    if late:
        warnings.warn(
            f"train.milestones {late} are not before the last of {plural(train.epochs, 'epoch')}: the learning "
            "rate does not fall there; set train.milestones to epochs of this training",
            stacklevel=3,
        )
    if (
        config.augment is not None
        and config.augment.flip > 0
        and skeleton.num_keypoints > 1
        and not skeleton.flip_pairs
    ):
        warnings.warn(
            f"crops are mirrored (augment.flip), and skeleton '{skeleton.name}' has no flip pairs: if it has a left "
            "and a right, list them in data.skeleton.flip_pairs, or set augment.flip=0",
            stacklevel=3,
        )
    if (
        people is not None
        and Path(data.root, data.train.annotations).resolve() == Path(data.root, data.val.annotations).resolve()
    ):
        warnings.warn(
            f"{data.train.annotations} is for training and for validation: AP is of images "
            "learned by heart; split it",
            stacklevel=3,
        )


def _warn_of_shape(input_size: tuple[int, int], people: People) -> None:
    """Warn if most boxes fill less than half of the crops, which are widened or heightened to the input's shape."""
    aspect = input_size[0] / input_size[1]
    sides = people.boxes_xywh[:, 2:].clip(min=1.0)
    factor = sides[:, 1] / sides[:, 0] / aspect
    share = float(np.median(np.minimum(factor, 1 / factor)))
    if share < 0.5:
        tall = float(np.median(sides[:, 1] / sides[:, 0]))
        area = input_size[0] * input_size[1]
        better = [max(32, 32 * round(float(np.sqrt(side)) / 32)) for side in (area * tall, area / tall)]
        warnings.warn(
            f"model.input_size {list(input_size)} (height, width) does not suit the boxes, which are mostly "
            f"{tall:.2g} times as high as wide: half of them fill less than {share:.0%} of the crop; such as "
            f"{better} would",
            stacklevel=4,
        )


def summary_line(result: Evaluation) -> str:
    """One line with the main number and what it depends on."""
    people = plural(result.people, "person", "people")
    what = f"boxes {result.boxes}, {plural(result.images, 'image')}, {people}"
    return f"AP {result.metrics['AP']:.3f} ({what})" if result.metrics else f"no annotations ({what})"


def metrics_table(metrics: Mapping[str, float]) -> str:
    """Two lines: the names of the metrics, and their values below; a dash for COCO's -1, nobody of that size."""
    names = (f"{name:>6}" for name in metrics)
    values = (f"{value:6.3f}" if value >= 0 else f"{'-':>6}" for value in metrics.values())
    return "  ".join(names) + "\n" + "  ".join(values)


def _checksum(columns: AnnotationColumns, before: int = 0) -> int:
    """Of who is where in which image, going on from that of others."""
    for part in (columns.image_ids, columns.boxes_xywh, columns.keypoints_img):
        before = zlib.crc32(part.tobytes(), before)
    return before
