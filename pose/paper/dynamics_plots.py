"""The figures of `pose inspect`, drawn with matplotlib: each as .png to look at and as .pdf to print."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pose.paper.dynamics import LayerDynamics
from pose.runtime.errors import require
from pose.runtime.files import write_atomic

INK, BLUE, ORANGE, GRAY = "#1b1e28", "#2a6fbb", "#d9661f", "#8a8f9c"
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "pdf.fonttype": 42,
}
RANGE = (0.5, 99.5)  # percentiles of the input that a panel shows
MAP_LAYERS = 6


def load_pyplot() -> Any:
    """Import matplotlib, drawing to files only.

    Raises:
        MissingPackage: it is not installed.
    """
    require("`pose inspect`", matplotlib="matplotlib")
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def plot_inputs_outputs(layers: Sequence[LayerDynamics], path: Path) -> None:
    """Draw Figure 3: output against input of each layer, with the lines y = x and y = -x."""
    plt = load_pyplot()
    columns = min(5, len(layers))
    rows = -(-len(layers) // columns)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows, columns, figsize=(1.65 * columns, 1.75 * rows + 0.3), squeeze=False, layout="constrained"
        )
        for axis in axes.flat[len(layers) :]:
            axis.set_visible(False)
        for axis, layer in zip(axes.flat, layers, strict=False):
            low, high = np.percentile(layer.x, RANGE)
            bound = float(max(abs(low), abs(high), 1e-6)) * 1.05
            axis.scatter(layer.x, layer.y, s=1.2, c=BLUE, alpha=0.18, linewidths=0, rasterized=True)
            line = np.array([-bound, bound])
            for sign in (1, -1):
                axis.plot(line, sign * line, color=ORANGE, linewidth=0.8, dashes=(4, 2))
            axis.set(xlim=(-bound, bound), ylim=(-bound, bound), aspect="equal")
            axis.set_title(f"{short_name(layer.name)}\n{layer.dynamic_share():.0%} dynamic", color=INK)
            axis.locator_params(nbins=4)
        figure.supxlabel("input", fontsize=8)
        figure.supylabel("output", fontsize=8)
        _save(figure, path)


def plot_spread(layers: Sequence[LayerDynamics], path: Path) -> None:
    """Draw the spread of slopes and intercepts of all layers, in their order: over images, and over channels."""
    plt = load_pyplot()
    order = np.arange(1, len(layers) + 1)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 1, figsize=(6.6, 3.6), sharex=True, layout="constrained")
        for axis, key, what in zip(axes, ("a", "b"), ("slopes a", "intercepts b"), strict=True):
            over_channels = [layer.spread_over_channels()[key] for layer in layers]
            over_images = [layer.spread_over_images()[key] for layer in layers]
            axis.plot(order, over_channels, color=GRAY, linewidth=1, label="over channels (static)")
            axis.plot(order, over_images, color=BLUE, linewidth=1.2, label="over images (dynamic)")
            places = [i for i, layer in enumerate(layers) if layer.depthwise]
            axis.plot(
                order[places],
                [over_images[i] for i in places],
                "o",
                color=BLUE,
                markersize=3,
                label="behind a depthwise convolution",
            )
            axis.set_ylabel(f"deviation of\n{what}")
            axis.set_ylim(bottom=0)
            axis.margins(x=0.01)
        axes[0].legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, 1.28), borderaxespad=0)
        axes[1].set_xlabel("DY-ReLU layer, from the input to the output")
        _save(figure, path)


def plot_attention(layers: Sequence[LayerDynamics], images: NDArray[np.uint8], path: Path) -> bool:
    """Draw maps of pi over the images, for layers spread over the depth; False without variant C.

    Red is more than the mean, which is what a uniform attention has everywhere, and blue is less.

    Args:
        images: (N, H, W, 3) uint8 RGB, the first that the layers saw.
    """
    chosen = [layer for layer in layers if layer.attention is not None and min(layer.attention.shape[1:]) > 1]
    if not chosen:
        return False
    chosen = [chosen[i] for i in np.unique(np.linspace(0, len(chosen) - 1, MAP_LAYERS).round().astype(int))]
    plt = load_pyplot()
    from matplotlib.colors import CenteredNorm

    height, width = images.shape[1:3]
    rows, columns = min(len(images), 4), len(chosen) + 1
    cell = 1.15
    values = np.concatenate([layer.attention[:rows].ravel() for layer in chosen if layer.attention is not None])
    middle = float(np.mean([layer.mean_attention for layer in chosen]))
    half = max(0.02, float(np.percentile(np.abs(values - middle), 99)))
    norm = CenteredNorm(middle, half)
    with plt.rc_context(STYLE):
        size = (cell * columns + 0.6, cell * rows * height / width + 0.5)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for row in range(rows):
            gray = cv2.cvtColor(cv2.cvtColor(images[row], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            axes[row, 0].imshow(images[row])
            for axis, layer in zip(axes[row, 1:], chosen, strict=True):
                assert layer.attention is not None
                pi = cv2.resize(layer.attention[row], (width, height), interpolation=cv2.INTER_LINEAR)
                axis.imshow(gray)
                shown = axis.imshow(pi, cmap="RdBu_r", norm=norm, alpha=0.65)
                axis.text(
                    0.03,
                    0.03,
                    f"{layer.attention[row].min():.2f} to {layer.attention[row].max():.2f}",
                    transform=axis.transAxes,
                    color=INK,
                    fontsize=5.5,
                )
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        for axis, layer in zip(axes[0, 1:], chosen, strict=True):
            assert layer.attention is not None
            axis.set_title(
                f"{short_name(layer.name)}\n{layer.attention.shape[1]} x {layer.attention.shape[2]}", fontsize=6.5
            )
        axes[0, 0].set_title("image", fontsize=6.5)
        figure.colorbar(shown, ax=axes, shrink=0.6, pad=0.01, label="pi")
        _save(figure, path)
    return True


def short_name(name: str) -> str:
    """Shorten backbone.blocks.3.layers.1.2 to backbone 3.1, the block and the layer in it."""
    numbers = [part for part in name.split(".") if part.isdigit()]
    first = name.split(".")[0]
    words = [part for part in name.split(".")[1:] if not part.isdigit() and part not in ("blocks", "layers")]
    return " ".join([first, *words, ".".join(numbers[:-1] or numbers)])


def _save(figure: Any, path: Path) -> None:
    plt = load_pyplot()
    for suffix, dpi in ((".png", 220), (".pdf", 300)):
        file = io.BytesIO()
        figure.savefig(file, format=suffix[1:], dpi=dpi)
        write_atomic(path.with_suffix(suffix), file.getvalue())
    plt.close(figure)
