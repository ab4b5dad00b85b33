"""Convolution, batch norm, activation: the unit that all networks here are built of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pose.layers.dyrelu_guard import is_unwatched
from pose.layers.related import Maxout


class ConvNormAct(nn.Sequential):
    """A convolution without bias and with "same" padding, a batch norm, and the given activation.

    `Maxout` as the activation takes several convolutions, here one with that many times the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        activation: nn.Module,
        stride: int = 1,
        groups: int = 1,
        norm_eps: float = 1e-5,
    ) -> None:
        width = out_channels * (activation.num_pieces if isinstance(activation, Maxout) else 1)
        if groups == in_channels > 1 and (kernel > 3 or stride > 1):
            conv: nn.Conv2d = DepthwiseConv2d(in_channels, width, kernel, stride)
        else:
            conv = nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(width, eps=norm_eps), activation)


class DepthwiseConv2d(nn.Conv2d):
    """`ConvNormAct`'s depthwise convolution, whose backward pass is in fp32 where autocast is in bf16 on a CPU.

    PyTorch's own in bf16 takes up to fifty times as long there with stride 2, and six times as long with kernels of
    5 x 5: docs/performance.md. The constructor takes no more than `forward` computes.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=in_channels, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        if not (x.is_cpu and torch.is_grad_enabled() and _computes_in_bf16(x) and is_unwatched()):
            return super().forward(x)
        result: Tensor = _Depthwise.apply(x.bfloat16(), self.weight, self.stride, self.padding, self.groups)
        return result


def _computes_in_bf16(x: Tensor) -> bool:
    """Whether autocast does so on a CPU; it leaves fp64 as it is."""
    enabled = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16
    return enabled and x.dtype is not torch.float64


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *settings: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.settings = settings
        stride, padding, groups = settings
        return nn.functional.conv2d(x, weight.to(x.dtype), None, stride, padding, 1, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, groups = ctx.settings
        dx, dw, _ = torch.ops.aten.convolution_backward(
            dy.float(),
            x.float(),
            weight.to(x.dtype).float(),  # as it was in the forward pass
            None,
            stride,
            padding,
            (1, 1),  # dilation
            False,  # not transposed
            (0, 0),
            groups,
            (*ctx.needs_input_grad[:2], False),
        )
        return None if dx is None else dx.to(x.dtype), dw, None, None, None
