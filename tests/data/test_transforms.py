"""The augmented affine against HRNet's steps, given choices, and the warp against painted dots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from pose.data.transforms import IMAGE_MEAN, IMAGE_STD, Augment, Draw, half_body_box, normalize
from pose.images.warp import warp
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box
from pose.keypoints.skeletons import COCO17, Skeleton

INPUT = (256, 192)
BOX = np.array([100.0, 60.0, 150.0, 250.0])
IMAGE_WIDTH = 400


def make_keypoints(labeled: list[int] | None = None) -> np.ndarray:
    """(17, 3) spread over BOX, all labeled or those given."""
    points = np.random.default_rng(5).uniform([110, 70], [240, 300], (17, 2)).round()
    visible = np.isin(np.arange(17), labeled if labeled is not None else np.arange(17))
    return np.column_stack([points, np.where(visible, np.arange(17) % 2 + 1, 0)]).astype(np.float32)


def apply(choices: Draw, keypoints: np.ndarray | None = None) -> np.ndarray:
    return choices.affine(BOX, keypoints, skeleton=COCO17, input_size=INPUT)


def draw(keypoints: np.ndarray | None, seed: Any, augment: Augment) -> tuple[np.ndarray, bool]:
    choices = augment.draw(keypoints, skeleton=COCO17, rng=np.random.default_rng(seed))
    return apply(choices, keypoints), choices.flip


def naive_affine(keypoints: np.ndarray, seed: int, augment: Augment) -> tuple[np.ndarray, bool]:
    """JointsDataset.__getitem__ of HRNet step by step, in pixels: half body, scale, rotation, mirrored image."""
    rng = np.random.default_rng(seed)
    aspect = 192 / 256
    x, y, w, h = BOX
    center = np.array([x + w * 0.5, y + h * 0.5])
    if w > aspect * h:
        h = w / aspect
    elif w < aspect * h:
        w = h * aspect
    scale = np.array([w, h]) * 1.25
    visible = keypoints[:, 2] > 0
    if visible.sum() > 8 and rng.random() < augment.half_body:
        upper, lower = [], []
        for k in range(17):
            if visible[k]:
                (upper if k <= 10 else lower).append(keypoints[k, :2])
        take_upper = rng.standard_normal() < 0.5 and len(upper) > 2
        selected = upper if take_upper or len(lower) <= 2 else lower
        if len(selected) >= 2:
            chosen = np.array(selected, dtype=np.float64)
            center = chosen.mean(axis=0)
            w, h = chosen.max(axis=0) - chosen.min(axis=0)
            if w > aspect * h:
                h = w / aspect
            elif w < aspect * h:
                w = h * aspect
            scale = np.array([w, h]) * 1.5
    sf, rf = augment.scale, augment.rotation
    scale = scale * np.clip(rng.standard_normal() * sf + 1, 1 - sf, 1 + sf)
    r = 0.0
    if rng.random() <= augment.rotation_prob:
        uniform = augment.rotation_mode == "uniform"
        r = rng.uniform(-rf, rf) if uniform else np.clip(rng.standard_normal() * rf, -rf * 2, rf * 2)
    flipped = rng.random() <= augment.flip
    mirror = np.eye(3)
    if flipped:
        mirror = np.array([[-1, 0, IMAGE_WIDTH - 1], [0, 1, 0], [0, 0, 1.0]])
        center = np.array([IMAGE_WIDTH - center[0] - 1, center[1]])
    return crop_affine(center, scale[0], INPUT, rotation=r) @ mirror, flipped


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["uniform", "hrnet"])
@pytest.mark.parametrize(
    "labeled",
    [None, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 5, 6, 7, 8, 9, 10, 11], [0, 1, *range(10, 17)], [0, *range(9, 17)]],
)
def test_equals_hrnets_steps(labeled: list[int] | None, mode: Any) -> None:
    augment = Augment(half_body=0.7, rotation_mode=mode)
    keypoints = make_keypoints(labeled)
    flips = 0
    for seed in range(100):
        got, flipped = draw(keypoints, seed, augment)
        want, want_flipped = naive_affine(keypoints, seed, augment)
        assert flipped == want_flipped
        flips += flipped
        # Both in float64; coefficients to 1e-12 at coordinates of some hundreds.
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    assert 30 < flips < 70


def test_no_choices_are_the_plain_crop() -> None:
    center, size = grow_box(BOX, INPUT)
    np.testing.assert_array_equal(apply(Draw()), crop_affine(center, size[1], INPUT))
    np.testing.assert_array_equal(apply(Draw(), make_keypoints()), apply(Draw()))


def test_given_choices() -> None:
    center, size = grow_box(BOX, INPUT)
    got = apply(Draw(scale=0.8, rotation=30.0))
    np.testing.assert_array_equal(got, crop_affine(center, 0.8 * size[1], INPUT, rotation=30.0))
    flipped = apply(Draw(rotation=30.0, flip=True))
    np.testing.assert_array_equal(flipped, crop_affine(center, size[1], INPUT, rotation=-30.0, flip=True))
    keypoints = make_keypoints()
    for half, part in (("upper", slice(0, 11)), ("lower", slice(11, 17))):
        points = keypoints[part, :2].astype(np.float64)
        box = half_body_box(keypoints, COCO17, half=half)
        assert box is not None
        np.testing.assert_allclose(box[:2] + box[2:] / 2, points.mean(axis=0))
        np.testing.assert_allclose(box[2:], np.ptp(points, axis=0))
        center, size = grow_box(box, INPUT, padding=1.5)
        got = apply(Draw(half=half), keypoints)
        np.testing.assert_array_equal(got, crop_affine(center, size[1], INPUT))


def test_a_half_without_a_box_is_the_whole() -> None:
    one = make_keypoints([3])
    assert half_body_box(one, COCO17, half="upper") is None
    assert half_body_box(one, COCO17, half="lower") is None
    for half in ("upper", "lower"):
        np.testing.assert_array_equal(apply(Draw(half=half), one), apply(Draw()))
        np.testing.assert_array_equal(apply(Draw(half=half)), apply(Draw()))


ONLY_HALF = Augment(half_body=1.0, scale=0, rotation_prob=0, flip=0)


def kind_of_crop(affine: np.ndarray, keypoints: np.ndarray) -> str:
    for name, part in (("upper", slice(0, 11)), ("lower", slice(11, 17))):
        points = keypoints[part][keypoints[part, 2] > 0][:, :2]
        if len(points) and np.allclose(
            apply_affine(points.mean(axis=0, keepdims=True), affine), [[96, 128]], atol=1e-4
        ):
            return name
    return "whole"


@pytest.mark.slow
def test_half_bodies_are_upper_in_69_percent() -> None:
    keypoints = make_keypoints()
    kinds = [kind_of_crop(draw(keypoints, seed, ONLY_HALF)[0], keypoints) for seed in range(2000)]
    # P(N(0, 1) < 0.5) = 0.6915; the deviation of the mean of 2000 is 0.0103.
    assert kinds.count("upper") / 2000 == pytest.approx(0.6915, abs=0.04)
    assert kinds.count("whole") == 0
    kinds = [
        kind_of_crop(draw(keypoints, seed, Augment(scale=0, rotation_prob=0))[0], keypoints) for seed in range(2000)
    ]
    assert 1 - kinds.count("whole") / 2000 == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize(
    ("labeled", "kinds"),
    [
        (list(range(8)), {"whole"}),  # not more than 8
        (list(range(9)), {"upper"}),  # no lower half to take
        ([0, 1, *range(11, 17)], {"whole"}),  # 8
        ([0, 1, 2, *range(11, 17)], {"upper", "lower"}),
        ([*range(9), 11, 12], {"upper"}),  # two of the lower half are too few
    ],
)
def test_half_bodies_need_enough_keypoints(labeled: list[int], kinds: set[str]) -> None:
    keypoints = make_keypoints(labeled)
    assert {kind_of_crop(draw(keypoints, seed, ONLY_HALF)[0], keypoints) for seed in range(50)} == kinds


def test_half_body_gives_up_on_one_point_and_without_an_upper_body() -> None:
    keypoints = make_keypoints()
    keypoints[:, :2] = 120
    assert kind_of_crop(draw(keypoints, 0, ONLY_HALF)[0], keypoints) == "whole"
    skeleton = Skeleton.from_names("line", keypoint_names=[str(i) for i in range(17)])
    choices = ONLY_HALF.draw(make_keypoints(), skeleton=skeleton, rng=np.random.default_rng(0))
    assert choices == Draw()


def test_distribution_of_scale_and_rotation() -> None:
    plain_width = grow_box(BOX, INPUT)[1][1]

    def drawn(augment: Augment) -> tuple[np.ndarray, np.ndarray]:
        m = np.stack([draw(None, seed, augment)[0] for seed in range(3000)])
        return 192 / plain_width / np.hypot(m[:, 0, 0], m[:, 0, 1]), np.degrees(np.arctan2(m[:, 0, 1], m[:, 0, 0]))

    factor, angle = drawn(Augment(flip=0))
    assert factor.min() == pytest.approx(0.65)
    assert factor.max() == pytest.approx(1.35)
    # P(|N| > 1) = 0.317 sits on the bounds; deviations of these means are below 0.01.
    assert np.isclose(abs(factor - 1), 0.35).mean() == pytest.approx(0.317, abs=0.04)
    turned = angle[abs(angle) > 1e-9]
    assert len(turned) / 3000 == pytest.approx(0.6, abs=0.04)
    assert abs(turned).max() <= 45
    assert abs(turned).mean() == pytest.approx(22.5, abs=1.5)  # uniform
    _, angle = drawn(Augment(flip=0, rotation_mode="hrnet"))
    assert abs(angle).max() == pytest.approx(90)
    assert (abs(angle[abs(angle) > 1e-9]) > 45).mean() == pytest.approx(0.317, abs=0.04)


def paint(points: np.ndarray) -> np.ndarray:
    """A black image with a 7 px square of one color per keypoint about each point (x, y)."""
    image = np.zeros((360, IMAGE_WIDTH, 3), np.uint8)
    for number, (x, y) in enumerate(points.astype(int)):
        image[y - 3 : y + 4, x - 3 : x + 4] = (15 * number + 10, 250 - 14 * number, 37 * number % 256)
    return image


def test_dots_stay_under_their_keypoints_and_left_and_right_swap() -> None:
    grid = np.array([(120 + 26 * (i % 5), 80 + 60 * (i // 5)) for i in range(17)], dtype=np.float64)
    image = paint(grid)
    keypoints = np.column_stack([grid, np.full(17, 2)]).astype(np.float32)
    checked = {False: 0, True: 0}
    for seed in range(30):
        affine, flipped = draw(keypoints, seed, Augment(half_body=0))
        crop = warp(image, affine, INPUT)
        moved = apply_affine(grid, affine)
        names = COCO17.flip_indices if flipped else np.arange(17)
        moved = moved[names]
        for k, (x, y) in enumerate(np.round(moved).astype(int)):
            if 0 <= x < 192 and 0 <= y < 256:
                source = grid[names[k]].astype(int)
                # Rounding is 0.7 px at most, the square reaches 3 px times a scale above 0.4: inside it.
                assert crop[y, x].tolist() == image[source[1], source[0]].tolist()
                checked[flipped] += 1
    assert min(checked.values()) > 100


def test_warp_interpolates_linearly_over_black() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    shift = np.array([[1.0, 0, 3], [0, 1, 2]])
    crop = warp(image, shift, (30, 20))
    np.testing.assert_array_equal(crop[2:, 3:], image[:28, :17])
    assert crop[:2].max() == 0
    assert crop[:, :3].max() == 0
    half = warp(image, np.array([[1.0, 0, -0.5], [0, 1, 0]]), (40, 49)).astype(float)
    want = (image[:, :-1].astype(float) + image[:, 1:]) / 2
    assert abs(half - want).max() <= 1  # rounding of uint8


@pytest.mark.parametrize(
    "wrong", [{"half_body": 1.5}, {"flip": -0.1}, {"scale": 1.0}, {"rotation": 200}, {"rotation_mode": "normal"}]
)
def test_augment_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"augment.{next(iter(wrong))}"):
        Augment(**wrong)


def test_normalize() -> None:
    images = torch.randint(0, 256, (2, 3, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    got = normalize(images)
    assert got.dtype == torch.float32
    for c in range(3):
        want = (images[:, c].double() / 255 - IMAGE_MEAN[c]) / IMAGE_STD[c]
        torch.testing.assert_close(got[:, c].double(), want, rtol=0, atol=1e-6)  # float32 of values below 3


def test_normalize_is_the_same_to_the_bit_for_both_layouts() -> None:
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 9, 7, 3), dtype=np.uint8))
    images = rows.permute(0, 3, 1, 2)
    mean, std = torch.tensor(IMAGE_MEAN)[:, None, None], torch.tensor(IMAGE_STD)[:, None, None]
    want = (images.float() / 255 - mean) / std
    for given in (images, images.contiguous()):
        got = normalize(given)
        assert torch.equal(got, want)
        assert got.stride() == given.stride()
    assert normalize(images[:0]).shape == (0, 3, 9, 7)
    assert torch.equal(images, rows.permute(0, 3, 1, 2))


def test_normalize_copies_mean_and_deviation_to_a_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose.data.transforms._ON_DEVICE", {})
    made: list[Any] = []
    real = torch.tensor
    monkeypatch.setattr("torch.tensor", lambda *args, **kwargs: (made.append(args), real(*args, **kwargs))[1])
    images = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    with FakeTensorMode() as mode:
        normalize(mode.from_tensor(images))  # leaves nothing behind
    made.clear()
    with torch.inference_mode():
        first = normalize(images)
    weight = torch.ones(1, requires_grad=True)
    (weight * normalize(images)).sum().backward()  # as training does, after a prediction made them
    assert torch.equal(first, normalize(images))
    assert len(made) == 2
