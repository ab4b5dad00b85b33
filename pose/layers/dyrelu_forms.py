"""DY-ReLU with fewer coefficients: without intercepts, or with a last piece that is always zero.

    max(a x, 0)    max(a x + b, 0)    max_k a^k x                                                  (Table 7)

Source: Chen et al., "Dynamic ReLU", ECCV 2020, section 5.2, the ablation of piecewise functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pose.layers.dyrelu import DyReLU, Variant


class ReducedDyReLU(DyReLU):
    """`DyReLU` of which some coefficients are constants; the hyper function computes the others only.

    Args:
        num_pieces: K, counting the zero piece.
        alpha, beta: initial slopes and intercepts of the pieces but the zero piece; beta needs `intercept`.
        intercept: False for b = 0 everywhere.
        zero_piece: the last piece is the constant 0.
        others: see `DyReLU`.
    """

    def __init__(
        self,
        channels: int,
        variant: Variant = "B",
        *,
        intercept: bool = True,
        zero_piece: bool = False,
        reduction: int = 8,
        num_pieces: int = 2,
        alpha: Sequence[float] | None = None,
        beta: Sequence[float] | None = None,
        lambda_a: float = 1.0,
        lambda_b: float = 0.5,
        gamma: float = 1 / 3,
        tau: float = 10.0,
        zero_init: bool = False,
    ) -> None:
        if zero_piece and num_pieces < 2:
            raise ValueError(f"with zero_piece, num_pieces counts it and must be at least 2, got {num_pieces}")
        if not intercept and beta is not None and any(beta):
            raise ValueError(f"without intercept, beta must be left out or 0, got {list(beta)}")
        super().__init__(
            channels,
            variant,
            reduction=reduction,
            num_pieces=num_pieces - zero_piece,
            alpha=alpha,
            beta=beta,
            lambda_a=lambda_a,
            lambda_b=lambda_b,
            gamma=gamma,
            tau=tau,
            zero_init=zero_init,
        )
        self.intercept, self.zero_piece = intercept, zero_piece
        if not intercept:
            self.fc2 = nn.Linear(self.fc2.in_features, self.fc2.out_features // 2)
            if zero_init:
                nn.init.zeros_(self.fc2.weight)
                nn.init.zeros_(self.fc2.bias)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As `DyReLU.coefficients`, for the pieces that are not constant."""
        if self.intercept:
            return super().coefficients(x)
        a = self.alpha[:, None] + self.lambda_a * self.residuals(x).unflatten(1, (self.num_pieces, -1))
        return a, torch.zeros_like(a)

    def plain(self, x: Tensor) -> Tensor:
        y = super().plain(x)
        # The attention is positive, so clamping after it equals clamping before.
        return y.clamp(min=0) if self.zero_piece else y

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, intercept={self.intercept}, zero_piece={self.zero_piece}"
