"""The kernels for CUDA, compiled; skipped without a GPU. `tools/gpu_check.sh` runs these."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pose.codecs import dark, heatmap
from pose.layers import dyrelu_fused
from pose.layers.dyrelu import DyReLU
from tests.helpers.dyrelu_kernels import LARGE, SMALL, check_kernels

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


# DY-ReLU


@pytest.mark.skipif(not dyrelu_fused.HAS_TRITON, reason="Triton is not installed")
@pytest.mark.parametrize("shape", [*SMALL, *LARGE], ids=str)
def test_kernels_equal_the_plain_path_in_double_precision(shape: tuple[int, int, int, int]) -> None:
    assert dyrelu_fused.is_supported(torch.zeros(shape, device="cuda"))
    check_kernels([shape], "cuda")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_autocast_around_the_layer(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = DyReLU(24, "C").cuda()
    nn.init.normal_(layer.fc2.weight)
    nn.init.normal_(layer.attention.weight)
    x = torch.randn(4, 24, 16, 12, device="cuda", dtype=dtype)
    with torch.autocast("cuda", dtype=dtype):
        ours, plain = layer(x), layer.plain(x)
    error = ((ours.float() - plain.float()).abs().max() / plain.float().abs().max()).item()
    assert error < 4 * torch.finfo(dtype).eps


def test_compiled_layer_equals_the_eager_one() -> None:
    torch.manual_seed(0)
    layer = DyReLU(24, "C").cuda()
    nn.init.normal_(layer.fc2.weight)
    compiled = torch.compile(copy.deepcopy(layer))
    x = torch.randn(4, 24, 16, 12, device="cuda")

    def step(function: Any, x: Tensor) -> list[Tensor]:
        x = x.detach().requires_grad_()
        y = function(x)
        y.square().sum().backward()
        assert x.grad is not None
        return [y.detach(), x.grad]

    for one, other in zip(step(layer, x), step(compiled, x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


# Heatmaps


def test_codec_on_the_gpu_equals_the_cpu() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(5, 17, 64, 48, generator=generator)
    for one, other in zip(heatmap.decode(maps.cuda()), heatmap.decode(maps), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=0, atol=0)
    points = torch.rand(5, 17, 2, generator=generator) * torch.tensor([47.0, 63.0])
    drawn, weights = dark.encode(points, torch.ones(5, 17), heatmap_size=(64, 48), sigma=2.0)
    on_gpu, _ = dark.encode(points.cuda(), weights.cuda(), heatmap_size=(64, 48), sigma=2.0)
    torch.testing.assert_close(on_gpu.cpu(), drawn)
    for given in (drawn, drawn + 0.05 * maps):
        found, _ = dark.decode(given.cuda(), sigma=2.0)
        torch.testing.assert_close(found.cpu(), dark.decode(given, sigma=2.0)[0], rtol=0, atol=1e-5)
