"""Whether an exported graph gives what the network gives, and how long each takes.

Shapes: N crops, K keypoints, h x w heatmap.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose.codecs.codec import QUARTER, Codec
from pose.inference.base import crop_boxes
from pose.inference.memory import fitting_batch_size
from pose.inference.onnx_predictor import OnnxModel
from pose.inference.torch_predictor import predict_heatmaps
from pose.keypoints.skeletons import Skeleton
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people

# What rounding may do to heatmaps: this part of their peak (trained networks need a hundredth of it), or so many
# times what it does to PyTorch's own, as measured against double precision.
PEAK_TOLERANCE, ROUNDING_TOLERANCE = 1e-4, 10
KEYPOINT_TOLERANCE = 0.01  # crop pixels; rounding moves coordinates, and peaks between pixels, by less


class Exported(Protocol):
    """An exported graph with heatmaps in some runtime."""

    @property
    def skeleton(self) -> Skeleton: ...

    @property
    def input_size(self) -> tuple[int, int]: ...

    @property
    def flip_test(self) -> bool: ...

    def run(self, crops: NDArray[np.uint8], /) -> Sequence[NDArray[np.float32]]:
        """Compute keypoints, scores and heatmaps of crops (N, H, W, 3)."""


@dataclass(frozen=True)
class Check:
    """How an exported graph compares with the network.

    Attributes:
        crops: how many were compared.
        heatmap_difference: the largest one.
        heatmap_peak: the largest absolute value, for comparison.
        rounding: the most by which PyTorch's own heatmaps differ from those in double precision.
        keypoint_difference: the largest one of `keypoints` keypoints, in crop pixels.
        undecided: keypoints left out, because two pixels are equal but for rounding.
        runtime: what ran the graph.
    """

    crops: int
    heatmap_difference: float
    heatmap_peak: float
    rounding: float
    keypoint_difference: float
    keypoints: int
    undecided: int
    runtime: str = "onnxruntime"

    def __str__(self) -> str:
        left_out = f", {self.undecided} undecided by rounding" if self.undecided else ""
        return (
            f"{self.runtime} against PyTorch on {self.crops} crops of generated people: heatmaps differ by at most "
            f"{self.heatmap_difference:.1e} (peak {self.heatmap_peak:.2f}), {self.keypoints} keypoints by at most "
            f"{self.keypoint_difference:.4f} pixels{left_out}"
        )

    def verify(self) -> None:
        """Refuse what rounding does not explain.

        Raises:
            ValueError: a difference is above its tolerance.
        """
        limit = max(PEAK_TOLERANCE * self.heatmap_peak, ROUNDING_TOLERANCE * self.rounding)
        if not (self.heatmap_difference <= limit and self.keypoint_difference <= KEYPOINT_TOLERANCE):
            raise ValueError(
                f"the exported graph is not the network, so nothing is written: {self}; allowed are {limit:.1e} and "
                f"{KEYPOINT_TOLERANCE} pixels. Please report it"
            )


@dataclass(frozen=True)
class Quantized:
    """How a graph with smaller weights compares with the float one.

    Attributes:
        kind: "int8" or "fp16", an option of `pose export`.
        crops: how many were compared.
        what: what they show.
        moved: part of the keypoints that lie elsewhere by more than `KEYPOINT_TOLERANCE`.
        median, p95: crop pixels that keypoints move by.
    """

    kind: str
    crops: int
    what: str
    moved: float
    median: float
    p95: float

    def __str__(self) -> str:
        return (
            f"{self.kind} against float on {self.crops} crops of {self.what}: {100 * self.moved:.0f} % of the "
            f"keypoints move by more than {KEYPOINT_TOLERANCE} pixels, half of all by at most {self.median:.2f}, "
            f"95 % by at most {self.p95:.2f}; `pose eval` tells what that costs in AP"
        )

    def verify(self, stride: int) -> None:
        """Refuse a graph that quantization broke.

        Raises:
            ValueError: more than one keypoint in twenty has moved by more than a heatmap's pixel.
        """
        if not self.p95 <= stride:
            hint = (
                "Calibrate on images like yours with --calibrate DIR, or export" if self.kind == "int8" else "Export"
            )
            raise ValueError(
                f"{self.kind} breaks this network, so nothing is written: {self}; allowed are {stride} pixels for "
                f"95 %. {hint} without --{self.kind}"
            )


def generated_crops(count: int, input_size: tuple[int, int], *, seed: int = 0) -> NDArray[np.uint8]:
    """Make crops of generated people: (count, height, width, 3) uint8 RGB."""
    crops: list[NDArray[np.uint8]] = []
    index = 0
    while len(crops) < count:
        made = render_people(image_rng(seed, "val", index), LEVELS["normal"])
        boxes = np.array([figure.box_xywh for figure in made.figures], dtype=np.float64).reshape(-1, 4)
        crops.extend(crop_boxes(made.image, boxes[boxes[:, 2:].min(axis=1, initial=np.inf) > 0], input_size))
        index += 1
    return np.stack(crops[:count])


def compare(
    model: nn.Module,
    exported: Exported,
    crops: NDArray[np.uint8],
    *,
    codec: Codec = QUARTER,
    runtime: str = "onnxruntime",
) -> Check:
    """Run both on the same crops, the graph also in a batch of another size.

    Args:
        model: on the CPU, in evaluation mode.
        exported: with heatmaps.
        codec: of the network's training.
        runtime: what runs the graph, for messages.
    """
    flip_indices = exported.skeleton.flip_indices if exported.flip_test else None
    input_size = exported.input_size
    expected, exact = (
        network_heatmaps(network, crops, flip_indices=flip_indices, codec=codec) for network in (model, double(model))
    )
    xy, _ = codec.decode(expected, input_size=input_size)
    found = [exported.run(batch) for batch in (crops[:1], *in_batches(crops[1:]))]
    keypoints, scores, heatmaps = (np.concatenate(each) for each in zip(*found, strict=True))
    own_xy, own_scores = codec.decode(torch.from_numpy(heatmaps), input_size=input_size)
    difference = float(np.abs(heatmaps - expected.numpy()).max())
    rounding = float((expected - exact).abs().max())
    decided = margin(expected, between_pixels=codec.dark) > 2 * difference
    moved = np.abs(keypoints - xy.numpy()).max(axis=-1)
    # The graph's decoding is also compared with PyTorch's of the same heatmaps.
    decoding = np.abs(keypoints - own_xy.numpy()).max(axis=-1)
    if codec.dark:
        # A peak on a plateau lies anywhere on it: left out is what PyTorch's own rounding moves far.
        own_move = (xy - codec.decode(exact, input_size=input_size)[0]).abs().amax(-1)
        decided &= own_move * max(ROUNDING_TOLERANCE, difference / max(rounding, 1e-30)) <= KEYPOINT_TOLERANCE
        decoding = decoding[decided.numpy()]
    return Check(
        crops=len(crops),
        heatmap_difference=max(difference, float(np.abs(scores - own_scores.numpy()).max())),
        heatmap_peak=float(expected.abs().max()),
        rounding=rounding,
        keypoint_difference=float(max(moved[decided.numpy()].max(initial=0), decoding.max(initial=0))),
        keypoints=int(decided.sum()),
        undecided=int((~decided).sum()),
        runtime=runtime,
    )


def compare_quantized(
    exported: OnnxModel, quantized: OnnxModel, crops: NDArray[np.uint8], *, kind: str, what: str
) -> Quantized:
    """Run both graphs on the same crops, which show `what`."""
    expected, found = (
        np.concatenate([graph.run(batch)[0] for batch in in_batches(crops)]) for graph in (exported, quantized)
    )
    moved = np.linalg.norm(found - expected, axis=-1)
    share = float((moved > KEYPOINT_TOLERANCE).mean())
    return Quantized(kind, len(crops), what, share, float(np.median(moved)), float(np.percentile(moved, 95)))


def in_batches(crops: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Split crops into as few batches as fit into memory: one, unless they are very large."""
    size = fitting_batch_size(len(crops), (crops.shape[1], crops.shape[2]), device="cpu")
    return [crops[start : start + size] for start in range(0, len(crops), size)]


def network_heatmaps(
    model: nn.Module,
    crops: NDArray[np.uint8],
    *,
    flip_indices: NDArray[np.int64] | None = None,
    codec: Codec = QUARTER,
) -> Tensor:
    """Compute a network's heatmaps of crops (N, H, W, 3), with the flip test if `flip_indices` are given."""
    batches = [torch.from_numpy(batch).permute(0, 3, 1, 2) for batch in in_batches(crops)]
    return torch.cat([predict_heatmaps(model, batch, flip_indices=flip_indices, codec=codec) for batch in batches])


def double(model: nn.Module) -> nn.Module:
    """A copy of a network that computes in double precision what is given in single."""
    return _Double(copy.deepcopy(model).double())


class _Double(nn.Module):
    """A network in double precision that takes single."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.double())


def margin(heatmaps: Tensor, *, between_pixels: bool = False) -> Tensor:
    """Compute how much a heatmap would have to change for its keypoint to jump: (N, K).

    That is the least of the differences between the peak and the second highest value, between the peak and 0, and,
    unless peaks lie between pixels, between the peak's neighbors on either side.
    """
    flat = heatmaps.flatten(2)
    best, index = flat.topk(2, dim=-1)
    width = heatmaps.shape[-1]
    margins = [best[..., 0] - best[..., 1], best[..., 0].abs()]
    for step in () if between_pixels else (1, width):
        ahead = flat.gather(-1, (index[..., :1] + step).clamp(max=flat.shape[-1] - 1))
        behind = flat.gather(-1, (index[..., :1] - step).clamp(min=0))
        margins.append((ahead - behind)[..., 0].abs())
    return torch.stack(margins).amin(dim=0)


def latencies_ms(
    model: nn.Module,
    exported: OnnxModel,
    crop: NDArray[np.uint8],
    *,
    codec: Codec = QUARTER,
    repeats: int = 15,
) -> tuple[float, float]:
    """Measure the median time of one crop in PyTorch and in onnxruntime, in turns, from pixels to keypoints.

    Args:
        exported: opened with `threads=1`; PyTorch is set to one thread, too.
        crop: (1, H, W, 3) uint8.
        codec: of the network's training.
    """
    flip_indices = exported.skeleton.flip_indices if exported.flip_test else None
    image = torch.from_numpy(crop).permute(0, 3, 1, 2)

    def by_torch() -> object:
        heatmaps = predict_heatmaps(model, image, flip_indices=flip_indices, codec=codec)
        return codec.decode(heatmaps, input_size=exported.input_size)

    ways: list[Callable[[], object]] = [by_torch, lambda: exported.run(crop)]
    times: list[list[float]] = [[], []]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for turn in range(-3, repeats):
            for way, measured in zip(ways, times, strict=True):
                started = time.perf_counter()
                way()
                if turn >= 0:
                    measured.append(1e3 * (time.perf_counter() - started))
    finally:
        torch.set_num_threads(threads)
    return statistics.median(times[0]), statistics.median(times[1])
