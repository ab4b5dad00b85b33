"""Targets, peaks and the flip average against HRNet's loops, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pose.codecs import heatmap_cpu as codec_cpu
from pose.codecs.heatmap import decode, encode, merge_flip
from pose.keypoints.skeletons import COCO17

SIZE = (64, 48)
needs_kernel = pytest.mark.skipif(codec_cpu.CPU_KERNEL is None, reason="the CPU kernel was not compiled")


@pytest.fixture(autouse=True, params=[pytest.param("compiled", marks=needs_kernel), "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs with the compiled kernel, and with PyTorch's operators."""
    if request.param == "plain":
        monkeypatch.setattr(codec_cpu, "CPU_KERNEL", None)
    return str(request.param)


def naive_targets(keypoints_crop: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """JointsDataset.generate_target of HRNet for one person; keypoints in crop pixels, stride 4, sigma 2."""
    height, width = SIZE
    target = np.zeros((len(keypoints_crop), height, width), np.float32)
    weights = weights.astype(np.float32).copy()
    tmp_size = 6
    for k, (x, y) in enumerate(keypoints_crop):
        mu_x, mu_y = int(x / 4 + 0.5), int(y / 4 + 0.5)
        ul, br = (mu_x - tmp_size, mu_y - tmp_size), (mu_x + tmp_size + 1, mu_y + tmp_size + 1)
        if ul[0] >= width or ul[1] >= height or br[0] < 0 or br[1] < 0:
            weights[k] = 0
            continue
        grid = np.arange(0, 13, 1, np.float32)
        g = np.exp(-((grid - 6) ** 2 + (grid[:, None] - 6) ** 2) / (2 * 2**2))
        g_x, g_y = (max(0, -ul[0]), min(br[0], width) - ul[0]), (max(0, -ul[1]), min(br[1], height) - ul[1])
        i_x, i_y = (max(0, ul[0]), min(br[0], width)), (max(0, ul[1]), min(br[1], height))
        if weights[k] > 0.5:
            target[k][i_y[0] : i_y[1], i_x[0] : i_x[1]] = g[g_y[0] : g_y[1], g_x[0] : g_x[1]]
    return target, weights


def encode_one(keypoints_crop: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = torch.tensor(keypoints_crop, dtype=torch.float32)[None] / 4
    heatmaps, new = encode(points, torch.tensor(weights, dtype=torch.float32)[None], heatmap_size=SIZE)
    return heatmaps[0].numpy(), new[0].numpy()


def test_encode_equals_the_loop() -> None:
    rng = np.random.default_rng(0)
    # Reaches well outside of the 192 x 256 crop on every side. Multiples of 1/8 px make x / 4 + 0.5 exact in both
    # float widths, many of them exactly at .5.
    points = rng.integers(-400, 2400, (400, 2)) / 8
    weights = (rng.random(400) < 0.8).astype(np.float32)
    got, got_weights = encode_one(points, weights)
    want, want_weights = naive_targets(points, weights)
    np.testing.assert_array_equal(got_weights, want_weights)
    np.testing.assert_array_equal(got > 0, want > 0)
    np.testing.assert_allclose(got, want, atol=2e-7)  # a product of two exponentials, not one: a float32 rounding


@pytest.mark.parametrize(
    ("mu", "weight", "columns"),
    [(-8, 0, 0), (-7, 1, 0), (-6, 1, 1), (-1, 1, 6), (0, 1, 7), (47, 1, 7), (48, 1, 6), (53, 1, 1), (54, 0, 0)],
)
def test_encode_at_the_left_and_right_border(mu: int, weight: float, columns: int) -> None:
    # The x in crop pixels that gives this mu: int() truncates x / 4 + 0.5 towards zero.
    x = 4.0 * mu if mu >= 0 else 4.0 * mu - 2
    heatmaps, weights = encode_one(np.array([[x, 128.0]]), np.ones(1))
    assert weights[0] == weight
    assert (heatmaps[0].max(axis=0) > 0).sum() == columns


def test_encode_rounds_half_up_and_truncates_towards_zero() -> None:
    points = np.array([[4 * 10.5, 4 * 20.49], [-4 * 0.6, 0.0], [-4 * 1.5, 0.0]])
    heatmaps, _ = encode_one(points, np.ones(3))
    assert heatmaps[0].argmax() == 20 * 48 + 11
    assert heatmaps[1].argmax() == 0
    assert heatmaps[1].max() == 1.0  # -0.6 + 0.5 -> 0
    assert heatmaps[2].max() == pytest.approx(math.exp(-1 / 8))  # -1.5 + 0.5 = -1, one column outside


def test_encode_for_another_size_and_sigma() -> None:
    heatmaps, weights = encode(torch.tensor([[[5.0, 3.0]]]), torch.ones(1, 1), heatmap_size=(12, 20), sigma=1.5)
    y, x = np.mgrid[:12, :20]
    want = np.exp(-((x - 5) ** 2 + (y - 3) ** 2) / (2 * 1.5**2)) * (abs(x - 5) <= 4) * (abs(y - 3) <= 4)
    np.testing.assert_allclose(heatmaps[0, 0].numpy(), want, atol=2e-7)
    assert weights.item() == 1


def test_encode_rejects_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"weights \(B, K\)"):
        encode(torch.zeros(2, 17, 2), torch.ones(17), heatmap_size=SIZE)


def naive_decode(heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """get_max_preds and the quarter offset of get_final_preds, in HRNet."""
    b, k, height, width = heatmaps.shape
    xy, scores = np.zeros((b, k, 2)), np.zeros((b, k))
    for i in range(b):
        for j in range(k):
            hm = heatmaps[i, j]
            index = int(np.argmax(hm))
            scores[i, j] = hm.flat[index]
            if scores[i, j] <= 0:
                continue
            xy[i, j] = index % width, index // width
            px, py = math.floor(xy[i, j, 0] + 0.5), math.floor(xy[i, j, 1] + 0.5)
            if 1 < px < width - 1 and 1 < py < height - 1:
                diff = np.array([hm[py][px + 1] - hm[py][px - 1], hm[py + 1][px] - hm[py - 1][px]])
                xy[i, j] += np.sign(diff) * 0.25
    return xy, scores


def test_decode_equals_the_loop() -> None:
    rng = np.random.default_rng(1)
    heatmaps = rng.normal(size=(6, 17, *SIZE)).astype(np.float32)
    heatmaps[0, :5] = -np.abs(heatmaps[0, :5])  # no peak
    heatmaps[1] = np.round(heatmaps[1])  # ties: the first of equal maxima
    heatmaps[2, 0] = 0
    # Peaks on and next to each border.
    for number, (y, x) in enumerate([(0, 0), (1, 5), (2, 5), (62, 5), (63, 5), (5, 1), (5, 2), (5, 46), (5, 47)]):
        heatmaps[3, number, y, x] = 9
    got_xy, got_scores = decode(torch.from_numpy(heatmaps))
    want_xy, want_scores = naive_decode(heatmaps)
    np.testing.assert_array_equal(got_xy.numpy(), want_xy)
    np.testing.assert_array_equal(got_scores.numpy(), want_scores.astype(np.float32))


def test_decode_takes_half_precision() -> None:
    heatmaps = torch.zeros(1, 1, 64, 300, dtype=torch.bfloat16)
    heatmaps[0, 0, 30, 259] = 1  # bfloat16 itself cannot hold 259
    heatmaps[0, 0, 30, 260] = 0.5
    xy, scores = decode(heatmaps)
    assert xy.tolist() == [[[259.25, 30.0]]]
    assert scores.dtype == torch.float32


def test_decode_finds_what_encode_drew() -> None:
    points = torch.rand(4, 17, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([44.0, 60.0]) + 2
    xy, scores = decode(encode(points, torch.ones(4, 17), heatmap_size=SIZE)[0])
    # Symmetric targets: no quarter offset, except where the window is cut by the border.
    assert (xy - torch.trunc(points + 0.5)).abs().max() <= 0.25
    assert (scores == 1).all()


def test_merge_flip_equals_the_loop() -> None:
    rng = np.random.default_rng(2)
    plain, mirrored = rng.normal(size=(2, 2, 17, *SIZE)).astype(np.float32)
    got = merge_flip(torch.from_numpy(plain), torch.from_numpy(mirrored), COCO17.flip_indices).numpy()
    back = mirrored[:, :, :, ::-1].copy()  # flip_back of HRNet
    for left, right in COCO17.flip_pairs:
        back[:, [left, right]] = back[:, [right, left]]
    shifted = back.copy()
    shifted[..., 1:] = back[..., :-1]
    np.testing.assert_array_equal(got, (plain + shifted) * np.float32(0.5))


def test_merge_flip_puts_a_mirrored_crops_peak_where_the_plain_one_is() -> None:
    """Why the shift: pixels mirror as x' -> 191 - x', i.e. heatmap x -> 47.75 - x, and the maps as x -> 47 - x."""
    x_crop = 80.0
    plain, _ = encode(torch.tensor([[[x_crop / 4, 30.0]]]), torch.ones(1, 1), heatmap_size=SIZE)
    mirrored, _ = encode(torch.tensor([[[(191 - x_crop) / 4, 30.0]]]), torch.ones(1, 1), heatmap_size=SIZE)
    merged = merge_flip(plain, mirrored, torch.tensor([0]))
    torch.testing.assert_close(merged, plain)


def test_merge_flip_rejects_another_number_of_keypoints() -> None:
    with pytest.raises(ValueError, match="5 indices"):
        merge_flip(torch.zeros(1, 17, 8, 8), torch.zeros(1, 17, 8, 8), torch.arange(5))
