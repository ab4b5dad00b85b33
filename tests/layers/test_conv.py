"""Depthwise convolutions under autocast: the backward pass in fp32 against PyTorch's own in bf16."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pose.layers.conv import ConvNormAct, DepthwiseConv2d

SHAPES = [(8, 3, 1), (8, 5, 1), (24, 3, 2), (40, 5, 2)]


def gradients(conv: nn.Conv2d, x: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The output in bf16 with the gradients of x and of the weight."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x)
    dx, dw = torch.autograd.grad(y, (x, conv.weight), dy.to(y.dtype))
    return y.detach(), dx, dw


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("channels", "kernel", "stride"), SHAPES)
def test_depthwise_gradients_in_bf16_are_those_of_fp32(
    channels: int, kernel: int, stride: int, channels_last: bool
) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    torch.manual_seed(0)
    ours = DepthwiseConv2d(channels, channels, kernel, stride)
    plain = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(3, channels, 14, 10).bfloat16().float().to(memory_format=layout)
    size = (3, channels, -(-14 // stride), -(-10 // stride))
    dy = torch.randn(size).bfloat16().to(memory_format=layout)
    y, dx, dw = gradients(ours, x, dy)
    expected_y, expected_dx, expected_dw = gradients(plain, x, dy)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, expected_y)
    assert dx.dtype == dw.dtype == torch.float32
    # Exact but for one rounding of dx to bf16, whose unit in the last place is 2^-8 of a value.
    weight = ours.weight.detach().bfloat16().double().requires_grad_()
    exact_x = x.double().requires_grad_()
    exact = nn.functional.conv2d(exact_x, weight, None, stride, kernel // 2, 1, channels)
    exact_dx, exact_dw = torch.autograd.grad(exact, (exact_x, weight), dy.double())
    torch.testing.assert_close(dx.double(), exact_dx, rtol=2**-8, atol=1e-5)
    torch.testing.assert_close(dw.double(), exact_dw, rtol=1e-5, atol=1e-4)
    # PyTorch's own rounds more often.
    torch.testing.assert_close(dx, expected_dx, rtol=0.05, atol=0.05)
    torch.testing.assert_close(dw, expected_dw, rtol=0.05, atol=0.3)


def test_without_autocast_it_is_conv2d() -> None:
    conv = DepthwiseConv2d(4, 4, 3)
    x = torch.randn(2, 4, 6, 6)
    assert conv(x).grad_fn.name() == "ConvolutionBackward0"
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert conv(x).dtype == torch.bfloat16
    assert list(conv.state_dict()) == ["weight"]
    with torch.autocast("cpu", torch.bfloat16):
        assert conv.double()(x.double()).dtype == torch.float64


def test_frozen_input_or_weight() -> None:
    conv = DepthwiseConv2d(4, 4, 5)
    x = torch.randn(2, 4, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        conv(x).float().sum().backward()
    assert conv.weight.grad is not None
    conv.requires_grad_(False)
    x.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        conv(x).float().sum().backward()
    assert x.grad is not None
    with torch.autocast("cpu", torch.bfloat16):
        assert not conv(x.detach()).requires_grad


def test_transforms_take_pytorchs_own() -> None:
    """Autograd functions are not for them."""
    conv = DepthwiseConv2d(4, 4, 3, 2)
    x = torch.randn(2, 4, 6, 6)

    def total(weight: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return torch.func.functional_call(conv, {"weight": weight}, (x,)).float().sum()

    with torch.autocast("cpu", torch.bfloat16):
        conv(x).float().sum().backward()
    assert conv.weight.grad is not None
    torch.testing.assert_close(torch.func.grad(total)(conv.weight.detach()), conv.weight.grad, rtol=0.05, atol=0.05)


def test_compiled_is_as_eager() -> None:
    torch.manual_seed(0)
    conv = DepthwiseConv2d(8, 8, 5, 2)
    x = torch.randn(2, 8, 12, 12).requires_grad_()
    grads = []
    for call in (conv, torch.compile(conv, backend="aot_eager", dynamic=False)):
        with torch.autocast("cpu", torch.bfloat16):
            y = call(x)
        grads.append(torch.autograd.grad(y.float().square().sum(), (x, conv.weight)))
    for eager, compiled in zip(*grads, strict=True):
        torch.testing.assert_close(compiled, eager, rtol=2**-7, atol=1e-3)  # it may round less often


def test_those_that_are_slow_in_bf16_are_of_this_kind() -> None:
    shapes = [(8, 8, 8, 3, 2), (8, 8, 8, 5, 1), (8, 8, 8, 3, 1), (8, 16, 1, 3, 2), (1, 4, 1, 3, 2), (8, 8, 2, 5, 1)]
    kinds = [
        type(ConvNormAct(ins, outs, kernel=kernel, stride=stride, groups=groups, activation=nn.Identity())[0])
        for ins, outs, groups, kernel, stride in shapes
    ]
    assert kinds == [DepthwiseConv2d] * 2 + [nn.Conv2d] * 4
