"""Transforms of the crop's pixel values and dropout, by albumentations, as a config lists them.

albumentations takes 3 s to import and asks the network for updates unless told not to: it is imported only where
such transforms are built. Frames: `_img` original image, `_crop` network input.
"""

from __future__ import annotations

import inspect
import os
import random
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pose.data.movement import check_still
from pose.images.warp import warp
from pose.keypoints.geometry import Affine, apply_affine
from pose.runtime.text import did_you_mean

if TYPE_CHECKING:
    import albumentations as A


def import_albumentations() -> Any:
    """Import the library, told not to ask the network for updates."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def build_extra(extra: Sequence[Mapping[str, Any]]) -> list[A.BasicTransform]:
    """Make albumentations' transforms from a config's list, each tried once on a small image.

    Args:
        extra: e.g. [{"name": "ColorJitter", "p": 0.5, "brightness": 0.2}]; `name` is albumentations' class, the
            rest its arguments. Allowed are transforms of the pixels' values, and dropout.
    Raises:
        ValueError: a name or argument is unknown or invalid, a transform would move pixels (the keypoints' frame
            is made by `Draw.affine` alone), needs more than the image, or returns no uint8 image of equal size.
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
        if name not in every:
            raise ValueError(f"{where}: albumentations has no '{name}'; {did_you_mean(name, sorted(valid))}")
        if name not in valid:
            raise ValueError(
                f"{where}: {name} may move pixels or needs masks; use augment's scale, rotation and flip for "
                f"geometry, and here only transforms of pixel values and dropout"
            )
        transforms.append(_build(valid[name], entry, f"{where}: {name}"))
    return transforms


def _build(transform_class: Any, entry: Mapping[str, Any], what: str) -> A.BasicTransform:
    """Make one transform and try it; `what` names it in messages."""
    arguments = {key: value for key, value in entry.items() if key != "name"}
    accepted = [p for p in inspect.signature(transform_class.__init__).parameters if p not in ("self", "strict")]
    for key in arguments:
        if key not in accepted:  # albumentations itself only warns, and trains without it
            raise ValueError(f"{what} has no argument '{key}'; {did_you_mean(key, accepted)}")
    try:
        transform = transform_class(**arguments, strict=True)
        # Seeded, so that building draws from no shared state.
        transform.set_random_seed(0)
        probe = np.arange(64 * 48 * 3, dtype=np.uint32).reshape(64, 48, 3).astype(np.uint8)
        result = transform(image=probe, force_apply=True)["image"]
    except Exception as error:  # whatever a transform raises on bad values is the config's fault
        reason = " ".join(re.sub(r"For further information visit \S+", "", str(error)).split())
        raise ValueError(f"{what} does not work with {arguments}: {reason}") from error
    if result.dtype != np.uint8 or result.shape != probe.shape:
        raise ValueError(f"{what} returns {result.dtype} {result.shape}, not uint8 RGB (normalizing comes later)")
    return transform


def check_extra(extra: Sequence[Mapping[str, Any]]) -> None:
    """Make the transforms of a config's list and see that they leave the content where its keypoints are.

    Raises:
        ValueError: see `build_extra` and `check_still`.
    """
    for index, transform in enumerate(build_extra(extra)):
        check_still(transform, f"augment.extra[{index}]: {extra[index]['name']}")


def build_compose(
    extra: Sequence[Mapping[str, Any]], *, input_size: tuple[int, int], average: bool = False
) -> A.Compose:
    """Make one albumentations pipeline of the crop and the `extra` transforms.

    Call it with `image` (H, W, 3) uint8, `keypoints` (K, 2) image pixels and `affine` (2, 3); it returns the
    crop and the keypoints in crop pixels, float32. Left and right are not swapped: that is the caller's, who knows
    the skeleton and the flip. `average` is that of `warp`.
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
            return warp(img, affine, input_size, average=average)

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
