from __future__ import annotations

import numpy as np
import pytest

from pose.images.warp import warp
from pose.inference.base import crop_boxes
from pose.keypoints.geometry import crop_affine

SIZE = (64, 48)


def ramp(height: int, width: int) -> np.ndarray:
    """An image whose channels are x and y, as shares of its sides: blocks of it have the mean of their center."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, np.full_like(x, 100)], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.7, 1.99])
def test_small_scales_are_equal_to_the_bit(scale: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    affine = crop_affine((60, 40), 48 * scale, SIZE, rotation=20, flip=True)
    np.testing.assert_array_equal(warp(image, affine, SIZE, average=True), warp(image, affine, SIZE))


@pytest.mark.parametrize("scale", [2.0, 2.9, 5.3, 17.0])
@pytest.mark.parametrize("rotation", [0.0, 33.0])
@pytest.mark.parametrize("flip", [False, True])
def test_the_content_stays_where_it_is(scale: float, rotation: float, flip: bool) -> None:
    image = ramp(int(101 * scale), int(73 * scale))  # seldom a multiple of the block
    affine = crop_affine((37.3 * scale, 49.8 * scale), 48 * scale, SIZE, rotation=rotation, flip=flip)
    mean, bilinear = warp(image, affine, SIZE, average=True).astype(int), warp(image, affine, SIZE).astype(int)
    inside = (bilinear[..., 2] == 100) & (mean[..., 2] == 100)  # neither black nor mixed with it
    assert inside.mean() > 0.7
    # The ramp rises by 3 a crop pixel, so this is a tenth of one; rounding twice takes up to half a step.
    assert np.abs(mean - bilinear)[inside].max() <= 2
    assert abs((mean - bilinear)[inside].mean()) < 0.3


def test_noise_is_averaged_away() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 768, 3), dtype=np.uint8)
    affine = crop_affine((384, 512), 768, SIZE)  # 16 pixels a side; black at the margins
    plain, mean = warp(noise, affine, SIZE), warp(noise, affine, SIZE, average=True)
    assert plain.std() > 35
    assert mean[8:-8, 8:-8].std() < 74 / 16 + 1


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (3, 3), (401, 399)])
@pytest.mark.parametrize("width", [1e3, 1e6, 1e12])
def test_huge_boxes_take_no_more_memory_than_the_image(shape: tuple[int, int], width: float) -> None:
    image = np.full((*shape, 3), 200, dtype=np.uint8)
    crop = warp(image, crop_affine((shape[1] / 2, shape[0] / 2), width, SIZE), SIZE, average=True)
    assert crop.shape == (*SIZE, 3)


def test_what_lies_beside_the_image_is_black() -> None:
    image = np.full((400, 400, 3), 200, dtype=np.uint8)
    assert not warp(image, crop_affine((-5000, 0), 480, SIZE), SIZE, average=True).any()


def test_predictors_average() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 768, 3), dtype=np.uint8)
    affine = crop_affine((384, 512), 768, SIZE)
    crop = crop_boxes(noise, [[76.8, 102.4, 614.4, 819.2]], SIZE)[0]
    np.testing.assert_array_equal(crop, warp(noise, affine, SIZE, average=True))
