"""`pose export`: build, check against PyTorch, and only then write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onnx import checker

from pose.checkpoint import Checkpoint
from pose.export.check import Check, Quantized, compare, compare_quantized, generated_crops, latencies_ms
from pose.export.metadata import header_of, put_header, write_with_header
from pose.export.network import build_graph
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
        quantized: the int8 graph against the float one; None without `int8`.
        torch_ms, onnx_ms: median latency of one crop on one thread.
    """

    path: Path
    size: int
    check: Check
    quantized: Quantized | None
    torch_ms: float
    onnx_ms: float

    def __str__(self) -> str:
        lines = [str(self.check), *([str(self.quantized)] if self.quantized else [])]
        lines.append(
            f"one crop on one thread, medians: onnxruntime {self.onnx_ms:.1f} ms, PyTorch {self.torch_ms:.1f} ms"
        )
        return "\n".join([*lines, f"{self.size / 1e6:.1f} MB: {self.path}"])


def export_onnx(
    checkpoint: Checkpoint,
    path: Path,
    *,
    flip_test: bool = False,
    heatmaps: bool = False,
    int8: bool = False,
    calibrate: Path | None = None,
) -> Exported:
    """Write a pose network as one ONNX file, from crops in uint8 to keypoints in crop pixels.

    Args:
        flip_test: merge in the heatmaps of the mirrored crops: twice the time for a little more AP.
        heatmaps: whether the file gives them as a third output.
        int8: quantize the weights, see `pose.export.quantize`.
        calibrate: folder of images to calibrate and to compare on, each taken as one person; None for generated
            people.
    Raises:
        FileNotFoundError, ValueError, OSError: a classifier, nothing to calibrate on, a layer that cannot be
            exported, a path that cannot be written, or a graph that does not give what the network gives. Nothing is
            written then.
    """
    input_size, codec = checkpoint.pose_config.model.input_size, checkpoint.pose_config.model.make_codec()
    calibration = calibration_crops(calibrate, input_size) if int8 else None
    model = checkpoint.build()
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise CheckpointError(f"{checkpoint.path} has weights that are not finite; give those of a good run")
    graph = build_graph(
        model, skeleton=checkpoint.skeleton, input_size=input_size, stride=STRIDE, flip_test=flip_test, codec=codec
    )
    header = header_of(checkpoint, format=FORMAT, in_graph=True, flip_test=flip_test, int8=int8)
    put_header(graph, header | {"int8": False}, DOC)
    checker.check_model(graph, full_check=True)
    crops = generated_crops(CHECKED_CROPS, input_size)
    exported = OnnxModel.open(graph.SerializeToString(), threads=1)
    check = compare(model, exported, crops, codec=codec)
    check.verify()
    quantized = None
    if calibration is not None:
        if has_products(graph):
            graph = quantize_products(graph)
        else:
            plain = build_graph(
                model,
                skeleton=checkpoint.skeleton,
                input_size=input_size,
                stride=STRIDE,
                flip_test=flip_test,
                codec=codec,
                quantizable=True,
            )
            graph = quantize(plain, calibration)
        put_header(graph, header, DOC)
        checker.check_model(graph, full_check=True)
        seen, what = (crops, "generated people") if calibrate is None else (calibration, str(calibrate))
        small = OnnxModel.open(graph.SerializeToString(), threads=1)
        quantized = compare_quantized(exported, small, seen, what=what)
        quantized.verify(STRIDE)
    if not heatmaps:
        graph.graph.output.pop()
    data = graph.SerializeToString()
    torch_ms, onnx_ms = latencies_ms(model, OnnxModel.open(data, threads=1), crops[:1], codec=codec)
    write_with_header(path, data, header)
    return Exported(path, len(data), check, quantized, torch_ms, onnx_ms)
