"""INT8 by onnxruntime's quantization.

Networks with DY-ReLU: the weights of matrix products (1x1 convolutions and hyper functions, most of the parameters)
are int8 per channel, and what they are multiplied with is quantized while it runs, with one range for all crops of a
batch; so crops are run one at a time. Other networks: QDQ of the convolutions, weights per channel, activations per
tensor with ranges from calibration, except the first, which sees pixels, and the last, whose peaks are the scores.

Convolutions of networks with DY-ReLU are left alone: their ranges change with the image, so fixed ones move most
keypoints of photographs. docs/export.md has the measurements, by tools/bench/int8.py.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from pose.export.check import generated_crops
from pose.images.files import SUFFIXES, files_below, is_image_name
from pose.images.read import read_upright
from pose.inference.base import crop_boxes
from pose.inference.inputs import whole_box
from pose.inference.onnx_predictor import INPUT, OUTPUTS

CALIBRATION_CROPS = 64


def calibration_crops(folder: Path | None, input_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Make crops (N, height, width, 3) of a folder's images, each taken as one person, or of generated people.

    Raises:
        FileNotFoundError, ValueError: no such folder, nothing in it, or a broken image.
    """
    if folder is None:
        return generated_crops(CALIBRATION_CROPS, input_size, seed=1)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; --calibrate takes one of images of one person each")
    paths = [path for path in files_below(folder) if is_image_name(path)]
    if not paths:
        raise ValueError(f"no image in {folder}; expected {', '.join(SUFFIXES)}")
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(len(paths), CALIBRATION_CROPS)).astype(int)]
    images = map(read_upright, chosen)
    return np.concatenate([crop_boxes(image, whole_box(image), input_size) for image in images])


def has_products(graph: ModelProto) -> bool:
    """Whether a graph has matrix products of weights, as those with DY-ReLU have."""
    return any(node.op_type == "Gemm" for node in graph.graph.node)


def quantize_products(graph: ModelProto) -> ModelProto:
    """Convert the network's weights of matrix products to int8; their inputs are quantized at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = graph.graph.node
    last = next(index for index, node in enumerate(nodes) if OUTPUTS[2] in node.output)
    decoding = [node.name for node in nodes[last + 1 :]]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(graph, source)
        # Gemm alone would change nothing: it is turned into MatMul first.
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_exclude=decoding,
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(target)


def quantize(graph: ModelProto, crops: NDArray[np.uint8], *, kinds: Sequence[str] = ("Conv",)) -> ModelProto:
    """Convert the convolutions of a graph to int8.

    Args:
        crops: (N, H, W, 3) that the ranges of the activations are taken from.
        kinds: the operators to quantize.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(np.split(crops, len(crops)))  # the calibrator stacks what comes of each

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    convolutions = [node.name for node in graph.graph.node if node.op_type == "Conv"]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder, "int8.onnx")
        quantize_static(
            graph,
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(kinds),
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,  # 99.999 %: single outliers do not stretch the range
        )
        return onnx.load(target)


@contextlib.contextmanager
def _quiet():  # type: ignore[no-untyped-def]
    """Silence the library, which prints and warns about what it does not need."""
    level = logging.root.level
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.root.setLevel(level)
