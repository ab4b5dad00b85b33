"""From an image and a person to a crop: half body, scale, rotation and flip as one affine, one warp per sample.

albumentations, which gives the photometric transforms and dropout, takes 3 s to import and asks the network for
updates unless told not to: it is imported only where `extra` transforms are built.
Frames: `_img` original image, `_crop` network input. Points are (x, y), sizes (height, width).
Source: HRNet, `lib/dataset/JointsDataset.py`; the ranges are those of the Dynamic ReLU paper.
"""

from __future__ import annotations

import inspect
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pose.images.read import warp
from pose.keypoints.geometry import HALF_BODY_PADDING, Affine, apply_affine, crop_affine, grow_box
from pose.keypoints.skeletons import Skeleton
from pose.runtime.text import did_you_mean

if TYPE_CHECKING:
    import albumentations as A

IMAGE_MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB, of pixels / 255
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Augment:
    """How much the crop is varied in training.

    Attributes:
        half_body: probability of cropping half the body only, if more keypoints than `half_body_min_keypoints`
            are labelled and the skeleton says which are the upper body.
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


def sample_affine(
    box_xywh: ArrayLike,
    keypoints_img: NDArray[np.float32] | None,
    *,
    skeleton: Skeleton,
    input_size: tuple[int, int],
    augment: Augment | None,
    rng: np.random.Generator,
) -> tuple[Affine, bool]:
    """Draw one augmented crop; without `augment` it is the plain one and nothing is drawn.

    Args:
        box_xywh: (4,) image pixels, cleaned, not grown.
        keypoints_img: (K, 3) x, y, visibility; None if there are none, and then no half bodies.
        input_size: (height, width) of the crop.
    Returns:
        affine: (2, 3) float64 from image to crop pixels, the flip folded in.
        flipped: whether it is; then the caller swaps left and right keypoints.
    """
    center, size = grow_box(box_xywh, input_size)
    if augment is None:
        return crop_affine(center, float(size[0]), input_size), False
    if keypoints_img is not None and skeleton.upper_body:
        labelled = keypoints_img[:, 2] > 0
        if labelled.sum() > augment.half_body_min_keypoints and rng.random() < augment.half_body:
            half = _half_body_box(keypoints_img, skeleton, rng)
            if half is not None:
                center, size = grow_box(half, input_size, padding=HALF_BODY_PADDING)
    factor = np.clip(1 + augment.scale * rng.standard_normal(), 1 - augment.scale, 1 + augment.scale)
    rotation = 0.0
    if rng.random() < augment.rotation_prob:
        if augment.rotation_mode == "uniform":
            rotation = rng.uniform(-augment.rotation, augment.rotation)
        else:
            rotation = np.clip(augment.rotation * rng.standard_normal(), -2 * augment.rotation, 2 * augment.rotation)
    flip = bool(rng.random() < augment.flip)
    # HRNet mirrors the image first and then rotates it. `crop_affine` mirrors the rotated crop, which is the same
    # map with the rotation reversed.
    rotation = -rotation if flip else rotation
    return crop_affine(center, float(size[0] * factor), input_size, rotation=rotation, flip=flip), flip


def _half_body_box(
    keypoints_img: NDArray[np.float32], skeleton: Skeleton, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Box (4,) with the extent of the upper or lower half's labelled keypoints about their mean; None to give up."""
    is_upper = np.isin(np.arange(len(keypoints_img)), skeleton.upper_body)
    labelled = keypoints_img[:, 2] > 0
    points = keypoints_img[:, :2].astype(np.float64)
    upper, lower = points[labelled & is_upper], points[labelled & ~is_upper]
    # A normal draw below 0.5: 69 % of the time, not half. Kept, since published numbers were trained so.
    prefer_upper = rng.standard_normal() < 0.5 and len(upper) > 2
    chosen = lower if not prefer_upper and len(lower) > 2 else upper
    if len(chosen) < 2:
        return None
    extent = np.ptp(chosen, axis=0)
    if not extent.any():  # all in one place: nothing to scale to the crop
        return None
    return np.concatenate([chosen.mean(axis=0) - extent / 2, extent])


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


def build_extra(extra: Sequence[Mapping[str, Any]]) -> list[A.BasicTransform]:
    """Make albumentations' transforms from a config's list, each tried once on a small image.

    Args:
        extra: e.g. [{"name": "ColorJitter", "p": 0.5, "brightness": 0.2}]; `name` is albumentations' class, the
            rest its arguments. Allowed are transforms of the pixels' values, and dropout.
    Raises:
        ValueError: a name or argument is unknown or invalid, a transform would move pixels (the keypoints' frame
            is made by `sample_affine` alone), needs more than the image, or returns no uint8 image of equal size.
    """
    if not extra:
        return []
    library = import_albumentations()
    every: dict[str, Any] = {
        n: c for n, c in vars(library).items() if inspect.isclass(c) and issubclass(c, library.BasicTransform)
    }
    bases = (library.ImageOnlyTransform, *library.CoarseDropout.__bases__, library.PixelDropout)
    valid = {n: c for n, c in every.items() if issubclass(c, bases) and c not in bases[:2]}
    transforms = []
    for index, entry in enumerate(extra):
        where = f"augment.extra[{index}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise ValueError(f"{where} needs a 'name', got {entry!r}; e.g. {{name: ColorJitter, p: 0.5}}")
        name = entry["name"]
        arguments = {key: value for key, value in entry.items() if key != "name"}
        if name not in every:
            raise ValueError(f"{where}: albumentations has no '{name}'; {did_you_mean(name, sorted(valid))}")
        if name not in valid:
            raise ValueError(
                f"{where}: {name} may move pixels or needs masks; use augment's scale, rotation and flip for "
                f"geometry, and here only transforms of pixel values and dropout"
            )
        accepted = [p for p in inspect.signature(valid[name].__init__).parameters if p not in ("self", "strict")]
        for key in arguments:
            if key not in accepted:  # albumentations itself only warns, and trains without it
                raise ValueError(f"{where}: {name} has no argument '{key}'; {did_you_mean(key, accepted)}")
        try:
            transform = valid[name](**arguments, strict=True)
            # Seeded, so that building draws from no shared state.
            transform.set_random_seed(0)
            probe = np.arange(64 * 48 * 3, dtype=np.uint32).reshape(64, 48, 3).astype(np.uint8)
            result = transform(image=probe, force_apply=True)["image"]
        except Exception as error:  # whatever a transform raises on bad values is the config's fault
            reason = " ".join(re.sub(r"For further information visit \S+", "", str(error)).split())
            raise ValueError(f"{where}: {name} does not work with {arguments}: {reason}") from error
        if result.dtype != np.uint8 or result.shape != probe.shape:
            raise ValueError(
                f"{where}: {name} returns {result.dtype} {result.shape}, not uint8 RGB (normalising comes later)"
            )
        transforms.append(transform)
    return transforms


def build_compose(extra: Sequence[Mapping[str, Any]], *, input_size: tuple[int, int]) -> A.Compose:
    """The crop and the `extra` transforms as one albumentations pipeline.

    Call it with `image` (H, W, 3) uint8, `keypoints` (K, 2) image pixels and `affine` (2, 3); it returns the
    crop and the keypoints in crop pixels, float32. Left and right are not swapped: that is the caller's, who knows
    the skeleton and the flip.
    """
    library = import_albumentations()

    base: Any = library.DualTransform

    class CropPerson(base):
        """`warp` and `apply_affine` with the affine that comes with the data."""

        _targets = library.CoarseDropout._targets

        @property
        def targets_as_params(self) -> list[str]:
            return ["affine"]

        def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
            return {"affine": data["affine"]}

        def apply(self, img: NDArray[np.uint8], affine: Affine, **params: Any) -> NDArray[np.uint8]:
            return warp(img, affine, input_size)

        def apply_to_keypoints(self, keypoints: NDArray[Any], affine: Affine, **params: Any) -> NDArray[Any]:
            moved = keypoints.copy()
            moved[:, :2] = apply_affine(keypoints[:, :2], affine)
            return moved

    return library.Compose(
        [CropPerson(p=1.0), *build_extra(extra)],
        # Keypoints outside the crop stay: the targets' weights deal with them.
        keypoint_params=library.KeypointParams(format="xy", remove_invisible=False),
    )


def seed_compose(compose: Any, rng: np.random.Generator) -> None:
    """Let a pipeline draw from `rng`: it has two generators, and this costs far less than building it anew."""
    compose.set_random_state(rng, random.Random(int(rng.integers(2**63))))


def import_albumentations() -> Any:
    """The library, told not to ask the network for updates."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations
