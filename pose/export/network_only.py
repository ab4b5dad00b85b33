"""`pose export --network-only`: from normalized images to heatmaps, which converters for other runtimes take.

Converters stumble over bytes, index arithmetic and batches of any size. This file has none of them; what it leaves to
the program around it (crop, normalize, decode) is in docs/runtimes.md, and the numbers for it in the metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from onnx import checker, shape_inference
from torch import nn

from pose.checkpoints.checkpoint import Checkpoint
from pose.codecs.heatmap import decode
from pose.data.transforms import normalize
from pose.export.check import PEAK_TOLERANCE, ROUNDING_TOLERANCE, double, generated_crops, margin, network_heatmaps
from pose.export.metadata import header_of, put_header, write_with_header
from pose.export.network import IMAGES, build_network
from pose.runtime.onnx_session import start_session

FORMAT = "pose-network-1"


@dataclass(frozen=True)
class ExportedNetwork:
    """What `export_network` wrote.

    Attributes:
        path: the file.
        size: bytes.
        crops: how many were compared.
        heatmap_difference: the largest one, where heatmaps reach up to `heatmap_peak`.
        moved: keypoints that lie elsewhere, of those that rounding cannot move.
    """

    path: Path
    size: int
    crops: int
    heatmap_difference: float
    heatmap_peak: float
    moved: int

    def __str__(self) -> str:
        return (
            f"onnxruntime against PyTorch on {self.crops} crops of generated people: heatmaps differ by at most "
            f"{self.heatmap_difference:.1e} (peak {self.heatmap_peak:.2f}), {self.moved} keypoints moved\n"
            f"{self.size / 1e6:.1f} MB: {self.path}, the network alone (docs/runtimes.md tells how to use it)"
        )


def export_network(checkpoint: Checkpoint, path: Path, *, batch: int = 1, crops: int = 16) -> ExportedNetwork:
    """Write the network alone as an ONNX file: images (batch, 3, H, W) float32, normalized -> heatmaps.

    Args:
        batch: images at a time; a constant of the file.
        crops: of generated people, to compare on.
    Raises:
        ValueError, OSError: a classifier, a layer that cannot be exported, a path that cannot be written, or a graph
            that does not give what the network gives. Nothing is written then.
    """
    input_size = checkpoint.pose_config.model.input_size
    model = checkpoint.build()
    graph = shape_inference.infer_shapes(build_network(model, input_size=input_size, batch=batch))
    checker.check_model(graph, full_check=True)
    header = header_of(checkpoint, format=FORMAT, in_graph=False)
    put_header(graph, header, "images (batch, 3, H, W) float32, normalized RGB -> heatmaps (batch, K, H / 4, W / 4)")
    data = graph.SerializeToString()
    seen = generated_crops(-(-crops // batch) * batch, input_size)
    result = _compare(model, data, seen, batch=batch)
    write_with_header(path, data, header)
    return ExportedNetwork(path, len(data), len(seen), *result)


def _compare(model: nn.Module, data: bytes, crops: np.ndarray, *, batch: int) -> tuple[float, float, int]:
    """The largest difference of the heatmaps, their peak, and how many keypoints moved.

    Raises:
        ValueError: rounding does not explain the difference.
    """
    expected = network_heatmaps(model, crops)
    rounding = float((expected - network_heatmaps(double(model), crops)).abs().max())
    session = start_session(data, name="the network in memory", threads=1)
    images = normalize(torch.from_numpy(crops).permute(0, 3, 1, 2))
    batches = images.numpy().reshape(-1, batch, 3, *crops.shape[1:3])
    found = torch.from_numpy(np.concatenate([session.run(None, {IMAGES: each})[0] for each in batches]))
    difference, peak = float((found - expected).abs().max()), float(expected.abs().max())
    limit = max(PEAK_TOLERANCE * peak, ROUNDING_TOLERANCE * rounding)
    if not difference <= limit:
        raise ValueError(
            f"the exported network is not the network, so nothing is written: heatmaps differ by {difference:.1e}, "
            f"allowed are {limit:.1e}. Please report it"
        )
    elsewhere = (decode(found)[0] - decode(expected)[0]).abs().amax(dim=-1) > 0
    return difference, peak, int((elsewhere & (margin(expected) > 2 * difference)).sum())
