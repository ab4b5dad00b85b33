"""Dynamic ReLU: a piecewise linear function whose slopes and intercepts are computed from its whole input.

    y_c = max_k (a_c^k * x_c + b_c^k),   a, b = coefficients(x)                      (Eq 1, 2)

Source: Chen et al., "Dynamic ReLU", ECCV 2020 (arXiv 2003.10027), sections 3 and 4.

Where the paper is silent: both FCs have biases; the hidden width is max(1, C // R); alpha for K > 2 is
(1, 0, ..., 0); the attention's 1x1 convolution has no bias, which could not change a softmax; the hyper function
and the softmax run in fp32 at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from pose.layers import dyrelu_autograd, dyrelu_fused, dyrelu_operator
from pose.layers.dyrelu_guard import bare_weights, is_unwatched

Variant = Literal["A", "B", "C"]

_DEFINITION = frozenset(("coefficients", "residuals", "spatial_attention", "plain"))
_NUMBERS = frozenset((float, int))


class DyReLU(nn.Module):
    """Dynamic ReLU of variant A (shared by channels), B (per channel) or C (per channel, times attention).

    It is fast for B and C with two pieces on maps in fp32, bf16 or fp16 with fp32 weights, by a compiled kernel on
    CPUs and by Triton on CUDA, also within `torch.compile`. It falls back to `plain`, the same in PyTorch's own
    operators, for all else and wherever the kernel could differ from it, which each call finds out: weights that are
    missing, of another dtype, strided, parametrized, pruned, quantized, sharded or offloaded; hooks on its layers, or
    other modules in their place; `torch.func`, forward-mode derivatives, gradients of gradients, tracers, exporters
    and modes.

    Shapes: N batch, C channels, H x W map, K pieces, R reduction.

    Args:
        channels: C of the input.
        variant: "A", "B" or "C".
        reduction: R; the hyper function's hidden width is max(1, C // R).
        num_pieces: K >= 1; with one piece the function is linear for a given input.
        alpha: K initial slopes, (1, 0, ..., 0) by default; one less with `zero_piece`.
        beta: K initial intercepts, zeros by default; likewise.
        lambda_a: range of the slopes' residuals; a is in (alpha - lambda_a, alpha + lambda_a).
        lambda_b: the same for the intercepts.
        gamma: (C) the attention is min(gamma * H * W * softmax(z / tau), 1). The paper's 1/3 makes a uniform
            attention 1/3 everywhere.
        tau: (C) temperature of the attention's softmax.
        zero_init: start the hyper function's last layer and the attention's projection at zero, so that the layer
            starts as the static function that alpha and beta describe (times gamma for C).
        intercept: False for b = 0 everywhere: the hyper function computes slopes only. With this and the next one the
            layer is a form of Table 7: max(a x, 0), max(a x + b, 0), or max_k a^k x.
        zero_piece: the last of the K pieces is the constant 0.
    Raises:
        ValueError: an argument out of its range.
    """

    def __init__(
        self,
        channels: int,
        variant: Variant = "B",
        *,
        reduction: int = 8,
        num_pieces: int = 2,
        alpha: Sequence[float] | None = None,
        beta: Sequence[float] | None = None,
        lambda_a: float = 1.0,
        lambda_b: float = 0.5,
        gamma: float = 1 / 3,
        tau: float = 10.0,
        zero_init: bool = False,
        intercept: bool = True,
        zero_piece: bool = False,
    ) -> None:
        super().__init__()
        if variant not in get_args(Variant):
            raise ValueError(f"DyReLU's variant is 'A', 'B' or 'C', got {variant!r}")
        for name, value in (("channels", channels), ("reduction", reduction), ("num_pieces", num_pieces)):
            if value < 1:
                raise ValueError(f"DyReLU's {name} must be at least 1, got {value}")
        if gamma <= 0 or tau <= 0:
            raise ValueError(f"DyReLU's gamma and tau must be positive, got gamma {gamma}, tau {tau}")
        if zero_piece and num_pieces < 2:
            raise ValueError(f"with zero_piece, num_pieces counts it and must be at least 2, got {num_pieces}")
        if not intercept and beta is not None and any(beta):
            raise ValueError(f"without intercept, beta must be left out or 0, got {list(beta)}")
        num_pieces -= zero_piece  # from here on those that are computed
        alpha = tuple(alpha) if alpha is not None else (1.0,) + (0.0,) * (num_pieces - 1)
        beta = tuple(beta) if beta is not None else (0.0,) * num_pieces
        for name, values in (("alpha", alpha), ("beta", beta)):
            if len(values) != num_pieces:
                raise ValueError(f"DyReLU's {name} needs {num_pieces} values (num_pieces), got {len(values)}")

        self.channels, self.variant, self.num_pieces = channels, variant, num_pieces
        self.intercept, self.zero_piece = intercept, zero_piece
        self.lambda_a, self.lambda_b = float(lambda_a), float(lambda_b)
        self.gamma, self.tau = float(gamma), float(tau)
        hidden = max(1, channels // reduction)
        per_piece = 1 if variant == "A" else channels
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, (2 if intercept else 1) * num_pieces * per_piece)
        self.alpha: Tensor
        self.beta: Tensor
        # Constants, not weights: they travel with the module's device but not in its state dict.
        self.register_buffer("alpha", torch.tensor(alpha, dtype=torch.float32), persistent=False)
        self.register_buffer("beta", torch.tensor(beta, dtype=torch.float32), persistent=False)
        if variant == "C":
            self.attention = nn.Conv2d(channels, 1, kernel_size=1, bias=False)
        if zero_init:
            for weight in (*self.fc2.parameters(), *(self.attention.parameters() if variant == "C" else ())):
                nn.init.zeros_(weight)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes a and intercepts b for each input (Eq 2), before the attention.

        Args:
            x: (N, C, H, W) or (N, C).
        Returns:
            a, b: (N, K, C) each, or (N, K, 1) for variant A; fp32, or fp64 if x is.
        """
        # (N, 2K * C) -> (N, 2, K, C): all a^1, ..., all a^K, all b^1, ..., all b^K.
        residuals = self.residuals(x).unflatten(1, (2 if self.intercept else 1, self.num_pieces, -1))
        a = self.alpha[:, None] + self.lambda_a * residuals[:, 0]
        if not self.intercept:
            return a, torch.zeros_like(a)
        b = self.beta[:, None] + self.lambda_b * residuals[:, 1]
        return a, b

    def residuals(self, x: Tensor) -> Tensor:
        """The hyper function's outputs in (-1, 1), one for each row of fc2: (N, rows); fp32, or fp64 if x is."""
        with _in_full_precision(x):
            context = (x.mean(dim=(2, 3)) if x.ndim == 4 else x).to(self._weight_dtype(self.fc1))
            return 2 * torch.sigmoid(self.fc2(torch.relu(self.fc1(context)))) - 1

    def spatial_attention(self, x: Tensor) -> Tensor:
        """pi = min(gamma * H * W * softmax_hw(z / tau), 1) of variant C, z a 1x1 convolution of x.

        Args:
            x: (N, C, H, W).
        Returns:
            (N, 1, H, W) in (0, 1]; fp32, or fp64 if x is.
        """
        height, width = x.shape[2:]
        if bare_weights(self.attention, nn.Conv2d) is not None:
            # A matrix product over channels: a convolution to one channel is many times slower in eager mode.
            z = torch.matmul(self.attention.weight.view(1, -1).to(x.dtype), x.flatten(2))
        else:  # with hooks, parametrizations, or another module in its place
            z = self.attention(x.to(self._weight_dtype(self.attention))).flatten(2)
        with _in_full_precision(x):
            z = z if z.dtype == torch.float64 else z.float()
            pi = torch.softmax(z / self.tau, dim=2) * (self.gamma * height * width)
            return pi.clamp(max=1.0).unflatten(2, (height, width))

    def _weight_dtype(self, module: nn.Module) -> torch.dtype:
        weight = getattr(module, "weight", None)  # what someone puts in the place of a layer may have none
        return weight.dtype if isinstance(weight, Tensor) else self.alpha.dtype

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), or (N, C) for A and B -> the same shape and dtype."""
        if x.ndim not in ((4,) if self.variant == "C" else (2, 4)):
            shapes = "(N, C, H, W)" if self.variant == "C" else "(N, C, H, W) or (N, C)"
            raise ValueError(f"DyReLU-{self.variant} takes {shapes}, got a tensor of shape {tuple(x.shape)}")
        if x.shape[1] != self.channels:
            raise ValueError(f"DyReLU was made for {self.channels} channels, got shape {tuple(x.shape)}")
        tensors = self._fusible(x)
        if tensors is None:
            return self.plain(x)
        call = dyrelu_operator.call if torch.compiler.is_compiling() else dyrelu_autograd.run
        settings = (self.lambda_a, self.lambda_b, self.gamma, self.tau)
        if x.is_cpu and x.dtype is torch.float16:  # widened: still faster than the plain path, and rounded once
            return call(x.float(), *tensors, *settings).to(x.dtype)
        return call(x, *tensors, *settings)

    def _fusible(self, x: Tensor) -> tuple[Tensor | None, ...] | None:
        """The tensors that a kernel takes beside x, or None where it could give anything but what `plain` gives."""
        is_c = self.variant == "C"
        if not (
            self.num_pieces == 2
            and self.intercept
            and not self.zero_piece
            and (is_c or self.variant == "B")
            and is_unwatched()
            and dyrelu_fused.is_supported(x)
            and self._is_as_written()
        ):
            return None
        modules, buffers = self._modules, self._buffers
        fc1, fc2 = bare_weights(modules["fc1"], nn.Linear), bare_weights(modules["fc2"], nn.Linear)
        attention = bare_weights(modules["attention"], nn.Conv2d) if is_c else {}
        alpha, beta = buffers.get("alpha"), buffers.get("beta")
        if fc1 is None or fc2 is None or attention is None or alpha is None or beta is None:
            return None
        projection = attention.get("weight")
        if is_c is (projection is None) or alpha.requires_grad or beta.requires_grad:
            return None
        tensors = (fc1.get("weight"), fc1.get("bias"), fc2.get("weight"), fc2.get("bias"), projection, alpha, beta)
        return tensors if dyrelu_fused.takes(x, *tensors) else None

    def _is_as_written(self) -> bool:
        """Whether the definition is that of this class: no method replaced, no setting that is learned."""
        kind, own = type(self), self.__dict__
        return (
            (kind is DyReLU or all(getattr(kind, name) is getattr(DyReLU, name) for name in _DEFINITION))
            and _DEFINITION.isdisjoint(own)
            and _NUMBERS.issuperset(map(type, (self.lambda_a, self.lambda_b, self.gamma, self.tau)))
        )

    def plain(self, x: Tensor) -> Tensor:
        """`forward` in PyTorch's own operators: the reference for the fused kernels, and what exporters see."""
        a, b = (coefficient.to(x.dtype) for coefficient in self.coefficients(x))
        if x.ndim == 4:
            a, b = a[..., None, None], b[..., None, None]
        # Piece by piece, as coefficients broadcast to (N, K, C, H, W) would cost 2K times the input's memory.
        y = a[:, 0] * x + b[:, 0]
        for k in range(1, self.num_pieces):
            y = torch.maximum(y, a[:, k] * x + b[:, k])
        if self.variant == "C":
            # pi >= 0, so scaling the maximum equals scaling all coefficients.
            y = y * self.spatial_attention(x).to(y.dtype)
        # The attention is positive, so clamping after it equals clamping before.
        return y.clamp(min=0) if self.zero_piece else y

    def extra_repr(self) -> str:
        forms = ("" if self.intercept else ", intercept=False") + (", zero_piece=True" if self.zero_piece else "")
        return f"{self.channels}, variant={self.variant}, num_pieces={self.num_pieces}{forms}"

    def __prepare_scriptable__(self) -> DyReLU:
        """What `torch.jit.script` asks for first."""
        raise RuntimeError(
            "DyReLU cannot be compiled by torch.jit.script, which does not know all of its Python; "
            "use torch.jit.trace(model, example_input) or torch.export.export(model, (example_input,))"
        )


def _in_full_precision(x: Tensor) -> AbstractContextManager[Any]:
    """Autocast off, for x's kind of device; "meta" has none."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
