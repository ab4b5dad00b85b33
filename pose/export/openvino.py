"""`pose export --to openvino`: the same graph in OpenVINO's own format, for programs without its reader of ONNX.

Weights stay in float32; OpenVINO's own default writes them in float16, which moves some keypoints by pixels.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pose.codecs.codec import Codec
from pose.export.check import Check, compare
from pose.inference.onnx_predictor import OUTPUTS, OnnxModel
from pose.keypoints.skeletons import Skeleton
from pose.runtime.files import write_atomic

SUFFIXES = (".xml", ".bin")  # of the graph and of its weights, which find each other by their name


@dataclass(frozen=True)
class OpenVinoModel:
    """A written file with heatmaps, ready to run on the CPU in float32."""

    compiled: Any
    skeleton: Skeleton
    input_size: tuple[int, int]
    flip_test: bool

    def run(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """Compute keypoints, scores and heatmaps of crops (B, H, W, 3)."""
        found = self.compiled([crops])
        return tuple(found[name].copy() for name in OUTPUTS)


def write_openvino(
    data: bytes,
    path: Path,
    *,
    model: nn.Module,
    like: OnnxModel,
    heatmaps: bool,
    crops: NDArray[np.uint8],
    codec: Codec,
) -> Check:
    """Convert an exported graph, compare it with the network, and write it as `path` with each of SUFFIXES.

    Args:
        data: an ONNX file with heatmaps.
        like: the same file in onnxruntime.
        heatmaps: whether to keep them.
        crops: (N, H, W, 3) to compare on.
    Raises:
        ValueError: OpenVINO does not give what the network gives. Nothing is written then.
    """
    import openvino

    core = openvino.Core()
    network = core.read_model(data)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "model.xml")
        openvino.save_model(network, made, compress_to_fp16=False)
        # In float32, as processors with bfloat16 would compute in that.
        compiled = core.compile_model(made, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
        written = OpenVinoModel(compiled, like.skeleton, like.input_size, like.flip_test)
        check = compare(model, written, crops, codec=codec, runtime="OpenVINO")
        check.verify()
        if not heatmaps:
            network.remove_result(network.get_results()[-1])
            openvino.save_model(network, made, compress_to_fp16=False)
        for suffix in SUFFIXES:
            write_atomic(path.with_suffix(suffix), made.with_suffix(suffix).read_bytes())
    return check
