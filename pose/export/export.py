"""`pose export`: build, check against PyTorch, and only then write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, checker
from torch import nn

from pose.checkpoints.checkpoint import Checkpoint
from pose.export.check import Check, Quantized, compare, compare_quantized, generated_crops, latencies_ms
from pose.export.half import halve_weights
from pose.export.metadata import header_of, put_header, write_with_header
from pose.export.network import build_graph
from pose.export.openvino import SUFFIXES, write_openvino
from pose.export.quantize import calibration_crops, has_products, quantize, quantize_products
from pose.inference.onnx_predictor import FORMAT, OnnxModel
from pose.models.pose_net import STRIDE
from pose.runtime.errors import CheckpointError

CHECKED_CROPS = 16
DOC = "crops (batch, height, width, 3) uint8 RGB -> keypoints (batch, K, 2) x, y in crop pixels, scores (batch, K)"


@dataclass(frozen=True)
class Exported:
    """What `export_onnx` wrote.

    Attributes:
        path: the file.
        size: bytes.
        check: the float graph against PyTorch.
        quantized: the graph with smaller weights against the float one; None without `int8` and `fp16`.
        openvino: OpenVINO's files against the network; None where they were not asked for.
        torch_ms, onnx_ms: median latency of one crop on one thread.
    """

    path: Path
    size: int
    check: Check
    quantized: Quantized | None
    torch_ms: float
    onnx_ms: float
    openvino: Check | None = None

    def __str__(self) -> str:
        lines = [str(self.check), *([str(self.quantized)] if self.quantized else [])]
        lines.append(
            f"one crop on one thread, medians: onnxruntime {self.onnx_ms:.1f} ms, PyTorch {self.torch_ms:.1f} ms"
        )
        lines.append(f"{self.size / 1e6:.1f} MB: {self.path}")
        if self.openvino is not None:
            xml, weights = (self.path.with_suffix(suffix) for suffix in SUFFIXES)
            lines.append(f"{self.openvino}: {xml} and {weights.name}")
        return "\n".join(lines)


def export_onnx(
    checkpoint: Checkpoint,
    path: Path,
    *,
    flip_test: bool = False,
    heatmaps: bool = False,
    int8: bool = False,
    fp16: bool = False,
    calibrate: Path | None = None,
    openvino: bool = False,
) -> Exported:
    """Write a pose network as one ONNX file, from crops in uint8 to keypoints in crop pixels.

    Args:
        flip_test: merge in the heatmaps of the mirrored crops: twice the time for a little more AP.
        heatmaps: whether the file gives them as a third output.
        int8: quantize the weights, see `pose.export.quantize`.
        fp16: store the weights in half precision, see `pose.export.half`; not with `int8`.
        calibrate: folder of images to calibrate and to compare on, each taken as one person; None for generated
            people.
        openvino: also write OpenVINO's own format beside it, of a file without `int8` and `fp16`.
    Raises:
        FileNotFoundError, ValueError, OSError: a classifier, nothing to calibrate on, a layer that cannot be
            exported, a path that cannot be written, or a graph that does not give what the network gives. Nothing is
            written then.
    """
    section = checkpoint.pose_config.model
    input_size, codec = section.input_size, section.make_codec()
    calibration = calibration_crops(calibrate, input_size) if int8 else None
    model, build = _build(checkpoint, flip_test=flip_test)
    graph = build()
    header = header_of(checkpoint, format=FORMAT, in_graph=True, flip_test=flip_test, int8=int8, fp16=fp16)
    exported = _finish(graph, header | {"int8": False, "fp16": False})
    crops = generated_crops(CHECKED_CROPS, input_size)
    check = compare(model, exported, crops, codec=codec)
    check.verify()
    quantized = None
    if int8 or fp16:
        graph = _shrink(graph, build, calibration)
        seen, what = crops, "generated people"
        if calibration is not None and calibrate is not None:
            seen, what = calibration, str(calibrate)
        small = _finish(graph, header)
        quantized = compare_quantized(exported, small, seen, kind="int8" if int8 else "fp16", what=what)
        quantized.verify(STRIDE)
    if not heatmaps:
        graph.graph.output.pop()
    data = graph.SerializeToString()
    torch_ms, onnx_ms = latencies_ms(model, OnnxModel.open(data, threads=1), crops[:1], codec=codec)
    converted = None
    if openvino:
        # OpenVINO keeps channels last, for which convolutions are faster than products of flat maps.
        plain = build(only_convolutions=True).SerializeToString()
        converted = write_openvino(
            plain, path, model=model, like=exported, heatmaps=heatmaps, crops=crops, codec=codec
        )
    write_with_header(path, data, header)
    return Exported(path, len(data), check, quantized, torch_ms, onnx_ms, converted)


def _build(checkpoint: Checkpoint, *, flip_test: bool) -> tuple[nn.Module, Callable[..., ModelProto]]:
    """Build the network, unless its weights are spoilt, and what makes its graph."""
    model, section = checkpoint.build(), checkpoint.pose_config.model
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise CheckpointError(f"{checkpoint.path} has weights that are not finite; give those of a good run")
    build = partial(
        build_graph,
        model,
        skeleton=checkpoint.skeleton,
        input_size=section.input_size,
        stride=STRIDE,
        flip_test=flip_test,
        codec=section.make_codec(),
    )
    return model, build


def _shrink(graph: ModelProto, build: Callable[..., ModelProto], calibration: NDArray[np.uint8] | None) -> ModelProto:
    """Store the weights in int8, by what the crops in `calibration` show, or without any in half precision."""
    if calibration is None:
        return halve_weights(graph)
    return quantize_products(graph) if has_products(graph) else quantize(build(only_convolutions=True), calibration)


def _finish(graph: ModelProto, header: dict[str, Any]) -> OnnxModel:
    """Put the metadata in, and open it with heatmaps."""
    put_header(graph, header, DOC)
    checker.check_model(graph, full_check=True)
    return OnnxModel.open(graph.SerializeToString(), threads=1)
