"""What notebooks and other processes do with models and results: show them in a line, draw them, pickle and copy."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import pose
from pose.config.keypoints import ModelConfig
from pose.config.load import make_config
from pose.images.write import write_image
from pose.inference.base import PredictorBase
from pose.inference.onnx_predictor import OnnxModel, OnnxPredictor
from pose.inference.results import SHOWN_SIDE, People
from pose.keypoints.skeletons import COCO17
from tests.helpers.dots import BOX, example_image, predictor

IMAGE = example_image()


@pytest.fixture(scope="module")
def demo() -> PredictorBase:
    return pose.load("demo", "cpu", flip_test=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model, not compared with PyTorch as `pose export` does."""
    pytest.importorskip("onnxruntime")
    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.export.metadata import header_of, put_header
    from pose.export.network import build_graph
    from pose.inference.onnx_predictor import FORMAT

    checkpoint = load_checkpoint("demo")
    size = checkpoint.pose_config.model.input_size
    graph = build_graph(checkpoint.build(), skeleton=checkpoint.skeleton, input_size=size, stride=4, flip_test=False)
    put_header(graph, header_of(checkpoint, format=FORMAT, in_graph=True, flip_test=False, int8=False), "")
    path = tmp_path_factory.mktemp("onnx") / "demo.onnx"
    path.write_bytes(graph.SerializeToString())
    return path


def test_lines_of_results_and_models(demo: PredictorBase, tiny_config: dict[str, Any]) -> None:
    people = predictor().predict(IMAGE, [BOX])
    assert repr(people[0]).startswith("<person of score ")
    assert repr(COCO17) == "<Skeleton coco17: 17 keypoints>"
    assert repr(demo).endswith("demo.safetensors: 17 keypoints (coco17), crops 224 x 160 (height x width), on cpu>")
    assert repr(ModelConfig(width=0.5)) == "ModelConfig(width=0.5)"
    config = make_config(tiny_config)
    assert "batch_size=4" in repr(config)
    assert "lr_factor" not in repr(config)  # as by default
    for shown in (people, people[0], COCO17, demo, ModelConfig()):
        assert len(repr(shown)) < 160


def test_people_are_drawn_in_notebooks(tmp_path: Path) -> None:
    people = predictor().predict(IMAGE, [BOX])
    shown = cv2.imdecode(np.frombuffer(people._repr_jpeg_() or b"", np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == IMAGE.shape
    assert np.abs(shown[..., ::-1].astype(int) - people.draw()).mean() < 5
    large = predictor().predict(np.tile(IMAGE, (1, 20, 1)), [BOX])
    shown = cv2.imdecode(np.frombuffer(large._repr_jpeg_() or b"", np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape[1] == SHOWN_SIDE
    write_image(tmp_path / "a.png", IMAGE)
    file: People = predictor()(tmp_path / "a.png", boxes=[BOX])
    assert file._repr_jpeg_() is not None
    (tmp_path / "a.png").unlink()
    assert file._repr_jpeg_() is None


def found(model: PredictorBase) -> Any:
    return model.predict(IMAGE, [BOX]).keypoints


@pytest.mark.parametrize("way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_of_a_model_give_the_same(demo: PredictorBase, exported: Path, way: Any) -> None:
    models = [demo, pose.load(exported, threads=1), OnnxPredictor(OnnxModel.open(exported.read_bytes(), threads=1))]
    for model in models:
        copied = way(model)
        np.testing.assert_array_equal(found(copied), found(model))
        assert copied.skeleton == model.skeleton
        assert repr(copied) == repr(model)


@pytest.mark.slow
def test_spawned_processes_take_a_model(demo: PredictorBase) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (there,) = pool.map(found, [demo])
    np.testing.assert_array_equal(there, found(demo))


def test_threads(exported: Path) -> None:
    model = pose.load(exported, threads=1)
    assert isinstance(model, OnnxPredictor)
    options = model.model.session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with pytest.raises(ValueError, match="threads must be at least 0"):
        pose.load(exported, threads=-1)
    with pytest.raises(ValueError, match=r"threads are of .onnx files, and demo is none; call torch.set_num_threads"):
        pose.load("demo", threads=2)
