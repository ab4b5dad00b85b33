"""Is it dynamic? What the DY-ReLUs of a trained network do over many images (section 6 and Figure 3 of the paper).

A static ReLU maps an input value to one output value; a dynamic one, whose coefficients differ from image to image,
to many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose.data.transforms import normalize
from pose.layers.conv import ConvNormAct
from pose.layers.dyrelu import DyReLU
from pose.runtime.arrays import Array

POINTS_PER_IMAGE = 400  # of each layer, for the scatter
MAP_IMAGES = 6  # whose attention is kept


@dataclass(frozen=True, eq=False)
class LayerDynamics:
    """One DY-ReLU over N images.

    Shapes: K pieces, C channels (1 for variant A), P points.

    Attributes:
        name: the module's.
        variant: "A", "B" or "C".
        depthwise: whether it stands behind a depthwise convolution.
        slopes, intercepts: (N, K, C).
        x, y: (P,) input and output values at random places of random channels.
        channels: (P,) the points' channels.
        attention: (MAP_IMAGES, H, W) pi of the first images; None except for variant C.
        mean_attention: mean of pi over all images and places; 1 except for variant C.
    """

    name: str
    variant: str
    depthwise: bool
    slopes: Array
    intercepts: Array
    x: Array
    y: Array
    channels: NDArray[np.int64]
    attention: Array | None
    mean_attention: float

    def spread_over_images(self) -> dict[str, float]:
        """Compute the standard deviation over images, as mean over pieces and channels; 0 for a static function."""
        return {key: float(values.std(axis=0).mean()) for key, values in self._coefficients()}

    def spread_over_channels(self) -> dict[str, float]:
        """Compute the standard deviation over channels of the means over images, which a static PReLU has, too."""
        return {key: float(values.mean(axis=0).std(axis=-1).mean()) for key, values in self._coefficients()}

    def dynamic_share(self) -> float:
        """Compute the share of the output's variance that a static function with the mean coefficients misses."""
        channels = self.channels if self.slopes.shape[2] > 1 else np.zeros_like(self.channels)
        a, b = self.slopes.mean(axis=0)[:, channels], self.intercepts.mean(axis=0)[:, channels]
        static = (a * self.x + b).max(axis=0) * self.mean_attention
        variance = float(self.y.var())
        return float(((self.y - static) ** 2).mean()) / variance if variance > 0 else 0.0

    def numbers(self) -> dict[str, Any]:
        """Collect the numbers of a table or JSON file."""
        images, channels = self.spread_over_images(), self.spread_over_channels()
        return {
            "layer": self.name,
            "variant": self.variant,
            "depthwise": self.depthwise,
            "slope_spread_images": images["a"],
            "intercept_spread_images": images["b"],
            "slope_spread_channels": channels["a"],
            "intercept_spread_channels": channels["b"],
            "dynamic_share": self.dynamic_share(),
        }

    def _coefficients(self) -> tuple[tuple[str, Array], ...]:
        return ("a", self.slopes), ("b", self.intercepts)


@torch.inference_mode()
def inspect_dynamics(model: nn.Module, batches: Iterable[Tensor], *, seed: int = 0) -> list[LayerDynamics]:
    """Run a network over images and watch its DY-ReLUs.

    Args:
        model: in evaluation mode, on the batches' device.
        batches: (B, 3, H, W) uint8 RGB.
        seed: of the choice of points.
    Returns:
        The layers in the order in which they run.
    Raises:
        ValueError: the network has no DY-ReLU.
    """
    layers = {name: module for name, module in model.named_modules() if isinstance(module, DyReLU)}
    if not layers:
        raise ValueError("the network has no DY-ReLU, so there is nothing dynamic to look at")
    behind_depthwise = {
        id(module[2])
        for module in model.modules()
        if isinstance(module, ConvNormAct) and module[0].groups > 1  # type: ignore[operator]
    }
    rng = np.random.default_rng(seed)
    seen: dict[str, _Watched] = {}  # filled by the hooks, so in the order in which the layers run
    handles = [
        module.register_forward_hook(partial(_watch, name=name, seen=seen, rng=rng))
        for name, module in layers.items()
    ]
    try:
        for images in batches:
            model(normalize(images))
    finally:
        for handle in handles:
            handle.remove()
    return [
        watched.finish(name, layers[name].variant, depthwise=id(layers[name]) in behind_depthwise)
        for name, watched in seen.items()
    ]


@dataclass(eq=False)
class _Watched:
    """What one layer did so far, one array per batch or image; see `LayerDynamics`."""

    a: list[Array] = field(default_factory=list)
    b: list[Array] = field(default_factory=list)
    x: list[Array] = field(default_factory=list)
    y: list[Array] = field(default_factory=list)
    channels: list[Array] = field(default_factory=list)
    pi: list[Array] = field(default_factory=list)
    mean_pi: list[Array] = field(default_factory=list)

    def finish(self, name: str, variant: str, *, depthwise: bool) -> LayerDynamics:
        return LayerDynamics(
            name=name,
            variant=variant,
            depthwise=depthwise,
            slopes=np.concatenate(self.a),
            intercepts=np.concatenate(self.b),
            x=np.concatenate(self.x),
            y=np.concatenate(self.y),
            channels=np.concatenate(self.channels),
            attention=np.stack(self.pi) if self.pi else None,
            mean_attention=float(np.concatenate(self.mean_pi).mean()) if self.mean_pi else 1.0,
        )


def _watch(
    module: DyReLU,
    inputs: tuple[Tensor, ...],
    output: Tensor,
    *,
    name: str,
    seen: dict[str, _Watched],
    rng: np.random.Generator,
) -> None:
    """Keep a layer's coefficients, its attention, and inputs and outputs at random points (a forward hook)."""
    x = inputs[0]
    watched = seen.setdefault(name, _Watched())
    a, b = module.coefficients(x)
    watched.a.append(a.cpu().numpy())
    watched.b.append(b.cpu().numpy())
    places = x[0, 0].numel()
    for image in range(len(x)):
        channel = rng.integers(x.shape[1], size=POINTS_PER_IMAGE)
        flat = torch.from_numpy(channel * places + rng.integers(places, size=POINTS_PER_IMAGE)).to(x.device)
        watched.channels.append(channel)
        watched.x.append(x[image].reshape(-1)[flat].float().cpu().numpy())
        watched.y.append(output[image].reshape(-1)[flat].float().cpu().numpy())
    if module.variant == "C":
        pi = module.spatial_attention(x)[:, 0].float().cpu().numpy()
        watched.mean_pi.append(pi.mean(axis=(1, 2)))
        watched.pi.extend(pi[: max(0, MAP_IMAGES - len(watched.pi))])


def every_other_block(layers: list[LayerDynamics]) -> list[LayerDynamics]:
    """Choose the layers that Figure 3 shows: behind the depthwise convolution of every other block.

    Without depthwise convolutions (ResNet): every other layer.
    """
    return ([layer for layer in layers if layer.depthwise] or layers)[::2]
