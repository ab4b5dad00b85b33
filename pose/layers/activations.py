"""The one place that chooses which activation stands behind a convolution."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from pose.layers.dyrelu import DyReLU, Variant

# Where an activation can stand. a1, a2, a3: after the 1x1 expansion, the depthwise convolution and the 1x1
# projection of an inverted residual (section 5.1 of the paper); outer: after any other convolution with a norm.
Site = Literal["a1", "a2", "a3", "outer"]
Form = Literal["trainable", "literal"]

STATIC: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
    "hswish": lambda: nn.Hardswish(inplace=True),
}
DYNAMIC: dict[str, Variant] = {"dyrelu_a": "A", "dyrelu_b": "B", "dyrelu_c": "C"}
ACTIVATIONS = ("default", *STATIC, *DYNAMIC)
IDLE_OFFSET = 0.01  # how far below its equal a piece starts in the trainable form


@dataclass(frozen=True)
class Activation:
    """A choice of activation for a whole backbone or head; `at` makes the module for one place.

    Attributes:
        name: "default" (the network's own), "relu", "relu6", "hswish", "dyrelu_a", "dyrelu_b" or "dyrelu_c".
        sites: (DY-ReLU) which of a1, a2, a3 are dynamic; the others keep the network's own function.
        form: (DY-ReLU) where the layers start. Both are the paper's function at the paper's sites.
            "literal": as the text has it. Deep networks then stay at the all-zero prediction for a long time.
            "trainable": every layer starts as the function that the network had at that place before DY-ReLU:
            ReLU at a1 and a2, the identity at a3 (alpha = (1, ..., 1)). For that the last FC and the attention
            start at zero (C's then scales by gamma, everywhere alike), and pieces of equal slope start IDLE_OFFSET
            below one another: equal pieces would get equal gradients and stay one piece for ever.
            docs/training_dyrelu.md has the measurements.
        reduction, num_pieces, alpha, beta, lambda_a, lambda_b, gamma, tau: see `DyReLU`.
    """

    name: str = "default"
    sites: Sequence[str] = ("a1", "a2", "a3")
    form: str = "trainable"
    reduction: int = 8
    num_pieces: int = 2
    alpha: Sequence[float] | None = None
    beta: Sequence[float] | None = None
    lambda_a: float = 1.0
    lambda_b: float = 0.5
    gamma: float = 1 / 3
    tau: float = 10.0

    def __post_init__(self) -> None:
        for key, values, valid in (
            ("activation", (self.name,), ACTIVATIONS),
            ("activation form", (self.form,), get_args(Form)),
            ("activation site", self.sites, get_args(Site)[:3]),
        ):
            for value in values:
                if value not in valid:
                    close = difflib.get_close_matches(value, valid, n=1)
                    hint = f"did you mean '{close[0]}'? V" if close else "v"
                    raise ValueError(f"unknown {key} '{value}'; {hint}alid: {', '.join(valid)}")

    @property
    def is_dynamic(self) -> bool:
        return self.name in DYNAMIC

    def at(self, site: Site, channels: int, *, default: Callable[[], nn.Module]) -> nn.Module:
        """The activation for one place.

        Args:
            site: where it stands.
            channels: of the tensor that it will see.
            default: makes the network's own activation there (`nn.Identity` at a3).
        """
        if self.name in STATIC:
            return default() if site == "a3" else STATIC[self.name]()
        if not self.is_dynamic or (site != "outer" and site not in self.sites):
            return default()
        alpha, beta = self.alpha, self.beta
        if self.form == "trainable":
            start = (1.0,) * self.num_pieces if site == "a3" else (1.0,) + (0.0,) * (self.num_pieces - 1)
            alpha = tuple(start if alpha is None else alpha)
            if beta is None:
                beta = [-IDLE_OFFSET * alpha[:k].count(slope) for k, slope in enumerate(alpha)]
        return DyReLU(
            channels,
            DYNAMIC[self.name],
            reduction=self.reduction,
            num_pieces=self.num_pieces,
            alpha=alpha,
            beta=beta,
            lambda_a=self.lambda_a,
            lambda_b=self.lambda_b,
            gamma=self.gamma,
            tau=self.tau,
            zero_init=self.form == "trainable",
        )
