"""From images and the boxes of their people to keypoints, whatever runs the network. numpy and OpenCV only.

Shapes: N boxes, K keypoints, B batch. Frames: `_img` the image, `_crop` the network's input.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.data.boxes import Boxes
from pose.images.types import Image, check_image
from pose.images.warp import warp
from pose.inference.detector import CheckedDetector, Detector, check_detector, load_detector
from pose.inference.inputs import ChannelOrder, Images, PredictRequest, check_boxes, read_requests
from pose.inference.memory import check_batch_size, fitting_batch_size
from pose.inference.results import People
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box, invert_affine
from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Floats
from pose.runtime.errors import DataError
from pose.runtime.text import plural

if TYPE_CHECKING:
    import torch

    from pose.inference.inputs import ImageLike


# Keypoints (B, K, 2) in crop pixels, their scores (B, K), and the heatmaps (B, K, h, w) if they are wanted; float32.
CropPredictions = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]
CropHeatmaps = tuple[Image, NDArray[np.float32]]  # of a person: the network's input (H, W, 3) and heatmaps (K, h, w)
_Result = tuple[People, list[CropHeatmaps]]  # of an image


class _Place(NamedTuple):
    """Where what is found in a crop belongs: to which image, which person of it, and their box (4,)."""

    result: _Result
    row: int
    box: Floats


class PredictorBase(ABC):
    """Predicts the keypoints of all boxes of all images in batches. Safe to share between threads.

    Args:
        input_size: (height, width) of the crops.
        unbiased: how their pixels are counted, see `pose.codecs.codec.Codec`.
        device: the one that a detector runs on.
        flip_test: whether heatmaps are averaged with those of the mirrored crop.
        batch_size: boxes at a time; fewer with a warning, if their crops would not fit into the memory.
        source: where the weights come from, for the header of predictions.json.
        detector: what finds people for `boxes="detect"`: a name of `pose.inference.detector.DETECTORS`, loaded when
            first needed, or any `Detector`.
    """

    device: torch.device | None  # of the network; None for the CPU where there is no choice

    def __init__(
        self,
        *,
        skeleton: Skeleton,
        input_size: tuple[int, int],
        unbiased: bool,
        device: torch.device | str,
        flip_test: bool,
        batch_size: int,
        source: str | None,
        detector: str | Detector,
    ) -> None:
        check_batch_size(batch_size)
        self.skeleton = skeleton
        self.input_size = input_size
        self.unbiased = unbiased
        self.flip_test = flip_test
        self.batch_size = fitting_batch_size(batch_size, input_size, device=device)
        self.source = source
        self._detector = check_detector(detector)
        self._detector_device = device
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        height, width = self.input_size
        where = "" if self.device is None else f", on {self.device}"
        return (
            f"<{type(self).__name__} of {self.source or 'a network'}: "
            f"{plural(self.skeleton.num_keypoints, 'keypoint')} ({self.skeleton.name}), "
            f"crops {height} x {width} (height x width){where}>"
        )

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and deepcopy, which know no locks."""
        return {key: value for key, value in self.__dict__.items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @abstractmethod
    def _predict_crops(self, crops: Image, *, heatmaps: bool) -> CropPredictions:
        """Run the network on crops (B, H, W, 3) uint8 RGB.

        Args:
            heatmaps: whether they are wanted too.
        """

    @abstractmethod
    def heatmaps(self, image_rgb: Image, boxes_xywh: ArrayLike) -> tuple[Image, Any]:
        """Make the crops and heatmaps of N boxes, in one batch whatever `batch_size` says.

        Returns:
            crops: (N, H, W, 3) uint8 RGB, the network's input before it is normalized.
            heatmaps: (N, K, h, w) float32, averaged with those of the mirrored crop if `flip_test`; a tensor on the
                device, but an array where an .onnx runs.
        Raises:
            ValueError: a box is malformed, or there are no heatmaps.
        """

    def check_heatmaps(self) -> None:  # noqa: B027 (only some have none)
        """Fail before the work: raises ValueError if there are no heatmaps."""

    @property
    def detector(self) -> Detector:
        """What finds the people for `boxes="detect"`.

        Raises:
            FileNotFoundError, OSError, ValueError: its weights cannot be had, or are no such weights.
        """
        with self._lock:
            if isinstance(self._detector, str):
                self._detector = load_detector(self._detector, device=self._detector_device)
            return self._detector

    def _detect(self, images_rgb: Sequence[Image]) -> list[Boxes]:
        checked = CheckedDetector(self.detector)
        found = checked(images_rgb)
        checked.warn()
        return found

    @overload
    def __call__(
        self, images: ImageLike, *, boxes: ArrayLike | Literal["detect"] | None = None, color: ChannelOrder = "rgb"
    ) -> People: ...

    @overload
    def __call__(
        self,
        images: Images,
        *,
        boxes: Sequence[ArrayLike] | Literal["detect"] | None = None,
        color: ChannelOrder = "rgb",
    ) -> list[People]: ...

    def __call__(
        self,
        images: ImageLike | Images,
        *,
        boxes: ArrayLike | Sequence[ArrayLike] | Literal["detect"] | None = None,
        color: ChannelOrder = "rgb",
    ) -> People | list[People]:
        """Find the keypoints of the people in an image, or in each of a list.

        Args:
            images: a path, an array (H, W, 3) of uint8, a PIL image, or a list of those. Files and PIL images are
                turned upright by their EXIF orientation, as viewers show them.
            boxes: (N, 4) left, top, width, height in pixels of the upright image, one per person; for a list of
                images a list of such arrays. "detect" finds the people first. Without boxes the whole image is taken
                as one person, with a warning.
            color: the order of the channels of arrays: "rgb", or "bgr" as OpenCV has it.
        Returns:
            The people of the image, in the order of the boxes; of a list, a list.
        Raises:
            FileNotFoundError, ValueError: an image or boxes are missing or wrong, or the detector's weights are.
        """
        if not isinstance(images, list | tuple):
            each = boxes if boxes is None or isinstance(boxes, str) else [boxes]
            return next(self.stream(read_requests([images], each, color=color, detect=self._detect)))
        if not (boxes is None or isinstance(boxes, list | tuple | str)):
            raise ValueError(
                f"boxes of a list of images are a list of arrays (N, 4), one per image, got a {type(boxes).__name__}"
            )
        return list(self.stream(read_requests(images, boxes, color=color, detect=self._detect)))

    def predict(self, image_rgb: Image, boxes_xywh: ArrayLike, *, box_scores: ArrayLike | None = None) -> People:
        """Find the keypoints in each box.

        Args:
            image_rgb: (H, W, 3) uint8.
            boxes_xywh: (N, 4) image pixels, not grown; they may reach beyond the image. N may be 0.
            box_scores: (N,) of the detector; 1 by default.
        """
        (people,) = self.stream([PredictRequest(image_rgb, boxes_xywh, box_scores)])
        return people

    def stream(self, requests: Iterable[PredictRequest]) -> Iterator[People]:
        """The people of each image, in order; boxes of several images share batches of `batch_size`."""
        for people, _ in self._in_batches(requests, heatmaps=False):
            yield people

    def stream_with_heatmaps(self, requests: Iterable[PredictRequest]) -> Iterator[tuple[People, list[CropHeatmaps]]]:
        """Like `stream`, with what the network saw of each person and its heatmaps.

        Raises:
            ValueError: there are no heatmaps.
        """
        self.check_heatmaps()
        return self._in_batches(requests, heatmaps=True)

    def _in_batches(
        self, requests: Iterable[PredictRequest], *, heatmaps: bool
    ) -> Iterator[tuple[People, list[CropHeatmaps]]]:
        waiting: deque[_Result] = deque()  # their arrays are filled batch by batch
        crops: list[Image] = []
        places: list[_Place] = []
        for request in requests:
            image = check_image(request.image)
            boxes = check_boxes(request.boxes_xywh)
            result = self._empty_result(request, boxes), list[CropHeatmaps]()
            waiting.append(result)
            for index, box in enumerate(boxes):
                affine = _affines(box[None], self.input_size, unbiased=self.unbiased)[0]
                crops.append(warp(image, affine, self.input_size, average=True))
                places.append(_Place(result, index, box))
                if len(crops) == self.batch_size:
                    self._store_batch(crops, places, heatmaps=heatmaps)
                    crops, places = [], []
            while waiting and not (places and waiting[0] is places[0].result):
                yield waiting.popleft()
        if places:
            self._store_batch(crops, places, heatmaps=heatmaps)
        yield from waiting

    def _empty_result(self, request: PredictRequest, boxes: Floats) -> People:
        n, k = len(boxes), self.skeleton.num_keypoints
        given = np.ones(n) if request.box_scores is None else np.asarray(request.box_scores, dtype=np.float64)
        if not np.isfinite(given).all():
            raise DataError(f"box_scores must be finite numbers, one per box, got {given.tolist()!s:.80}")
        return People(
            image_path=request.path,
            image_size=(request.image.shape[0], request.image.shape[1]),
            keypoints=np.zeros((n, k, 2), dtype=np.float32),
            scores=np.zeros((n, k), dtype=np.float32),
            boxes=boxes.astype(np.float32),
            box_scores=given.astype(np.float32),
            skeleton=self.skeleton,
            image=request.image if request.path is None else None,
        )

    def _store_batch(self, crops: list[Image], places: list[_Place], *, heatmaps: bool) -> None:
        """Put what is found in a batch of crops where it belongs."""
        xy_crop, peaks, maps = self._predict_crops(np.stack(crops), heatmaps=heatmaps)
        boxes = np.stack([place.box for place in places])
        from_crop = invert_affine(_affines(boxes, self.input_size, unbiased=self.unbiased))
        for place, xy, scores in zip(places, apply_affine(xy_crop, from_crop), peaks, strict=True):
            people, _ = place.result
            people.keypoints[place.row], people.scores[place.row] = xy, scores
        if maps is not None:
            for place, crop, each in zip(places, crops, maps, strict=True):
                place.result[1].append((crop, each))


def crop_boxes(
    image_rgb: Image, boxes_xywh: ArrayLike, input_size: tuple[int, int], *, unbiased: bool = False
) -> Image:
    """Cut out what a network sees of each box, without the noise of images that are made much smaller.

    Args:
        image_rgb: (H, W, 3) uint8.
        boxes_xywh: (N, 4) image pixels, not grown.
        input_size: (height, width) of the crops.
        unbiased: how their pixels are counted, see `pose.codecs.codec.Codec`.
    Returns:
        (N, height, width, 3) uint8.
    Raises:
        ValueError: a box is malformed, or the image is no RGB image, or too large.
    """
    image, affines = check_image(image_rgb), _affines(check_boxes(boxes_xywh), input_size, unbiased=unbiased)
    crops = np.empty((len(affines), *input_size, 3), dtype=np.uint8)
    for crop, affine in zip(crops, affines, strict=True):
        crop[:] = warp(image, affine, input_size, average=True)
    return crops


def _affines(boxes: Floats, input_size: tuple[int, int], *, unbiased: bool) -> Floats:
    """(N, 2, 3) affines from image to crop pixels."""
    centers, sizes = grow_box(boxes, input_size)
    affines = [
        crop_affine(c, float(s[1]), input_size, unbiased=unbiased) for c, s in zip(centers, sizes, strict=True)
    ]
    return np.array(affines).reshape(-1, 2, 3)
