"""What stands around the network: normalizing, mirroring, decoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from torch import nn

from pose.codecs.heatmap import decode, merge_flip
from pose.config.keypoints import HeadConfig, ModelConfig
from pose.data.transforms import normalize
from pose.export.graph import Graph, Map
from pose.export.network import build_graph, emit_decode, emit_merge_flip, emit_normalize
from pose.inference.torch_predictor import predict_heatmaps
from pose.keypoints.skeletons import COCO17
from tests.helpers.randomize import randomise

ort = pytest.importorskip("onnxruntime")


def run(model: ModelProto, **feeds: NDArray[Any]) -> list[NDArray[Any]]:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)


def decoded(heatmaps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    k, height, width = heatmaps.shape[1:]
    g = Graph()
    emit_decode(g, "h", Map("h", k, height, width), 4)
    floats = TensorProto.FLOAT
    model = g.model(
        [helper.make_tensor_value_info("h", floats, ["n", k, height, width])],
        [helper.make_tensor_value_info(name, floats, None) for name in ("keypoints", "scores")],
    )
    xy, scores = run(model, h=heatmaps)
    return xy, scores


def test_decode_is_the_codecs() -> None:
    rng = np.random.default_rng(0)
    smooth = rng.standard_normal((40, 5, 16, 12)).astype(np.float32)
    ties = rng.integers(-1, 3, (40, 5, 16, 12)).astype(np.float32)  # equal maxima, equal neighbors
    single = np.zeros((16 * 12, 5, 16, 12), dtype=np.float32)  # a peak on every pixel, borders and corners too
    single.reshape(192, 5, 192)[np.arange(192), :, np.arange(192)] = 1
    single += rng.uniform(0, 0.1, single.shape).astype(np.float32)
    nothing = np.concatenate([np.zeros((1, 5, 16, 12)), np.full((1, 5, 16, 12), -1.0)]).astype(np.float32)
    for heatmaps in (smooth, ties, single, nothing):
        xy, scores = decoded(heatmaps)
        expected_xy, expected_scores = decode(torch.from_numpy(heatmaps))
        np.testing.assert_array_equal(xy, 4 * expected_xy.numpy())
        np.testing.assert_array_equal(scores, expected_scores.numpy())


def test_merge_flip_is_the_codecs() -> None:
    both = torch.randn(6, 17, 8, 6, generator=torch.Generator().manual_seed(0))
    g = Graph()
    name = emit_merge_flip(g, Map("h", 17, 8, 6), COCO17.flip_indices)
    model = g.model(
        [helper.make_tensor_value_info("h", TensorProto.FLOAT, ["n", 17, 8, 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
    )
    (merged,) = run(model, h=both.numpy())
    np.testing.assert_array_equal(merged, merge_flip(both[:3], both[3:], COCO17.flip_indices).numpy())


def test_normalize_is_the_loaders() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 3), dtype=np.uint8)
    g = Graph()
    name = emit_normalize(g, "crops")
    model = g.model(
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 8, 6, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
    )
    expected = normalize(torch.from_numpy(crops).permute(0, 3, 1, 2))
    np.testing.assert_allclose(run(model, crops=crops)[0], expected.numpy(), atol=2e-6)


@pytest.mark.parametrize("flip_test", [False, True])
def test_whole_graph(flip_test: bool) -> None:
    head = HeadConfig(channels=(8, 8, 8, 8), hidden=(8, 8, 8, 8))
    config = ModelConfig(width=0.1, input_size=(64, 96), head=head)
    torch.manual_seed(0)
    model = config.build(num_keypoints=17)
    nn.init.normal_(model.head.heatmaps.weight)
    randomise(model, torch.randn(4, 3, 64, 96, generator=torch.Generator().manual_seed(0)))
    graph = build_graph(model, skeleton=COCO17, input_size=(64, 96), stride=4, flip_test=flip_test)
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    keypoints, scores, heatmaps = run(graph, crops=crops)
    flip_indices = COCO17.flip_indices if flip_test else None
    expected = predict_heatmaps(model, torch.from_numpy(crops).permute(0, 3, 1, 2), flip_indices=flip_indices)
    np.testing.assert_allclose(heatmaps, expected.numpy(), atol=1e-4 * float(expected.abs().max()))
    xy, peaks = decode(torch.from_numpy(heatmaps))
    np.testing.assert_array_equal(keypoints, 4 * xy.numpy())
    np.testing.assert_array_equal(scores, peaks.numpy())
