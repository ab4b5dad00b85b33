"""The crop affine against the protocol's numbers and HRNet's three-point construction."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pose.keypoints.geometry import apply_affine, clean_boxes, crop_affine, grow_box, invert_affine

INPUT = (256, 192)


def hrnet_affine(center: np.ndarray, width_img: float, rotation: float, size: tuple[int, int]) -> np.ndarray:
    """get_affine_transform of HRNet, with `width_img` for its scale * 200."""
    dst_h, dst_w = size
    rad = np.pi * rotation / 180
    sn, cs = np.sin(rad), np.cos(rad)
    src_point = np.array([0, width_img * -0.5])
    src_dir = np.array([src_point[0] * cs - src_point[1] * sn, src_point[0] * sn + src_point[1] * cs])
    dst_dir = np.array([0, dst_w * -0.5])

    def third(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        direct = a - b
        return b + np.array([-direct[1], direct[0]])

    src, dst = np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
    src[0], src[1] = center, center + src_dir
    dst[0] = [dst_w * 0.5, dst_h * 0.5]
    dst[1] = dst[0] + dst_dir
    src[2], dst[2] = third(src[0], src[1]), third(dst[0], dst[1])
    return np.asarray(cv2.getAffineTransform(src, dst))


# HRNet's points are float32: 640 px have a resolution of 3e-5, times a scale below 3.
FLOAT32 = 5e-4


@pytest.mark.parametrize(
    ("box", "cleaned"),
    [
        ((10, 20, 30, 40), (10, 20, 29, 39)),
        ((-5, -5, 30, 40), (0, 0, 29, 39)),  # as HRNet: moved into the image, not cut
        ((190, 90, 30, 40), (190, 90, 9, 9)),
        ((10, 20, 1, 5), (10, 20, 0, 4)),
        ((10, 20, 1, 1), None),  # a single pixel
        ((200, 20, 30, 40), None),  # beside the image
    ],
)
def test_clean_box(box: tuple[float, ...], cleaned: tuple[float, ...] | None) -> None:
    (found,) = clean_boxes([box], [(100, 200)]).tolist()
    assert tuple(found) == cleaned if cleaned else np.isnan(found).all()


def test_grow_box_of_the_protocols_example() -> None:
    center, size = grow_box([10, 20, 100, 300], INPUT)
    assert center.tolist() == [60, 170]
    assert size.tolist() == [375, 281.25]


def test_grow_box_widens_the_short_side_only() -> None:
    _, size = grow_box([[0, 0, 300, 100], [0, 0, 75, 100]], INPUT, padding=1.0)
    np.testing.assert_allclose(size, [[400, 300], [100, 75]])


@pytest.mark.parametrize(
    ("rotation", "matrix"),
    [
        (0, [[0.682667, 0, 55.04], [0, 0.682667, 11.946667]]),
        (30, [[0.591207, 0.341333, 2.500931], [-0.341333, 0.591207, 47.974865]]),
    ],
)
def test_crop_affine_of_the_protocols_examples(rotation: float, matrix: list[list[float]]) -> None:
    center, size = grow_box([10, 20, 100, 300], INPUT)
    # The protocol's digits come from HRNet's float32 points, which are worth about 1e-6 here.
    np.testing.assert_allclose(crop_affine(center, size[1], INPUT, rotation=rotation), matrix, atol=3e-6)


def test_crop_affine_equals_three_points() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        center, width, rotation = rng.uniform(0, 640, 2), rng.uniform(80, 800), rng.uniform(-90, 90)
        for size in (INPUT, (64, 48), (288, 384)):
            got = crop_affine(center, width, size, rotation=rotation)
            corners = np.array([[0, 0], [640, 0], [0, 480], [640, 480]])
            want = apply_affine(corners, hrnet_affine(center, width, rotation, size))
            # 640 px away from the center the float32 points lever their error up to about ten times.
            np.testing.assert_allclose(apply_affine(corners, got), want, atol=10 * FLOAT32)


def test_flip_is_the_crop_of_the_mirrored_image() -> None:
    """HRNet mirrors image, points and center by x -> W - 1 - x, then crops. The rotation reverses its sign."""
    rng = np.random.default_rng(1)
    image_width = 640
    for _ in range(50):
        center, width, rotation = rng.uniform(0, 640, 2), rng.uniform(80, 800), rng.uniform(-90, 90)
        points = rng.uniform(0, 640, (17, 2))
        mirrored = points * [-1, 1] + [image_width - 1, 0]
        mirrored_center = center * [-1, 1] + [image_width - 1, 0]
        want = apply_affine(mirrored, hrnet_affine(mirrored_center, width, rotation, INPUT))
        got = apply_affine(points, crop_affine(center, width, INPUT, rotation=-rotation, flip=True))
        np.testing.assert_allclose(got, want, atol=10 * FLOAT32)


def test_flip_maps_x_to_width_minus_x() -> None:
    points = np.random.default_rng(2).uniform(0, 640, (17, 2))
    plain = apply_affine(points, crop_affine((300, 200), 250, INPUT, rotation=20))
    flipped = apply_affine(points, crop_affine((300, 200), 250, INPUT, rotation=20, flip=True))
    np.testing.assert_allclose(flipped, plain * [-1, 1] + [192, 0], atol=1e-9)


def test_affine_to_the_heatmap_is_a_quarter_of_the_crops() -> None:
    crop = crop_affine((300, 200), 250, INPUT, rotation=20)
    np.testing.assert_allclose(crop_affine((300, 200), 250, (64, 48), rotation=20), crop / 4, atol=1e-12)


def test_positive_rotation_turns_the_content_anticlockwise() -> None:
    right_of_center = apply_affine([[110.0, 100.0]], crop_affine((100, 100), 192, INPUT, rotation=30))[0]
    assert right_of_center[1] < 128  # up on the screen


@pytest.mark.parametrize("flip", [False, True])
def test_inverse_brings_points_back(flip: bool) -> None:
    matrices = np.stack([crop_affine((300 + i, 200), 250, INPUT, rotation=20 * i, flip=flip) for i in range(5)])
    points = np.random.default_rng(3).uniform(0, 640, (5, 17, 2))
    there = apply_affine(points, matrices)
    np.testing.assert_allclose(apply_affine(there, invert_affine(matrices)), points, atol=1e-9)
    np.testing.assert_allclose(there[2], apply_affine(points[2], matrices[2]))
