"""From an image and the boxes of its people to their keypoints.

Shapes: N boxes, K keypoints, B batch. Frames: `_img` the image, `_crop` the network's input, `_hm` its heatmaps.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from pose.codec import decode, merge_flip
from pose.data.images import MAX_IMAGE_SIDE, read_upright
from pose.data.transforms import normalize, warp
from pose.geometry import apply_affine, crop_affine, grow_box, invert_affine
from pose.results import People
from pose.skeleton import Skeleton
from pose.visualize import Image


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
    """A network and how to use it: all boxes of an image in batches.

    Args:
        model: (B, 3, H, W) normalised crops -> (B, K, h, w) heatmaps. Moved to `device`, set to evaluation mode.
        input_size: (height, width) of the crops.
        flip_test: average with the mirrored crop; twice the time, and the protocol of published numbers.
        batch_size: boxes at a time.
        source: where the weights come from, for the header of predictions.json.
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

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, *, device: str = "auto", flip_test: bool = True, batch_size: int = 64
    ) -> Predictor:
        """Load a .safetensors file of `pose train`, or a run folder's best one.

        Raises:
            FileNotFoundError, ValueError: no such file, not a checkpoint, or no such device.
        """
        from pose.engine.checkpoint import load_checkpoint  # the engine imports this module

        chosen = pick_device(device)
        checkpoint = load_checkpoint(path)
        return cls(
            checkpoint.build(chosen),
            skeleton=checkpoint.skeleton,
            input_size=checkpoint.config.model.input_size,
            device=chosen,
            flip_test=flip_test,
            batch_size=batch_size,
            source=str(checkpoint.path),
        )

    def __call__(self, image: str | Path | Image, *, boxes: ArrayLike | None = None) -> People:
        """Find the keypoints of an image file or array; without `boxes` (N, 4) xywh, of the image as one person.

        A file is turned upright by its EXIF orientation, as viewers show it.
        """
        path = None if isinstance(image, np.ndarray) else Path(image)
        array = image if isinstance(image, np.ndarray) else read_upright(image)
        if boxes is None:
            boxes = whole_box(array)
        return replace(self.predict(array, boxes), image_path=path)

    def predict(self, image_rgb: Image, boxes_xywh: ArrayLike, *, box_scores: ArrayLike | None = None) -> People:
        """Find the keypoints in each box.

        Args:
            image_rgb: (H, W, 3) uint8.
            boxes_xywh: (N, 4) image pixels, not grown; they may reach beyond the image. N may be 0.
            box_scores: (N,) of the detector; 1 by default.
        Raises:
            ValueError: a box is malformed, the image is no RGB image or too large, or the network's output is not
                finite or has another number of keypoints than the skeleton.
        """
        boxes = _check_boxes(boxes_xywh)
        given = np.ones(len(boxes)) if box_scores is None else np.asarray(box_scores, dtype=np.float64)
        if given.shape != (len(boxes),):
            raise ValueError(f"box_scores must be ({len(boxes)},), one a box, got {given.shape}")
        keypoints = [np.zeros((0, self.skeleton.num_keypoints, 2))]
        scores = [np.zeros((0, self.skeleton.num_keypoints))]
        for start in range(0, len(boxes), self.batch_size):
            batch = boxes[start : start + self.batch_size]
            _, heatmaps = self.heatmaps(image_rgb, batch)
            xy_hm, peaks = decode(heatmaps)
            from_hm = invert_affine(_affines(batch, self.input_size, to=tuple(heatmaps.shape[-2:])))
            keypoints.append(apply_affine(xy_hm.cpu().numpy(), from_hm))
            scores.append(peaks.cpu().numpy())
        return People(
            image_path=None,
            image_size=(image_rgb.shape[0], image_rgb.shape[1]),
            keypoints=np.concatenate(keypoints).astype(np.float32),
            scores=np.concatenate(scores).astype(np.float32),
            boxes=boxes.astype(np.float32),
            box_scores=given.astype(np.float32),
            skeleton=self.skeleton,
        )

    def heatmaps(self, image_rgb: Image, boxes_xywh: ArrayLike) -> tuple[Image, Tensor]:
        """The crops and heatmaps of N boxes, in one batch whatever `batch_size` says.

        Returns:
            crops: (N, H, W, 3) uint8 RGB, the network's input before it is normalised.
            heatmaps: (N, K, h, w) float32 on the device, the mirrored crop's merged in if `flip_test`.
        """
        if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
            raise ValueError(f"the image must be (H, W, 3) uint8 in RGB, got {image_rgb.dtype} {image_rgb.shape}")
        if not 0 < max(image_rgb.shape[:2]) <= MAX_IMAGE_SIDE:
            raise ValueError(f"the image is {image_rgb.shape[:2]}; sides go from 1 to {MAX_IMAGE_SIDE} pixels")
        affines = _affines(_check_boxes(boxes_xywh), self.input_size, to=self.input_size)
        crops = np.empty((len(affines), *self.input_size, 3), dtype=np.uint8)
        for crop, affine in zip(crops, affines, strict=True):
            crop[:] = warp(image_rgb, affine, self.input_size)
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
        return crops, heatmaps


def whole_box(image_rgb: Image) -> NDArray[np.float64]:
    """(1, 4) xywh that covers the image."""
    height, width = image_rgb.shape[:2]
    return np.array([[0.0, 0.0, width, height]])


def _check_boxes(boxes_xywh: ArrayLike) -> NDArray[np.float64]:
    try:
        boxes = np.asarray(boxes_xywh, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"boxes must be numbers, (N, 4) x, y, width, height; got {boxes_xywh!r:.80}") from None
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4) x, y, width, height in pixels, got {boxes.shape}; one box is [[...]]")
    wrong = ~np.isfinite(boxes).all(axis=1) | ~(boxes[:, 2:] > 0).all(axis=1)
    if wrong.any():
        index = int(wrong.argmax())
        raise ValueError(
            f"box {index} is {boxes[index].tolist()}; it needs finite x, y and a positive width and height "
            f"(not a second corner)"
        )
    return boxes


def _affines(boxes: NDArray[np.float64], input_size: tuple[int, int], *, to: tuple[int, ...]) -> NDArray[np.float64]:
    """(N, 2, 3) affines from image pixels to a crop, or to a heatmap, of the size `to`."""
    centers, sizes = grow_box(boxes, input_size)
    affines = [crop_affine(c, float(s[0]), (to[0], to[1])) for c, s in zip(centers, sizes, strict=True)]
    return np.array(affines).reshape(-1, 2, 3)
