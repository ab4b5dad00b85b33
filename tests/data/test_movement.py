"""Transforms that move the content away from its keypoints are found, and no others."""

from __future__ import annotations

import warnings
from typing import Any

import cv2
import numpy as np
import pytest

from pose.data.dataset import PeopleDataset
from pose.data.movement import SIZE, _Texture, measure_shift
from pose.data.photometric import check_extra
from pose.keypoints.skeletons import COCO17


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, 0.0), (-2.5, 1.5), (0.25, -3.0)])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_known_shift_is_measured(shift: tuple[float, float], inverted: bool) -> None:
    texture = _Texture()
    gray = (128 + 5 * texture(np.array(shift))[0]).round().clip(0, 255).astype(np.uint8)
    gray = 255 - gray if inverted else gray
    found, left = measure_shift(cv2.GaussianBlur(np.stack([gray] * 3, axis=-1), (5, 5), 1.2), texture)
    np.testing.assert_allclose(found, shift, atol=0.05)
    assert gray.shape == SIZE
    if any(shift):
        assert left < 0.1


def test_downscale_is_refused_with_what_to_set() -> None:
    message = (
        r"augment\.extra\[1\]: Downscale moves what is in the image by \+1\.[45] px in x and \+1\.[45] px in y, and "
        r"keypoints stay where they are; set interpolation_pair: \{downscale: 3, upscale: 1\}"
    )
    with pytest.raises(ValueError, match=message):
        check_extra([{"name": "ColorJitter"}, {"name": "Downscale"}])
    check_extra([{"name": "Downscale", "interpolation_pair": {"downscale": 3, "upscale": 1}}])
    with pytest.raises(ValueError, match="Downscale moves what is in the image"):
        PeopleDataset([], COCO17, input_size=(64, 48), extra=[{"name": "Downscale"}])


@pytest.mark.parametrize("more", [{}, {"allow_shifted": False, "blur_limit": [15, 15]}])
def test_shifts_by_chance_are_warned_of(more: dict[str, Any]) -> None:
    with pytest.warns(
        UserWarning, match=r"MotionBlur moves what is in the image, by up to \d\.\d px in \d of 8 draws"
    ):
        check_extra([{"name": "MotionBlur", **more}])


@pytest.mark.parametrize(
    "name",
    [
        "AdvancedBlur",
        "Blur",
        "CLAHE",
        "CoarseDropout",
        "ColorJitter",
        "Defocus",
        "Equalize",
        "Erasing",
        "GaussNoise",
        "GaussianBlur",
        "GlassBlur",
        "GridDropout",
        "ISONoise",
        "ImageCompression",
        "InvertImg",
        "PlasmaShadow",
        "Posterize",
        "RandomFog",
        "RandomRain",
        "RandomShadow",
        "RandomSnow",
        "RandomSunFlare",
        "SaltAndPepper",
        "Sharpen",
        "Solarize",
        "Spatter",
        "ToGray",
        "ZoomBlur",
    ],
)
def test_what_stays_in_its_place_passes(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_extra([{"name": name}])
