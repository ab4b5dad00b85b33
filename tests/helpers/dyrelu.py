"""A DY-ReLU layer in which every weight matters, and its two paths side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pose.layers.dyrelu import DyReLU, Variant

CHANNELS = 8


def lively_layer(variant: Variant = "C") -> DyReLU:
    """A layer whose hidden units are on for `lively_input`, and whose coefficients differ from where they start."""
    torch.manual_seed(0)
    layer = DyReLU(CHANNELS, variant, reduction=2, alpha=(1.0, 0.2), beta=(0.1, -0.1))
    nn.init.uniform_(layer.fc1.weight, 0, 0.5)
    nn.init.normal_(layer.fc2.weight)
    if variant == "C":
        nn.init.normal_(layer.attention.weight)
    return layer


def lively_input(images: int = 3) -> Tensor:
    return torch.randn(images, CHANNELS, 6, 5, generator=torch.Generator().manual_seed(1)) + 0.5


def plain_copy(layer: DyReLU) -> DyReLU:
    """The same layer with the same things hung onto it, that always takes the plain path."""
    plain = copy.deepcopy(layer)
    plain.forward = plain.plain  # type: ignore[method-assign]
    return plain


def step(function: Callable[[Tensor], Tensor], layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, gradient of x, and gradients of all weights, which are not zero."""
    layer.zero_grad()
    x = x.detach().requires_grad_()
    y = function(x)
    (y * y.detach().cos()).sum().backward()
    assert x.grad is not None
    found = [y.detach(), x.grad, *(weight.grad for weight in layer.parameters() if weight.grad is not None)]
    assert all(gradient.abs().max() > 0 for gradient in found)
    return found


def assert_same(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def assert_as_plain(layer: DyReLU, x: Tensor, *, function: Callable[[Tensor], Tensor] | None = None) -> None:
    """A step of the layer, called as `function`, gives what one of its plain path gives."""
    plain = plain_copy(layer)
    assert_same(step(layer if function is None else function, layer, x), step(plain, plain, x))
