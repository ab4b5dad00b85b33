"""The compiled kernel against PyTorch's operators, which `pose.codecs.heatmap` takes without it: equal to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pose.codecs import heatmap_cpu as codec_cpu
from pose.codecs.heatmap import decode, encode, merge_flip
from pose.keypoints.skeletons import COCO17

pytestmark = pytest.mark.skipif(codec_cpu.CPU_KERNEL is None, reason="the CPU kernel was not compiled")
SIZES = [(64, 48), (13, 7), (1, 1), (3, 1), (1, 5), (2, 300), (96, 72)]  # the third and later less than a vector


def both(function: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What it returns with the kernel, and without."""
    compiled = function()
    with monkeypatch.context() as patch:
        patch.setattr(codec_cpu, "CPU_KERNEL", None)
        return compiled, function()


def assert_same(one: Tensor, other: Tensor) -> None:
    """Equal in shape, type and bits, the sign of a zero and NaN included."""
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    np.testing.assert_array_equal(one.contiguous().numpy().view(np.int32), other.contiguous().numpy().view(np.int32))


def layouts(maps: Tensor) -> list[Tensor]:
    """As the networks give them, as arrays are, and as a view with gaps."""
    wide = torch.full((*maps.shape[:3], maps.shape[3] + 1), 99.0)
    wide[..., :-1] = maps
    return [maps, maps.contiguous(memory_format=torch.channels_last), wide[..., :-1]]


def random_maps(count: int, keypoints: int, size: tuple[int, int], *, seed: int = 0) -> Tensor:
    return torch.randn(count, keypoints, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keypoints", [1, 17])
def test_decode(size: tuple[int, int], keypoints: int, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = random_maps(9, keypoints, size)
    maps[0] = maps[0].round()  # ties, zeros of either sign
    maps[1] = -maps[1].abs()
    maps[2] = 0
    maps[3] = -0.0
    maps[4].flatten(1)[:, ::3] = math.nan
    maps[5].flatten(1)[:, -1] = math.nan
    maps[6] = maps[6].sign() * math.inf
    maps[7] = -math.inf
    maps[8] = torch.where(maps[8].abs() < 1, math.nan, math.inf)
    for given in layouts(maps):
        compiled, plain = both(lambda given=given: decode(given), monkeypatch)
        for one, other in zip(compiled, plain, strict=True):
            assert_same(one, other)


def test_decode_at_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak in each of the map's pixels, with all borders and chunks, its neighbors random."""
    height, width = 24, 20
    maps = random_maps(height * width, 2, (height, width)).clamp(max=3)
    maps.flatten(2)[torch.arange(len(maps)), :, torch.arange(len(maps))] = 4
    for given in layouts(maps):
        (xy, scores), plain = both(lambda given=given: decode(given), monkeypatch)
        assert_same(xy, plain[0])
        assert (scores == 4).all()


@pytest.mark.parametrize("size", SIZES)
def test_merge_flip(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    maps, flipped = random_maps(3, 17, size), random_maps(3, 17, size, seed=1)
    maps[0, 0, 0, 0], flipped[1, 2, -1, -1] = math.nan, math.inf
    for given in layouts(maps):
        for other in layouts(flipped):
            compiled, plain = both(
                lambda given=given, other=other: merge_flip(given, other, COCO17.flip_indices), monkeypatch
            )
            assert_same(compiled, plain)


def test_merge_flip_keeps_its_inputs_and_their_layout() -> None:
    maps, flipped = (t.contiguous(memory_format=torch.channels_last) for t in random_maps(6, 17, (8, 6)).chunk(2))
    before = maps.clone(), flipped.clone()
    assert merge_flip(maps, flipped, COCO17.flip_indices).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(maps, before[0])
    assert torch.equal(flipped, before[1])


@pytest.mark.parametrize("order", [[0, 3, 1], [0, -1, 1], [0, 1, 1]])
def test_merge_flip_reads_no_other_memory(order: list[int]) -> None:
    with pytest.raises(ValueError, match="each of 0 to 2 once"):
        merge_flip(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), torch.tensor(order))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sigma", [0.2, 1.5, 2.0, 30.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_encode(size: tuple[int, int], sigma: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(0)
    reach = 3 * sigma + 3  # outside of the map on every side
    points = torch.rand(40, 17, 2, generator=rng, dtype=dtype) * (torch.tensor(size[::-1]) + 2 * reach) - reach
    points[0, :4] = torch.tensor([math.nan, 1e30, -1e30, math.inf])[:, None]
    weights = torch.tensor([0.0, 1.0, 0.5, -1.0])[torch.randint(4, (40, 17), generator=rng)]
    compiled, plain = both(lambda: encode(points, weights, heatmap_size=size, sigma=sigma), monkeypatch)
    for one, other in zip(compiled, plain, strict=True):
        assert_same(one, other)
    assert 0 < (plain[1] == 0).float().mean() < 1


def test_threads_share_the_work() -> None:
    maps, flipped = random_maps(6, 17, (64, 48)).chunk(2)
    points = torch.rand(3, 17, 2, generator=torch.Generator().manual_seed(0)) * 48
    found = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            merged = merge_flip(maps, flipped, COCO17.flip_indices)
            both_layouts = [decode(given) for given in layouts(merged)[:2]]
            found.append(
                [merged, *both_layouts[0], *both_layouts[1], *encode(points, maps[..., 0, 0], heatmap_size=(64, 48))]
            )
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*found, strict=True):
        assert_same(one, other)


def test_the_operators_do_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients, other types, nothing at all, and whatever records operators."""
    maps = torch.rand(2, 17, 8, 6)
    assert codec_cpu.is_supported(maps)
    for other in (maps.clone().requires_grad_(), maps.double(), maps[:0], maps.to("meta")):
        assert not codec_cpu.is_supported(other)
        assert not codec_cpu.is_supported(maps, other)
    merge_flip(maps.clone().requires_grad_(), maps, COCO17.flip_indices).sum().backward()
    assert decode(maps[:0])[0].shape == (0, 17, 2)
    monkeypatch.setattr(torch.jit, "is_tracing", lambda: True)
    assert not codec_cpu.is_supported(maps)
