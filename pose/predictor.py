"""From an image and the boxes of its people to their keypoints.

Shapes: N boxes, K keypoints, B batch. Frames: `_img` the image, `_crop` the network's input, `_hm` its heatmaps.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from pose.codec import decode, merge_flip
from pose.data.boxes import Boxes
from pose.data.transforms import normalize, warp
from pose.detector import DEFAULT_DETECTOR, Detector, check_detector, load_detector
from pose.geometry import apply_affine, crop_affine, grow_box, invert_affine
from pose.inputs import Color, Images, Task, check_boxes, check_image, read_tasks
from pose.results import People
from pose.skeleton import Skeleton
from pose.visualize import Image

if TYPE_CHECKING:
    from pose.inputs import ImageLike


def pick_device(name: str = "auto") -> torch.device:
    """The device to run on.

    Args:
        name: "auto" (CUDA, else Apple's MPS, else the CPU), "cpu", "cuda", "cuda:N" or "mps".
    Raises:
        ValueError: no such device here; the message lists those that are.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    present = [*(["cuda"] if gpus else []), *(f"cuda:{i}" for i in range(gpus)), *(["mps"] if mps else []), "cpu"]
    if name == "auto":
        return torch.device(present[0])
    if name not in present:
        known = name in ("cuda", "mps") or re.fullmatch(r"cuda:\d+", name)
        raise ValueError(
            f"{'no device' if known else 'unknown device'} '{name}' on this machine; it has {', '.join(present)} "
            f"('auto' takes {present[0]})"
        )
    return torch.device(name)


@torch.inference_mode()
def predict_heatmaps(
    model: nn.Module, images_uint8: Tensor, *, flip_indices: Tensor | NDArray[np.int64] | None
) -> Tensor:
    """Run the network on a batch of crops, and on the mirrored crops too if `flip_indices` are given.

    Args:
        model: in evaluation mode, on the device of the images.
        images_uint8: (B, 3, H, W) RGB.
        flip_indices: (K,) permutation that swaps left and right (`Skeleton.flip_indices`).
    Returns:
        (B, K, h, w) float32.
    """
    images = normalize(images_uint8)
    heatmaps = model(images).float()
    if flip_indices is None:
        return heatmaps
    return merge_flip(heatmaps, model(images.flip(-1)).float(), flip_indices)


class Predictor:
    """A network and how to use it: all boxes of all images in batches. Safe to share between threads.

    Args:
        model: (B, 3, H, W) normalised crops -> (B, K, h, w) heatmaps. Moved to `device`, set to evaluation mode.
        input_size: (height, width) of the crops.
        flip_test: average with the mirrored crop; twice the time, and the protocol of published numbers.
        batch_size: boxes at a time.
        source: where the weights come from, for the header of predictions.json.
        detector: what finds people for `boxes="detect"`: one of `pose.detector.DETECTORS`, loaded when first needed,
            or any `Detector`.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        skeleton: Skeleton,
        input_size: tuple[int, int],
        device: torch.device | str = "cpu",
        flip_test: bool = True,
        batch_size: int = 64,
        source: str | None = None,
        detector: str | Detector = DEFAULT_DETECTOR,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.device = torch.device(device)
        self.model = model.to(self.device).eval()
        self.skeleton = skeleton
        self.input_size = input_size
        self.flip_test = flip_test
        self.batch_size = batch_size
        self.source = source
        self._detector = check_detector(detector)
        self._lock = threading.Lock()

    @classmethod
    def from_checkpoint(
        cls,
        source: str | Path,
        device: str = "auto",
        *,
        flip_test: bool = True,
        batch_size: int = 64,
        detector: str | Detector = DEFAULT_DETECTOR,
    ) -> Predictor:
        """A model ready for use; its config and skeleton come with its weights.

        Args:
            source: a .safetensors file of `pose train`, a run folder for its best one, or "demo" for the small model
                that comes with the package.
            device: "auto" (CUDA, else Apple's MPS, else the CPU), "cpu", "cuda", "cuda:N" or "mps".
            flip_test: average with the mirrored picture; False takes half the time and is a little less exact.
            batch_size: boxes at a time; less if the memory does not suffice.
            detector: what finds the people for `boxes="detect"`: "ssdlite", "fasterrcnn" or a `Detector` of one's
                own. Loaded when it is first needed.
        Raises:
            FileNotFoundError, ValueError: no such file, not a checkpoint, or no such device.
        """
        from pose.engine.checkpoint import load_checkpoint  # the engine imports this module

        chosen = pick_device(device)
        checkpoint = load_checkpoint(source)
        return cls(
            checkpoint.build(chosen),
            skeleton=checkpoint.skeleton,
            input_size=checkpoint.config.model.input_size,
            device=chosen,
            flip_test=flip_test,
            batch_size=batch_size,
            source=str(checkpoint.path),
            detector=detector,
        )

    @property
    def detector(self) -> Detector:
        """What finds the people for `boxes="detect"`.

        Raises:
            FileNotFoundError, OSError, ValueError: its weights cannot be had, or are no such weights.
        """
        with self._lock:
            if isinstance(self._detector, str):
                self._detector = load_detector(self._detector, device=self.device)
            return self._detector

    def _detect(self, images_rgb: Sequence[Image]) -> list[Boxes]:
        return self.detector(images_rgb)

    @overload
    def __call__(
        self, images: ImageLike, *, boxes: ArrayLike | Literal["detect"] | None = None, color: Color = "rgb"
    ) -> People: ...

    @overload
    def __call__(
        self,
        images: Images,
        *,
        boxes: Sequence[ArrayLike] | Literal["detect"] | None = None,
        color: Color = "rgb",
    ) -> list[People]: ...

    def __call__(
        self,
        images: ImageLike | Images,
        *,
        boxes: ArrayLike | Sequence[ArrayLike] | Literal["detect"] | None = None,
        color: Color = "rgb",
    ) -> People | list[People]:
        """Find the keypoints of the people in an image, or in each of a list.

        Args:
            images: a path, an array (H, W, 3) of uint8, a PIL image, or a list of those. Files and PIL images are
                turned upright by their EXIF orientation, as viewers show them.
            boxes: (N, 4) left, top, width, height in pixels of the upright image, one a person; for a list of
                images a list of such. "detect" finds the people first. Without boxes the whole image is taken as
                one person; a very wide one is warned of, but whether others hold several is not looked at.
            color: the order of the channels of arrays: "rgb", or "bgr" as OpenCV has it.
        Returns:
            The people of the image, in the order of the boxes; of a list, a list.
        Raises:
            FileNotFoundError, ValueError: an image or boxes are missing or wrong, or the detector's weights are.
        """
        if not isinstance(images, list | tuple):
            each = boxes if boxes is None or isinstance(boxes, str) else [boxes]
            return next(self.stream(read_tasks([images], each, color=color, detect=self._detect)))
        if not (boxes is None or isinstance(boxes, list | tuple | str)):
            raise ValueError(
                f"boxes of a list of images are a list of arrays (N, 4), one an image, got a {type(boxes).__name__}"
            )
        return list(self.stream(read_tasks(images, boxes, color=color, detect=self._detect)))

    def predict(self, image_rgb: Image, boxes_xywh: ArrayLike, *, box_scores: ArrayLike | None = None) -> People:
        """Find the keypoints in each box.

        Args:
            image_rgb: (H, W, 3) uint8.
            boxes_xywh: (N, 4) image pixels, not grown; they may reach beyond the image. N may be 0.
            box_scores: (N,) of the detector; 1 by default.
        """
        (people,) = self.stream([Task(image_rgb, boxes_xywh, box_scores)])
        return people

    def stream(self, tasks: Iterable[Task]) -> Iterator[People]:
        """The people of each image, in order; boxes of several images share batches of `batch_size`."""
        waiting: deque[People] = deque()  # their arrays are filled batch by batch
        crops: list[Image] = []
        places: list[tuple[People, int, NDArray[np.float64]]] = []  # of each crop: whose it is, and its box
        for task in tasks:
            image = check_image(task.image)
            boxes = check_boxes(task.boxes_xywh)
            people = self._nobody_yet(task, boxes)
            waiting.append(people)
            for index, box in enumerate(boxes):
                affine = _affines(box[None], self.input_size, to=self.input_size)[0]
                crops.append(warp(image, affine, self.input_size))
                places.append((people, index, box))
                if len(crops) == self.batch_size:
                    self._fill(crops, places)
                    crops, places = [], []
            while waiting and not (places and waiting[0] is places[0][0]):
                yield waiting.popleft()
        if places:
            self._fill(crops, places)
        yield from waiting

    def _nobody_yet(self, task: Task, boxes: NDArray[np.float64]) -> People:
        n, k = len(boxes), self.skeleton.num_keypoints
        given = np.ones(n) if task.box_scores is None else np.asarray(task.box_scores, dtype=np.float64)
        return People(
            image_path=task.path,
            image_size=(task.image.shape[0], task.image.shape[1]),
            keypoints=np.zeros((n, k, 2), dtype=np.float32),
            scores=np.zeros((n, k), dtype=np.float32),
            boxes=boxes.astype(np.float32),
            box_scores=given.astype(np.float32),
            skeleton=self.skeleton,
            image=task.image if task.path is None else None,
        )

    def _fill(self, crops: list[Image], places: list[tuple[People, int, NDArray[np.float64]]]) -> None:
        """Put what is found in a batch of crops where it belongs."""
        heatmaps = self._run(np.stack(crops))
        xy_hm, peaks = (found.cpu().numpy() for found in decode(heatmaps))
        boxes = np.stack([box for _, _, box in places])
        from_hm = invert_affine(_affines(boxes, self.input_size, to=tuple(heatmaps.shape[-2:])))
        for (people, index, _), xy, scores in zip(places, apply_affine(xy_hm, from_hm), peaks, strict=True):
            people.keypoints[index], people.scores[index] = xy, scores

    def heatmaps(self, image_rgb: Image, boxes_xywh: ArrayLike) -> tuple[Image, Tensor]:
        """The crops and heatmaps of N boxes, in one batch whatever `batch_size` says.

        Returns:
            crops: (N, H, W, 3) uint8 RGB, the network's input before it is normalised.
            heatmaps: (N, K, h, w) float32 on the device, the mirrored crop's merged in if `flip_test`.
        """
        image = check_image(image_rgb)
        affines = _affines(check_boxes(boxes_xywh), self.input_size, to=self.input_size)
        crops = np.empty((len(affines), *self.input_size, 3), dtype=np.uint8)
        for crop, affine in zip(crops, affines, strict=True):
            crop[:] = warp(image, affine, self.input_size)
        return crops, self._run(crops)

    def _run(self, crops: Image) -> Tensor:
        """Heatmaps (N, K, h, w) of crops (N, H, W, 3)."""
        images = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
        flip_indices = self.skeleton.flip_indices if self.flip_test else None
        heatmaps = predict_heatmaps(self.model, images, flip_indices=flip_indices)
        if heatmaps.shape[:2] != (len(crops), self.skeleton.num_keypoints):
            raise ValueError(
                f"skeleton '{self.skeleton.name}' has {self.skeleton.num_keypoints} keypoints, the network gives "
                f"heatmaps {tuple(heatmaps.shape)}; use the skeleton that it was trained with"
            )
        if not torch.isfinite(heatmaps).all():
            raise ValueError("the network's heatmaps are not finite; are these the weights of a run that diverged?")
        return heatmaps


def _affines(boxes: NDArray[np.float64], input_size: tuple[int, int], *, to: tuple[int, ...]) -> NDArray[np.float64]:
    """(N, 2, 3) affines from image pixels to a crop, or to a heatmap, of the size `to`."""
    centers, sizes = grow_box(boxes, input_size)
    affines = [crop_affine(c, float(s[0]), (to[0], to[1])) for c, s in zip(centers, sizes, strict=True)]
    return np.array(affines).reshape(-1, 2, 3)


load = Predictor.from_checkpoint  # `pose.load`
