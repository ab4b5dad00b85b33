"""From an image and a person to a crop: half body, scale, rotation and flip as one affine, one warp per sample.

`Augment` says how much crops vary, `Augment.draw` makes the random choices of one crop, and `Draw.affine` applies
them, or choices that somebody gives.
Frames: `_img` original image, `_crop` network input. Points are (x, y), sizes (height, width).
Source: HRNet, `lib/dataset/JointsDataset.py`; the ranges are those of the Dynamic ReLU paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pose.keypoints.geometry import HALF_BODY_PADDING, Affine, crop_affine, grow_box
from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Bools

IMAGE_MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB, of pixels / 255
IMAGE_STD = (0.229, 0.224, 0.225)

Half = Literal["upper", "lower"]


@dataclass(frozen=True)
class Draw:
    """The choices that make one person's crop; `Draw()` is the plain crop of evaluation.

    Attributes:
        half: half of the body to crop; None for the person's whole box.
        scale: factor on the grown box.
        rotation: degrees, positive turns the content counterclockwise on screen; a flipped image is turned after
            it was mirrored.
        flip: whether the crop is mirrored; then the caller swaps left and right keypoints.
    """

    half: Half | None = None
    scale: float = 1.0
    rotation: float = 0.0
    flip: bool = False

    def affine(
        self,
        box_xywh: ArrayLike,
        keypoints_img: NDArray[np.float32] | None,
        *,
        skeleton: Skeleton,
        input_size: tuple[int, int],
        unbiased: bool = False,
    ) -> Affine:
        """Make the affine from image to crop pixels, the flip folded in.

        Args:
            box_xywh: (4,) image pixels, cleaned, not grown.
            keypoints_img: (K, 3) x, y, visibility, for the box of a half; None if there are none. Where they
                give the half no box (see `half_body_box`), the whole box is taken.
            input_size: (height, width) of the crop.
            unbiased: see `pose.keypoints.geometry.crop_affine`.
        Returns:
            (2, 3) float64.
        """
        half = None
        if self.half is not None and keypoints_img is not None:
            half = half_body_box(keypoints_img, skeleton, half=self.half)
        if half is None:
            center, size = grow_box(box_xywh, input_size)
        else:
            center, size = grow_box(half, input_size, padding=HALF_BODY_PADDING)
        # HRNet mirrors the image first and then rotates it. `crop_affine` mirrors the rotated crop, which is the
        # same map with the rotation reversed.
        rotation = -self.rotation if self.flip else self.rotation
        width = float(size[1] * self.scale)
        return crop_affine(center, width, input_size, rotation=rotation, flip=self.flip, unbiased=unbiased)


@dataclass(frozen=True)
class Augment:
    """How much the crop is varied in training.

    Attributes:
        half_body: probability of cropping half the body only, if more keypoints than `half_body_min_keypoints`
            are labeled and the skeleton says which are the upper body.
        scale: standard deviation of the box's factor, and its bounds: 1 - scale to 1 + scale.
        rotation: degrees.
        rotation_prob: probability of any rotation.
        rotation_mode: "uniform" in [-rotation, rotation], or "hrnet": normal with deviation `rotation`,
            clipped at twice that.
        flip: probability.
    """

    half_body: float = 0.3
    half_body_min_keypoints: int = 8
    scale: float = 0.35
    rotation: float = 45.0
    rotation_prob: float = 0.6
    rotation_mode: Literal["uniform", "hrnet"] = "uniform"
    flip: float = 0.5

    def __post_init__(self) -> None:
        for key in ("half_body", "rotation_prob", "flip"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"augment.{key} is a probability in [0, 1], got {getattr(self, key)}")
        if not 0 <= self.scale < 1:
            raise ValueError(f"augment.scale must be in [0, 1), got {self.scale}; the box may not shrink to nothing")
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"augment.rotation is degrees in [0, 180], got {self.rotation}")
        if self.rotation_mode not in ("uniform", "hrnet"):
            raise ValueError(f"augment.rotation_mode is 'uniform' or 'hrnet', got {self.rotation_mode!r}")

    def draw(
        self, keypoints_img: NDArray[np.float32] | None, *, skeleton: Skeleton, rng: np.random.Generator
    ) -> Draw:
        """Draw the choices of one crop.

        The order of the draws is part of what a seed means: do not change it.

        Args:
            keypoints_img: (K, 3) x, y, visibility; None if there are none, and then no half bodies.
        """
        half: Half | None = None
        if keypoints_img is not None and skeleton.upper_body:
            labeled = keypoints_img[:, 2] > 0
            if labeled.sum() > self.half_body_min_keypoints and rng.random() < self.half_body:
                half = _draw_half(labeled, skeleton, rng)
        factor = np.clip(1 + self.scale * rng.standard_normal(), 1 - self.scale, 1 + self.scale)
        rotation = 0.0
        if rng.random() < self.rotation_prob:
            if self.rotation_mode == "uniform":
                rotation = rng.uniform(-self.rotation, self.rotation)
            else:
                rotation = np.clip(self.rotation * rng.standard_normal(), -2 * self.rotation, 2 * self.rotation)
        return Draw(half, float(factor), float(rotation), bool(rng.random() < self.flip))


def _draw_half(labeled: Bools, skeleton: Skeleton, rng: np.random.Generator) -> Half:
    """Choose a half with more than two labeled keypoints; the upper one if neither has them."""
    is_upper = _is_upper(skeleton)
    upper, lower = int((labeled & is_upper).sum()), int((labeled & ~is_upper).sum())
    # A normal draw below 0.5: 69 % of the time, not half. Kept, since published numbers were trained so.
    prefer_upper = rng.standard_normal() < 0.5 and upper > 2
    return "lower" if not prefer_upper and lower > 2 else "upper"


def half_body_box(
    keypoints_img: NDArray[np.float32], skeleton: Skeleton, *, half: Half
) -> NDArray[np.float64] | None:
    """Make the box of half a person: the extent of the half's labeled keypoints, about their mean.

    Args:
        keypoints_img: (K, 3) x, y, visibility.
    Returns:
        (4,) left, top, width, height in image pixels; None if fewer than two keypoints of the half are labeled, or
        all in one place, which gives nothing to scale to the crop.
    """
    is_upper = _is_upper(skeleton)
    labeled = keypoints_img[:, 2] > 0
    points = keypoints_img[:, :2].astype(np.float64)[labeled & (is_upper if half == "upper" else ~is_upper)]
    if len(points) < 2:
        return None
    extent = np.ptp(points, axis=0)
    if not extent.any():
        return None
    return np.concatenate([points.mean(axis=0) - extent / 2, extent])


def _is_upper(skeleton: Skeleton) -> Bools:
    return np.isin(np.arange(skeleton.num_keypoints), skeleton.upper_body)


def normalize(images: Tensor) -> Tensor:
    """Scale a batch of uint8 images (B, 3, H, W), RGB, to the mean and deviation of ImageNet, as float32."""
    mean, std = _mean_and_std(images.device)
    if images.device.type == "cpu" and images.is_contiguous(memory_format=torch.channels_last):
        # Rows of (red, green, blue, red, ...): the same arithmetic, over long rows instead of three values at a time.
        batch, _, height, width = images.shape
        rows = images.permute(0, 2, 3, 1).reshape(batch * height, width * 3).float()
        rows.div_(255).sub_(mean.repeat(width)).div_(std.repeat(width))
        return rows.view(batch, height, width, 3).permute(0, 3, 1, 2)
    return images.float().div_(255).sub_(mean[:, None, None]).div_(std[:, None, None])


_ON_DEVICE: dict[torch.device, tuple[Tensor, Tensor]] = {}


def _mean_and_std(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3,) each, copied to a device once: a GPU waits for every copy."""
    if device in _ON_DEVICE:
        return _ON_DEVICE[device]
    with torch.inference_mode(False):  # so that training may use them too
        both = torch.tensor(IMAGE_MEAN, device=device), torch.tensor(IMAGE_STD, device=device)
    if type(both[0]) is Tensor:  # and not what stands for one while a network is traced
        _ON_DEVICE[device] = both
    return both
