"""The one place that chooses which activation stands behind a convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from pose.layers.dyrelu import DyReLU, Variant
from pose.layers.related import Maxout, SEReLU
from pose.runtime.text import did_you_mean

# Where an activation can stand. a1, a2, a3: after the 1x1 expansion, the depthwise convolution and the 1x1
# projection of an inverted residual (section 5.1 of the paper); outer: after any other convolution with a norm;
# sum: after the addition at the end of ResNet's blocks.
Site = Literal["a1", "a2", "a3", "outer", "sum"]
Form = Literal["trainable", "literal"]

# Without settings: what networks take for their own, too.
STATIC: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
    "hswish": lambda: nn.Hardswish(inplace=True),
    "rrelu": lambda: nn.RReLU(inplace=True),  # slopes drawn in [1/8, 1/3] in training, their mean in evaluation
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "prelu_shared": lambda: nn.PReLU(1),
}
# With the number of channels and the settings of an `Activation`.
RELATED: dict[str, Callable[[int, Activation], nn.Module]] = {
    "prelu": lambda channels, _: nn.PReLU(channels),
    "se_relu": lambda channels, choice: SEReLU(channels, reduction=choice.reduction),
    "maxout": lambda _, choice: Maxout(choice.num_pieces),
}
DYNAMIC: dict[str, Variant] = {"dyrelu_a": "A", "dyrelu_b": "B", "dyrelu_c": "C"}
ACTIVATIONS = ("default", *STATIC, *RELATED, *DYNAMIC)
SE_SITES = ("a2", "sum")  # where MobileNetV3 has its squeeze-and-excite, and the end of ResNet's blocks
IDLE_OFFSET = 0.01  # how far below its equal a piece starts in the trainable form


@dataclass(frozen=True)
class Activation:
    """A choice of activation for a whole backbone or head; `at` makes the module for one place.

    Attributes:
        name: one of `ACTIVATIONS`; "default" is the network's own. All but DY-ReLU leave a3 linear, as it is in the
            networks' own form. "prelu" learns a slope a channel, "prelu_shared" one a layer. "se_relu" is SE before
            ReLU at `SE_SITES` and ReLU elsewhere. "maxout" replaces a convolution by `num_pieces`; after an
            addition there is none, and the network's own function stays.
        sites: (DY-ReLU) which of a1, a2, a3 are dynamic; the others keep the network's own function.
        form: (DY-ReLU) where the layers start. Both are the paper's function at the paper's sites.
            "literal": as the text has it. Deep networks then stay at the all-zero prediction for a long time.
            "trainable": every layer starts as the function that the network had at that place before DY-ReLU:
            ReLU at a1 and a2, the identity at a3 (alpha = (1, ..., 1)). For that the last FC and the attention
            start at zero (C's then scales by gamma, everywhere alike), and pieces of equal slope start IDLE_OFFSET
            below one another: equal pieces would get equal gradients and stay one piece for ever.
            docs/training_dyrelu.md has the measurements.
        intercept: (DY-ReLU) False for b = 0.
        zero_piece: (DY-ReLU) the last of the K pieces is the constant 0; alpha and beta have K - 1 values, and a3
            starts as ReLU.
        reduction: (DY-ReLU, SE) R. num_pieces: (DY-ReLU, Maxout) K.
        alpha, beta, lambda_a, lambda_b, gamma, tau: see `DyReLU`.
    """

    name: str = "default"
    sites: Sequence[str] = ("a1", "a2", "a3")
    form: str = "trainable"
    reduction: int = 8
    num_pieces: int = 2
    intercept: bool = True
    zero_piece: bool = False
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
                check_name(value, valid, what=key)

    @property
    def is_dynamic(self) -> bool:
        return self.name in DYNAMIC

    def at(self, site: Site, channels: int, *, default: Callable[[], nn.Module]) -> nn.Module:
        """The activation for one place.

        Args:
            site: where it stands.
            channels: of the tensor that it gives.
            default: makes the network's own activation there (`nn.Identity` at a3).
        Returns:
            A module (N, channels, H, W) -> the same, but for `Maxout`, of which `ConvNormAct` knows.
        """
        if self.name == "default" or (not self.is_dynamic and site == "a3"):
            return default()
        if self.name in STATIC:
            return STATIC[self.name]()
        if self.name in RELATED:
            if self.name == "maxout" and site == "sum":
                return default()
            if self.name == "se_relu" and site not in SE_SITES:
                return STATIC["relu"]()
            return RELATED[self.name](channels, self)
        if site in get_args(Site)[:3] and site not in self.sites:
            return default()
        return self._dyrelu(site, channels)

    def _dyrelu(self, site: Site, channels: int) -> DyReLU:
        alpha, beta = self.alpha, self.beta
        if self.form == "trainable":
            pieces = self.num_pieces - self.zero_piece
            like_relu = site != "a3" or self.zero_piece
            start = (1.0,) + (0.0 if like_relu else 1.0,) * (pieces - 1)
            slopes = tuple(start if alpha is None else alpha)
            idle = [-IDLE_OFFSET * slopes[:k].count(slope) for k, slope in enumerate(slopes)]
            if self.intercept:
                alpha, beta = slopes, idle if beta is None else beta
            else:
                alpha = tuple(slope + offset for slope, offset in zip(slopes, idle, strict=True))
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
            intercept=self.intercept,
            zero_piece=self.zero_piece,
        )


def check_name(name: str, valid: Iterable[str], *, what: str) -> str:
    """The name, if it is valid.

    Raises:
        ValueError: it is not; the closest one is suggested.
    """
    if name not in (names := list(valid)):
        raise ValueError(f"unknown {what} '{name}'; {did_you_mean(name, names)}")
    return name
