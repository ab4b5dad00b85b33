"""albumentations' transforms: which are taken, which are refused, and that they leave keypoints alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from pose.data.photometric import build_compose, build_extra
from pose.data.transforms import Augment
from pose.images.warp import warp
from pose.keypoints.geometry import apply_affine
from pose.keypoints.skeletons import COCO17

INPUT = (256, 192)
BOX = np.array([100.0, 60.0, 150.0, 250.0])


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image of noise, keypoints (17, 2) in the box, and an augmented crop's affine."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (360, 400, 3), dtype=np.uint8)
    points = np.column_stack([rng.uniform([110, 70], [240, 300], (17, 2)).round(), np.full(17, 2)]).astype(np.float32)
    choices = Augment().draw(points, skeleton=COCO17, rng=rng)
    return image, points[:, :2], choices.affine(BOX, points, skeleton=COCO17, input_size=INPUT)


def test_compose_without_extra_equals_the_plain_path() -> None:
    compose = build_compose([], input_size=INPUT)
    for seed in range(10):
        image, keypoints, affine = scene(seed)
        result = compose(image=image, keypoints=keypoints, affine=affine)
        np.testing.assert_array_equal(result["image"], warp(image, affine, INPUT))
        # albumentations carries keypoints as float32: 6e-5 at 1000 px.
        np.testing.assert_allclose(result["keypoints"], apply_affine(keypoints, affine), atol=2e-4)


def test_extra_changes_pixels_but_no_keypoints() -> None:
    image, keypoints, affine = scene(3)
    extra = [{"name": "ColorJitter", "p": 1}, {"name": "CoarseDropout", "p": 1, "num_holes_range": [8, 8]}]
    result = build_compose(extra, input_size=INPUT)(image=image, keypoints=keypoints, affine=affine)
    assert (result["image"] != warp(image, affine, INPUT)).mean() > 0.5
    np.testing.assert_allclose(result["keypoints"], apply_affine(keypoints, affine), atol=2e-4)


@pytest.mark.parametrize(
    "name",
    [
        "ColorJitter",
        "GaussianBlur",
        "RandomBrightnessContrast",
        "ToGray",
        "CoarseDropout",
        "GridDropout",
        "PixelDropout",
    ],
)
def test_build_extra_takes_photometric_transforms_and_dropout(name: str) -> None:
    (transform,) = build_extra([{"name": name, "p": 0.25}])
    assert type(transform).__name__ == name
    assert transform.p == 0.25


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "ColourJitter"}, "no 'ColourJitter'; did you mean 'ColorJitter'"),
        ({"p": 0.5}, "needs a 'name'"),
        ("ColorJitter", "needs a 'name'"),
        ({"name": "HorizontalFlip"}, "HorizontalFlip may move pixels"),
        ({"name": "Affine"}, "Affine may move pixels"),
        ({"name": "MaskDropout"}, "needs masks"),
        ({"name": "ImageOnlyTransform"}, "may move pixels"),
        ({"name": "ColorJitter", "brightnes": 0.2}, "no argument 'brightnes'; did you mean 'brightness'"),
        ({"name": "ColorJitter", "strict": False}, "no argument 'strict'"),
        ({"name": "ColorJitter", "p": 2}, "does not work with .*less than or equal to 1"),
        ({"name": "Normalize"}, "returns float32"),
        ({"name": "FDA"}, "FDA does not work"),
    ],
)
def test_build_extra_refuses(entry: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        build_extra([{"name": "ColorJitter"}, entry])
    assert "extra[1]" in str(caught.value)


@pytest.mark.slow
def test_importing_and_building_nothing_does_not_load_albumentations() -> None:
    code = "import sys, pose.data.loader, pose.data.photometric as p; p.build_extra([]); "
    code += "print('albumentations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
