"""`pose export-detector`: torchvision's SSDLite as an ONNX file, so that people are found without PyTorch.

    images (N, 320, 320, 3) float32 RGB in 0 to 255 -> boxes (N, A, 4) corners in pixels of 320, scores (N, A)

A anchors, of which `pose.inference.onnx_detector.OnnxDetector` keeps the best. The non-maximum suppression is not in
the graph, as runtimes differ in it.

Source: SSDLite320 on MobileNetV3-Large of torchvision (Howard et al., ICCV 2019, section 6.3; Liu et al., ECCV 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto, checker, helper
from torch import nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.mobilenetv3 import InvertedResidual
from torchvision.ops import SqueezeExcitation, clip_boxes_to_image
from torchvision.ops.misc import Conv2dNormActivation

import pose
from pose.export.graph import Array, Graph, Map, to_numpy, unflatten
from pose.export.layers import emit, emit_add, emit_convolve, emit_squeeze_excitation, fold
from pose.export.metadata import put_header, write_with_header
from pose.images.types import Image
from pose.inference.detector import PERSON
from pose.inference.onnx_detector import FORMAT, INPUT, OUTPUTS, OnnxDetector
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people

SIDE = 320
CHECKED_IMAGES = 4
BOX_TOLERANCE, SCORE_TOLERANCE = 0.01, 1e-4  # pixels of 320


@dataclass(frozen=True)
class ExportedDetector:
    """What `export_detector` wrote.

    Attributes:
        path: the file.
        size: bytes.
        images: how many were compared.
        boxes: compared in them, one an anchor.
        box_difference: the largest one, in pixels of the network's input.
        score_difference: the largest one.
    """

    path: Path
    size: int
    images: int
    boxes: int
    box_difference: float
    score_difference: float

    def __str__(self) -> str:
        return (
            f"onnxruntime against PyTorch on {self.images} images of generated people: {self.boxes} boxes differ by "
            f"at most {self.box_difference:.4f} pixels, their scores by {self.score_difference:.1e}\n"
            f"{self.size / 1e6:.1f} MB: {self.path}"
        )


def export_detector(network: nn.Module, path: Path, *, name: str = "ssdlite") -> ExportedDetector:
    """Write a detection network of torchvision's as one ONNX file.

    Args:
        network: an SSDLite320 on the CPU.
        name: for messages and file headers.
    Raises:
        ValueError: a layer that cannot be exported, or a graph that finds other boxes. Nothing is written then.
        OSError: a path that cannot be written.
    """
    network = network.eval()
    graph = build_detector(network)
    header: dict[str, Any] = {
        "format": FORMAT,
        "pose": pose.__version__,
        "name": name,
        "input_size": [SIDE, SIDE],
        "category": "person",
        "candidates": int(network.topk_candidates),  # type: ignore[arg-type]
        "max_iou": float(network.nms_thresh),  # type: ignore[arg-type]
    }
    put_header(graph, header, __doc__.split("\n", 2)[2].split("\n\n")[0].strip())
    checker.check_model(graph, full_check=True)
    data = graph.SerializeToString()
    made = [render_people(image_rng(0, "val", index), LEVELS["normal"]).image for index in range(CHECKED_IMAGES)]
    result = compare(network, data, made)
    write_with_header(path, data, header)
    return ExportedDetector(path, len(data), len(made), *result)


def compare(network: nn.Module, data: bytes, images: Sequence[Image]) -> tuple[int, float, float]:
    """Compare the boxes and scores of all anchors, before any is chosen.

    Returns:
        How many there are, and the largest differences.
    Raises:
        ValueError: a difference that rounding does not explain.
    """
    exported = OnnxDetector.open(data, min_score=0, threads=1)
    count, box_difference, score_difference = 0, 0.0, 0.0
    for image in images:
        boxes, scores = _anchors_in_torch(network, image)
        own_boxes, own_scores = exported.run(image)
        count += len(boxes)
        box_difference = max(box_difference, float(np.abs(boxes - own_boxes).max()))
        score_difference = max(score_difference, float(np.abs(scores - own_scores).max()))
    if not (box_difference <= BOX_TOLERANCE and score_difference <= SCORE_TOLERANCE):
        raise ValueError(
            f"the exported detector is not the network, so nothing is written: {count} boxes differ by up to "
            f"{box_difference:.3f} pixels, their scores by {score_difference:.1e}; allowed are {BOX_TOLERANCE} and "
            f"{SCORE_TOLERANCE:.0e}. Please report it"
        )
    return count, box_difference, score_difference


@torch.inference_mode()
def _anchors_in_torch(network: Any, image: Image) -> tuple[Array, Array]:
    """What torchvision's network gives before it chooses: corners (A, 4) and scores (A,) of a person."""
    batch, _ = network.transform([torch.from_numpy(image).permute(2, 0, 1).float() / 255])
    features = list(network.backbone(batch.tensors).values())
    found = network.head(features)
    anchors = network.anchor_generator(batch, features)[0]
    boxes = network.box_coder.decode_single(found["bbox_regression"][0], anchors)
    corners = clip_boxes_to_image(boxes, batch.image_sizes[0])
    return to_numpy(corners), to_numpy(found["cls_logits"][0].softmax(dim=-1)[:, PERSON])


def build_detector(network: nn.Module) -> ModelProto:
    """Build the graph of an SSDLite320."""
    net: Any = network
    g = Graph()
    x = Map(_normalize(g, net.transform), 3, SIDE, SIDE)
    maps: list[Map] = []
    for block in (*net.backbone.features, *net.backbone.extra):
        x = unflatten(g, _emit(g, block, x))
        maps.append(x)
    heads = net.head
    logits = _predictions(g, heads.classification_head, maps)
    codes = _predictions(g, heads.regression_head, maps)
    scores = _columns(g, g.op("Softmax", logits, axis=-1), PERSON, PERSON + 1)
    g.rename(g.reshape(scores, 0, -1), OUTPUTS[1])
    anchors = _anchors(net, maps)
    g.rename(_decode(g, net.box_coder, codes, anchors), OUTPUTS[0])
    floats, count = TensorProto.FLOAT, len(anchors)
    return g.model(
        [helper.make_tensor_value_info(INPUT, floats, ["batch", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info(OUTPUTS[0], floats, ["batch", count, 4]),
            helper.make_tensor_value_info(OUTPUTS[1], floats, ["batch", count]),
        ],
    )


def _emit(g: Graph, module: nn.Module, x: Map) -> Map:
    """Add a module's nodes; torchvision's own kinds are told apart here."""
    if isinstance(module, Conv2dNormActivation):
        conv, norm, *activation = module
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        weight, bias = fold(conv, norm)
        y = emit_convolve(g, conv, x, weight=weight, bias=bias)
        return emit(g, activation[0], y) if activation else y
    if isinstance(module, InvertedResidual):
        y = _emit(g, module.block, x)
        return emit_add(g, x, y) if module.use_res_connect else y
    if isinstance(module, SqueezeExcitation):
        return emit_squeeze_excitation(g, module, x)
    if isinstance(module, nn.Sequential):
        for part in module:
            x = _emit(g, part, x)
        return x
    return emit(g, module, x)


def _normalize(g: Graph, transform: Any) -> str:
    mean, std = (np.array(v)[:, None, None] for v in (transform.image_mean, transform.image_std))
    scaled = g.op("Mul", g.op("Transpose", INPUT, perm=[0, 3, 1, 2]), g.constant(1 / (255 * std), name="scale"))
    return g.op("Sub", scaled, g.constant(mean / std, name="mean"))


def _predictions(g: Graph, head: Any, maps: Sequence[Map]) -> str:
    """Add what a head says of each anchor: (N, A, columns), anchors in torchvision's order."""
    rows = []
    for module, x in zip(head.module_list, maps, strict=True):
        found = unflatten(g, _emit(g, module, x))
        each = found.channels // head.num_columns
        parts = g.reshape(found.name, 0, each, head.num_columns, found.pixels)
        rows.append(g.reshape(g.op("Transpose", parts, perm=[0, 3, 1, 2]), 0, each * found.pixels, head.num_columns))
    return g.op("Concat", *rows, axis=1)


def _columns(g: Graph, x: str, start: int, end: int) -> str:
    return g.op("Slice", x, *(g.constant([value]) for value in (start, end, 2)))


def _anchors(net: Any, maps: Sequence[Map]) -> Array:
    """Make the anchors of an image: (A, 4) corners."""
    features = [torch.empty(1, x.channels, x.height, x.width) for x in maps]
    images = ImageList(torch.empty(1, 3, SIDE, SIDE), [(SIDE, SIDE)])
    return to_numpy(net.anchor_generator(images, features)[0])


def _decode(g: Graph, coder: Any, codes: str, anchors: Array) -> str:
    """Add torchvision's `BoxCoder.decode`, clipped to the image: corners (N, A, 4)."""
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = anchors[:, :2] + sizes / 2
    weights = np.array(coder.weights)
    moved = g.op("Mul", _columns(g, codes, 0, 2), g.constant(sizes / weights[:2], name="sizes"))
    center = g.op("Add", moved, g.constant(centers, name="centers"))
    grown = g.op("Mul", _columns(g, codes, 2, 4), g.constant(1 / weights[2:], name="weights"))
    grown = g.op("Exp", g.op("Min", grown, g.constant(float(coder.bbox_xform_clip))))
    half = g.op("Mul", grown, g.constant(sizes / 2, name="halves"))
    corners = g.op("Concat", g.op("Sub", center, half), g.op("Add", center, half), axis=2)
    return g.op("Clip", corners, g.constant(0.0), g.constant(float(SIDE)))
