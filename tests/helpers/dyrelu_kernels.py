"""The kernels for CUDA against DY-ReLU's plain path in fp64, over types, layouts and shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor, nn

from pose.layers.dyrelu import DyReLU

SMALL = ((2, 5, 3, 4), (1, 40, 7, 11))
# What networks have: many images, wide layers on small maps, narrow ones on large maps, and odd numbers of both.
LARGE = ((32, 144, 2, 2), (8, 960, 8, 6), (4, 32, 128, 96), (3, 97, 33, 31), (1, 1, 1, 1))
# Sums are fp32 in each case, y and dx are cut to the input's type.
ROUNDING = {torch.float32: 0.0, torch.bfloat16: 2.0**-7, torch.float16: 2.0**-10}


def check_kernels(
    shapes: Sequence[tuple[int, int, int, int]], device: str, call: Callable[[DyReLU, Tensor], Tensor] | None = None
) -> int:
    """Compare y and all gradients with the plain path in fp64, and two runs with each other, to the bit.

    Args:
        call: computes the layer; the layer itself unless given.
    Returns:
        How many cases were compared.
    """
    cases = list(product(shapes, "BC", (torch.contiguous_format, torch.channels_last), ROUNDING))
    for shape, variant, layout, dtype in cases:
        torch.manual_seed(0)
        layer = DyReLU(shape[1], variant, reduction=2, alpha=(1.0, 0.2), beta=(0.1, -0.1), gamma=0.8)  # type: ignore[arg-type]
        for weight in layer.fc2.parameters():
            weight.data *= 3
        if variant == "C":
            nn.init.normal_(layer.attention.weight, std=3)
        layer = layer.to(device)
        x, dy = (torch.randn(shape).to(device, dtype).contiguous(memory_format=layout) for _ in range(2))
        forward = (lambda x, layer=layer: call(layer, x)) if call else layer
        ours = _step(forward, layer, x, dy)
        case = f"{shape} {variant} {layout} {dtype} on {device}"
        assert ours[0].dtype == ours[1].dtype == dtype, case
        assert ours[0].stride() == ours[1].stride() == x.stride(), case
        again = _step(forward, layer, x, dy)
        assert all(torch.equal(a, b) for a, b in zip(ours, again, strict=True)), f"{case}: two runs differ"
        double = copy.deepcopy(layer).cpu().double()
        plain = _step(double.plain, double, x.cpu().double(), dy.cpu().double())
        for number, (a, b) in enumerate(zip(ours, plain, strict=True)):
            rounding = ROUNDING[dtype] if number < 2 else 0.0
            error = (a.cpu().double() - b).abs() / b.abs().max().clamp_min(1e-12)
            # Where both pieces are equal but for rounding, either slope is right: a few of 10,000 numbers of dx.
            off, most = (error > 2e-5 + rounding).double().mean().item(), 2e-4 if number == 1 else 0.0
            assert off <= most, f"{case}: output {number} is off by up to {error.max():.2e} of its largest value"
        if variant == "C" and shape in SMALL:
            clamped = (double.spatial_attention(x.cpu().double()) == 1).double().mean().item()
            assert 0 < clamped < 1, f"{case}: the attention's limit of 1 is not tried"
    return len(cases)


def _step(function: Callable[[Tensor], Tensor], layer: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """y, and the gradients of x and of all weights."""
    x = x.detach().requires_grad_()
    layer.zero_grad()
    y = function(x)
    y.backward(dy)
    assert x.grad is not None
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]
