"""DARK's targets and decoding against loops in double precision, written from the paper's equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pose.codecs import dark, heatmap, heatmap_cpu

SIZE = (20, 16)
needs_kernel = pytest.mark.skipif(heatmap_cpu.CPU_KERNEL is None, reason="the CPU kernel was not compiled")


@pytest.fixture(autouse=True, params=[pytest.param("compiled", marks=needs_kernel), "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs with the compiled kernel, and with PyTorch's operators."""
    if request.param == "plain":
        monkeypatch.setattr(heatmap_cpu, "CPU_KERNEL", None)
    return str(request.param)


def naive_blur(hm: np.ndarray, x: int, y: int, sigma: float) -> float:
    """A pixel of the modulation of section 3.2: the map convolved with a Gaussian of its own width; zeros outside."""
    radius, blurred = max(1, int(2.5 * sigma + 0.5)), 0.0
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if 0 <= y + dy < hm.shape[0] and 0 <= x + dx < hm.shape[1]:
                blurred += math.exp(-(dx**2 + dy**2) / (2 * sigma**2)) * float(hm[y + dy, x + dx])
    return blurred


def naive_decode(hm: np.ndarray, sigma: float) -> tuple[np.ndarray, float]:
    """One map: equations 3 to 10, with derivatives as the authors' code takes them, and our three refusals."""
    height, width = hm.shape
    y, x = divmod(int(np.argmax(hm)), width)
    score = float(hm[y, x])
    if score <= 0:
        return np.zeros(2), score
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return np.array([x, y], float), score
    near = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if abs(i) + abs(j) <= 2]
    blurred = {(i, j): naive_blur(hm, x + i, y + j, sigma) for i, j in near}
    if min(blurred.values()) <= 0:
        return np.array([x, y], float), score
    p = {place: math.log(value) for place, value in blurred.items()}
    gradient = np.array([p[1, 0] - p[-1, 0], p[0, 1] - p[0, -1]]) / 2
    dxx = (p[2, 0] - 2 * p[0, 0] + p[-2, 0]) / 4
    dyy = (p[0, 2] - 2 * p[0, 0] + p[0, -2]) / 4
    dxy = (p[1, 1] - p[-1, 1] - p[1, -1] + p[-1, -1]) / 4
    hessian = np.array([[dxx, dxy], [dxy, dyy]])
    if not (np.linalg.eigvalsh(hessian) < 0).all():
        return np.array([x, y], float), score
    step = -np.linalg.inv(hessian) @ gradient
    return np.array([x, y]) + (step if np.abs(step).max() <= 2 else 0), score


def assert_decoded(maps: Tensor, sigma: float) -> np.ndarray:
    """Compare with the loop, in both layouts; the points."""
    want = [naive_decode(hm, sigma) for hm in maps.flatten(0, 1).numpy()]
    for given in (maps, maps.contiguous(memory_format=torch.channels_last)):
        xy, scores = dark.decode(given, sigma=sigma)
        np.testing.assert_allclose(xy.flatten(0, 1).numpy(), np.array([p for p, _ in want]), atol=1e-5)
        np.testing.assert_array_equal(scores.flatten().numpy(), np.array([s for _, s in want], np.float32))
    return xy.numpy()


def points_in(count: int, *, margin: float, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(1, count, 2, generator=rng) * (torch.tensor(SIZE[::-1]) - 1 - 2 * margin) + margin


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_encode_equals_the_formula(sigma: float) -> None:
    points = points_in(12, margin=-12)
    given = torch.tensor([1.0, 1.0, 0.0, 1.0]).repeat(3)[None]
    maps, weights = dark.encode(points, given, heatmap_size=SIZE, sigma=sigma)
    for k, (px, py) in enumerate(points[0].double().tolist()):
        mu_x, mu_y, reach = int(px + 0.5), int(py + 0.5), int(3 * sigma)
        inside = mu_x - reach < SIZE[1] and mu_y - reach < SIZE[0] and mu_x + reach >= -1 and mu_y + reach >= -1
        assert weights[0, k] == (given[0, k] > 0 and inside)
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                want = math.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) * float(weights[0, k])
                assert maps[0, k, y, x].item() == pytest.approx(want, abs=2e-6)
    assert 0 < weights.sum() < given.sum()


def test_the_same_keypoints_count_as_for_rounded_targets() -> None:
    points = points_in(300, margin=-14)
    ways = [
        encode(points, torch.ones(1, 300), heatmap_size=SIZE, sigma=2.0)[1]
        for encode in (dark.encode, heatmap.encode)
    ]
    assert torch.equal(*ways)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0])
def test_decode_equals_the_loop(sigma: float) -> None:
    rng = torch.Generator().manual_seed(1)
    clean, _ = dark.encode(points_in(12, margin=0), torch.ones(1, 12), heatmap_size=SIZE, sigma=sigma)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=rng)
    noise = torch.randn(1, 12, *SIZE, generator=rng)
    found = assert_decoded(torch.cat([clean, noisy, noise, noise.abs(), noise.round().clamp(min=0)]), sigma)
    assert (found % 1 != 0).any(axis=(1, 2)).tolist()[:2] == [True, True]


def test_decode_of_maps_without_a_clear_peak() -> None:
    """Negative ones, empty and flat ones, plateaus, equal peaks, a ridge, and a peak whose place says nothing."""
    maps = torch.zeros(1, 12, *SIZE)
    maps[0, 0] = -torch.rand(SIZE, generator=torch.Generator().manual_seed(0)) - 0.1
    maps[0, 2] = 1  # the first pixel of a flat map is in a corner
    maps[0, 3, 5:9, 5:9] = 1
    maps[0, 4, 4, 4] = maps[0, 4, 12, 10] = 1
    maps[0, 5, 6, 6] = maps[0, 5, 6, 7] = 1
    maps[0, 6, 8] = 1
    maps[0, 7, 3:17, 5] = torch.arange(14) / 14 + 1
    maps[0, 8] = 0.5
    maps[0, 8, 8, 8] = -50
    maps[0, 8, 8, 9] = 1
    maps[0, 9, 10, 8] = 1e-30
    maps[0, 10, 10, 8] = 1
    maps[0, 11, 10, 8], maps[0, 11, 10, 12], maps[0, 11, 11, 13] = 1, 0.99, 0.99
    found = assert_decoded(maps, 1.0)[0]
    np.testing.assert_array_equal(found[[0, 1, 2]], 0)
    assert (found[3] > 6).all()  # from the first pixel of the plateau, 5, towards its middle
    assert (found[3] < 6.5).all()
    np.testing.assert_array_equal(found[8], [9, 8])
    np.testing.assert_allclose(found[[9, 10]], [[8, 10], [8, 10]], atol=1e-5)


def test_decode_at_every_place() -> None:
    """The peak in each of the map's pixels, those at the borders too, its neighbors random."""
    maps = torch.rand(SIZE[0] * SIZE[1], 1, *SIZE, generator=torch.Generator().manual_seed(2))
    maps.flatten(1)[torch.arange(len(maps)), torch.arange(len(maps))] = 2
    assert_decoded(maps, 1.0)


def test_decode_finds_what_encode_drew() -> None:
    points = points_in(200, margin=7)
    maps, weights = dark.encode(points, torch.ones(1, 200), heatmap_size=SIZE, sigma=1.0)
    assert (weights == 1).all()
    found, _ = dark.decode(maps, sigma=1.0)
    torch.testing.assert_close(found, points, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (5, 5), (70, 9), (9, 70)])
def test_decode_of_any_size(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(3))
    assert_decoded(maps, 1.0)
    xy, _ = dark.decode(maps, sigma=1000.0)  # a kernel larger than the map
    assert xy.isfinite().all()


def test_maps_that_are_not_finite_give_their_peak() -> None:
    maps = torch.rand(1, 2, *SIZE)
    maps[0, 0, 8, 8], maps[0, 1, 8, 8] = math.inf, math.nan
    assert dark.decode(maps, sigma=2.0)[0][0, 0].tolist() == [8, 8]
    assert dark.decode(maps[:0], sigma=2.0)[0].shape == (0, 2, 2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs heatmaps \(B, K, H, W\), got \(2, 3, 4\)"):
        dark.decode(torch.zeros(2, 3, 4), sigma=2.0)
    with pytest.raises(ValueError, match="sigma must be positive, got 0"):
        dark.decode(torch.zeros(1, 1, 8, 8), sigma=0.0)


@needs_kernel
def test_the_kernel_and_the_operators_agree(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "plain":
        return
    rng = torch.Generator().manual_seed(4)
    points = torch.rand(20, 17, 2, generator=rng) * torch.tensor([47.0, 63.0])
    maps, _ = dark.encode(points, torch.ones(20, 17), heatmap_size=(64, 48), sigma=2.0)
    maps[::2] += 0.05 * torch.randn(10, 17, 64, 48, generator=rng)
    for sigma in (1.0, 2.0, 3.0):
        compiled = dark.decode(maps, sigma=sigma)
        with monkeypatch.context() as patch:
            patch.setattr(heatmap_cpu, "CPU_KERNEL", None)
            plain = dark.decode(maps, sigma=sigma)
        for one, other in zip(compiled, plain, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
