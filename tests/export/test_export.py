"""`pose export` and what its files are used by, as users call them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch

import pose
from pose.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from pose.config.keypoints import HeadConfig, ModelConfig
from pose.data.transforms import normalize
from pose.export import check, export
from pose.export.check import compare, generated_crops, margin
from pose.export.half import halve_weights
from pose.export.network import build_graph
from pose.export.quantize import has_products, quantize
from pose.images.write import write_image
from pose.inference import memory
from pose.inference.onnx_predictor import CROPS_AT_ONCE, OUTPUTS, OnnxModel, OnnxPredictor
from pose.inference.torch_predictor import Predictor, predict_heatmaps
from pose.keypoints.skeletons import COCO17
from pose.runtime.paths import portable
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people
from tests.helpers.command import Outcome
from tests.helpers.randomize import assert_alive, randomise

pytest.importorskip("onnxruntime")
Cli = Callable[..., Outcome]


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run's network with weights that do something everywhere."""
    loaded = load_checkpoint(tiny_run)
    torch.manual_seed(0)
    model = loaded.build()
    torch.nn.init.normal_(model.head.heatmaps.weight, std=0.5)
    crops = torch.from_numpy(generated_crops(16, (64, 64), seed=3)).permute(0, 3, 1, 2)
    randomise(model, normalize(crops), strength=0.05)
    with torch.no_grad():
        assert_alive(model(normalize(crops)))
    path = tmp_path_factory.mktemp("random") / "best.safetensors"
    save_checkpoint(path, model, config=loaded.config, epoch=3, metrics={"AP": 0.5})
    (path.parent / "config.yaml").write_text(loaded.config.to_yaml())
    return path


@pytest.fixture(scope="module")
def exported(run: Path, pose_cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With flip test and heatmaps inside."""
    path = tmp_path_factory.mktemp("onnx") / "flip.onnx"
    outcome = pose_cli("export", run, "--onnx", path, "--flip-test", "--heatmaps")
    assert outcome.code == 0, outcome.err
    for words in ("heatmaps differ by at most", "keypoints by at most 0.0000 pixels", "on one thread", "MB: "):
        assert words in outcome.out
    return path


def test_many_crops_run_a_few_at_a_time(exported: Path) -> None:
    model = OnnxModel.open(exported)
    crops = generated_crops(CROPS_AT_ONCE + 3, (64, 64), seed=5)
    together = model.run(crops)
    alone = [model.run(crop[None]) for crop in crops]
    assert len(together) == len(OUTPUTS)
    for place, each in enumerate(together):
        np.testing.assert_allclose(each, np.concatenate([one[place] for one in alone]), atol=1e-5)


def test_file_explains_itself(exported: Path, run: Path) -> None:
    model = OnnxModel.open(exported)
    assert (model.input_size, model.flip_test, model.int8, model.has_heatmaps) == ((64, 64), True, False, True)
    assert model.skeleton == load_checkpoint(run).skeleton
    config = load_checkpoint(run).config
    assert model.header["config"] == portable(config.model_dump(mode="json"))
    assert str(Path(config.data.root).parent).encode() not in exported.read_bytes()
    graph = onnx.load(exported)
    assert sorted(p.name for p in exported.parent.iterdir()) == ["flip.json", "flip.onnx"]
    assert json.loads(exported.with_suffix(".json").read_text()) == model.header
    assert {opset.domain for opset in graph.opset_import} == {""}
    assert all(node.domain == "" for node in graph.graph.node)
    # What some runtime refuses, or computes wrongly: see docs/runtimes.md.
    refused = {"BatchNormalization", "And", "Or", "Not", "If", "Loop", "HardSigmoid"}
    assert not refused & {node.op_type for node in graph.graph.node}


@pytest.mark.slow
def test_predictions_are_the_checkpoints(exported: Path, run: Path, tiny_dataset: Path) -> None:
    ours, theirs = OnnxPredictor(OnnxModel.open(exported), batch_size=2), Predictor.from_checkpoint(run, device="cpu")
    picture = render_people(image_rng(3, "val", 0), LEVELS["normal"])  # such as the batch norms have seen
    image, (x, y, *size) = picture.image, picture.figures[0].box_xywh
    boxes = [[x, y, *size], [x - 20, y + 10, *size], [x + 5, y - 5, size[0], 0.7 * size[1]]]
    found, expected = ours.predict(image, boxes), theirs.predict(image, boxes)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-3)
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    crops, heatmaps = ours.heatmaps(image, boxes)
    expected_crops, expected_heatmaps = theirs.heatmaps(image, boxes)
    np.testing.assert_array_equal(crops, expected_crops)
    atol = 3e-4 * float(expected_heatmaps.abs().max())  # both fold their batch norms, and round otherwise in it
    np.testing.assert_allclose(heatmaps, expected_heatmaps.numpy(), atol=atol)
    decided = (margin(expected_heatmaps) > 2 * atol).numpy()  # of equal pixels either may be the peak
    assert decided.mean() > 0.5
    np.testing.assert_allclose(found.keypoints[decided], expected.keypoints[decided], atol=1e-3)
    assert len(ours.predict(image, [])) == 0
    assert len(ours(tiny_dataset / "images/000001.png")) == 1


@pytest.mark.slow
def test_eval_is_the_checkpoints(
    exported: Path, run: Path, tiny_dataset: Path, pose_cli: Cli, tmp_path: Path
) -> None:
    # The exported file lies apart from its run, and does not tell where the data are.
    for source, out, data in ((exported, "onnx", [f"data.root={tiny_dataset}"]), (run, "torch", [])):
        outcome = pose_cli(
            "eval", source, *data, "--workers", 0, "--out", tmp_path / out, "--boxes", "gt", "--device", "cpu"
        )
        assert outcome.code == 0, outcome.err
    ours, theirs = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("onnx", "torch"))
    same = ("AP", "AR", "images", "people", "boxes", "flip_test", "epoch")
    assert {key: ours[key] for key in same} == pytest.approx({key: theirs[key] for key in same})
    assert ours["int8"] is False
    analyzed = [json.loads((tmp_path / name / "analysis.json").read_text())["model"] for name in ("onnx", "torch")]
    assert analyzed[0] == analyzed[1]


BLOCKED = ("torch", "torchvision", "albumentations", "pycocotools", "scipy", "matplotlib", "onnx")


def in_new_process(arguments: list[Any], *, without: list[str]) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys\nfor name in {without}: sys.modules[name] = None\n"
        "sys.argv = ['pose', *sys.argv[1:]]\nfrom pose.cli.main import main\nmain()"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


def test_eval_counts_by_the_backend_of_the_config(
    exported: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    outcome = pose_cli("eval", exported, "eval.backend=hotcoco")
    assert outcome.code == 2
    assert "eval.backend=hotcoco needs hotcoco, not installed here" in outcome.err


@pytest.mark.slow
def test_load_needs_no_torch(exported: Path, run: Path, tmp_path: Path) -> None:
    """`pose.load` in a process that cannot import PyTorch: the interface of a checkpoint, and its numbers."""
    rendered = render_people(image_rng(3, "val", 0), LEVELS["normal"])  # such as the batch norms have seen
    x, y, *size = map(round, rendered.figures[0].box_xywh)
    picture = tmp_path / "street.png"
    write_image(picture, rendered.image)
    code = f"""
import sys
for name in {[*BLOCKED, "safetensors", "yaml", "pydantic", "PIL", "typer", "rich"]}: sys.modules[name] = None
import json, pathlib, pose
model = pose.load({str(exported)!r}, "cpu", batch_size=2)
people = model({str(picture)!r}, boxes={[[x, y, *size], [x - 20, y + 10, *size], [x + 5, y - 5, *size]]})
people.save({str(tmp_path / "drawn.png")!r})
crops, heatmaps = model.heatmaps(people.draw(), people.boxes)
print(json.dumps([people.to_records(), people.to_coco(1), len(list(people)), model.device, heatmaps.shape]))
for source, why in (("gone.onnx", FileNotFoundError), ("demo", ValueError)):
    try: pose.load(source)
    except why as error: print(str(error))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    found, gone, checkpoint = result.stdout.splitlines()
    records, coco, number, device, shape = json.loads(found)
    assert (number, len(coco), device, shape) == (3, 3, None, [3, 17, 16, 16])
    assert gone == "no file gone.onnx; `pose export CKPT --onnx gone.onnx` writes one"
    assert "torch" in checkpoint
    assert (tmp_path / "drawn.png").is_file()
    expected = pose.load(run, "cpu")(picture, boxes=[record["bbox"] for record in records])
    for record, person in zip(records, expected, strict=True):
        np.testing.assert_allclose([p[2] for p in record["keypoints"]], person.scores, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_load_refuses_what_the_file_has_decided(exported: Path) -> None:
    with pytest.raises(ValueError, match="runs on the CPU, got device cuda"):
        pose.load(exported, "cuda")
    with pytest.raises(ValueError, match="has the flip test inside"):
        pose.load(str(exported), flip_test=False)
    with pytest.raises(ValueError, match="no detector 'yolo'"):
        pose.load(exported, detector="yolo")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pictures", "video", "missing"])
def test_predict_needs_no_torch(exported: Path, tiny_dataset: Path, tmp_path: Path, what: str) -> None:
    """With everything heavy blocked, in a new process, as the command is called."""
    without = [*BLOCKED, "safetensors", "yaml", *(["onnxruntime"] if what == "missing" else [])]
    if what == "video":
        arguments = [tmp_path / "in.mp4", "--out", tmp_path / "out.mp4"]
        writer = cv2.VideoWriter(str(tmp_path / "in.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 80))  # type: ignore[attr-defined]
        for _ in range(3):
            writer.write(np.zeros((80, 64, 3), dtype=np.uint8))
        writer.release()
    else:
        arguments = [tiny_dataset / "images", "--boxes", tiny_dataset / "people.json", "--out", tmp_path / "out"]
        arguments.append("--heatmaps")
    result = in_new_process(["predict", exported, *arguments], without=without)
    if what == "missing":
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"error: {exported} needs onnxruntime, not installed here: pip install onnxruntime\n"
        return
    assert result.returncode == 0, result.stderr
    if what == "video":
        assert result.stdout.startswith("3 frames")
    else:
        assert result.stdout.startswith("10 people in 10 images")
        assert (tmp_path / "out/000001.png.heatmaps-0.jpg").is_file()
        assert json.loads((tmp_path / "out/predictions.json").read_text())["flip_test"] is True


@pytest.mark.slow
def test_label_needs_no_torch(exported: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    """What it writes comes back without those packages too, but for Pillow; YOLO-pose needs PyYAML."""
    without = [*BLOCKED, "safetensors", "yaml", "msgspec"]  # typer brings pydantic with it since 0.29
    command = ["label", exported, tiny_dataset / "images", "--threshold", "-1"]
    cvat = in_new_process([*command, "--to", "cvat", "--out", tmp_path / "cvat"], without=[*without, "PIL"])
    assert cvat.returncode == 0, cvat.stderr
    given = ["convert", tmp_path / "cvat/annotations.xml", tmp_path / "back.json"]
    back = in_new_process([*given, "--images", tiny_dataset / "images"], without=without)
    assert back.returncode == 0, back.stderr
    assert len(json.loads((tmp_path / "back.json").read_text())["annotations"]) == 10
    for arguments in (
        [*command, "--to", "yolo", "--out", tmp_path / "yolo"],
        ["convert", tmp_path / "back.json", tmp_path / "yolo", "--to", "yolo"],
    ):
        yolo = in_new_process(arguments, without=without)
        assert yolo.returncode == 2
        assert "YOLO-pose, whose data.yaml is YAML, needs PyYAML, not installed here: pip install" in yolo.stderr


@pytest.mark.parametrize("name", ["typer", "rich"])
def test_the_command_without_its_own_packages(exported: Path, name: str) -> None:
    result = in_new_process(["predict", exported, "x.jpg", "--out", "x"], without=[name])
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: the command pose needs {name}, which is not installed")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["eval", "predict --boxes detect", "predict of a checkpoint", "export", "check"])
def test_what_needs_torch_says_so(
    exported: Path, run: Path, tiny_dataset: Path, tmp_path: Path, command: str
) -> None:
    images = [tiny_dataset / "images", "--out", tmp_path / "out"]
    arguments = {
        "eval": ["eval", exported],
        "predict --boxes detect": ["predict", exported, *images, "--boxes", "detect"],
        "predict of a checkpoint": ["predict", run, *images],
        "export": ["export", run, "--onnx", tmp_path / "m.onnx"],
        "check": ["check", tiny_dataset / "people.json"],
    }[command]
    result = in_new_process(arguments, without=[*BLOCKED, "safetensors", "yaml", "PIL"])
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"error: .* not installed.*\n", result.stderr)


@pytest.mark.slow
def test_int8(
    run: Path, exported: Path, pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random weights are a poor thing to quantize; that the check refuses it is tested below.
    monkeypatch.setattr(export.Quantized, "verify", lambda self, stride: None)
    path = tmp_path / "int8.onnx"
    outcome = pose_cli("export", run, "--onnx", path, "--int8", "--calibrate", tiny_dataset / "images")
    assert outcome.code == 0, outcome.err
    assert f"int8 against float on 10 crops of {tiny_dataset / 'images'}" in outcome.out
    assert outcome.err == ""
    model = OnnxModel.open(path)
    assert (model.int8, model.has_heatmaps) == (True, False)
    graph = onnx.load(path).graph
    products = [node.op_type for node in graph.node if node.op_type in ("MatMulInteger", "Gemm")]
    assert products.count("MatMulInteger") > 10
    assert "Gemm" not in products
    assert "QuantizeLinear" not in {node.op_type for node in graph.node}  # convolutions are in float
    crops = generated_crops(3, (64, 64), seed=5)
    alone = [model.run(crop[None])[1] for crop in crops]
    np.testing.assert_array_equal(model.run(crops)[1], np.concatenate(alone))  # nobody depends on who else is there
    assert not np.array_equal(model.session.run(None, {"crops": crops})[1], np.concatenate(alone))
    assert path.stat().st_size < 0.8 * exported.stat().st_size
    found = pose_cli("predict", path, tiny_dataset / "images", "--out", tmp_path / "out", "--heatmaps")
    assert found.code == 2
    assert "int8.onnx gives no heatmaps; export it with --heatmaps" in found.err


@pytest.mark.slow
def test_a_graph_that_differs_is_not_written(
    run: Path, pose_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose.export.network.IMAGE_MEAN", (0.485, 0.456, 0.41))
    outcome = pose_cli("export", run, "--onnx", tmp_path / "m.onnx")
    assert outcome.code == 2
    assert "the exported graph is not the network, so nothing is written" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_the_comparison_fits_into_memory(exported: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops of which the machine could hold two are compared two at a time, with a word."""
    model, graph, crops = load_checkpoint(run).build(), OnnxModel.open(exported), generated_crops(5, (64, 64))
    sizes: list[int] = []

    def heatmaps(model: torch.nn.Module, batch: torch.Tensor, **options: Any) -> torch.Tensor:
        sizes.append(len(batch))
        return predict_heatmaps(model, batch, **options)

    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**7)
    monkeypatch.setattr(check, "predict_heatmaps", heatmaps)
    with pytest.warns(UserWarning, match="batches of 2 instead of"):
        parts = compare(model, graph, crops)
    assert sizes == [2, 2, 1] * 2
    parts.verify()
    assert parts.crops == 5


def test_a_graph_that_int8_breaks_is_not_written() -> None:
    export.Quantized("int8", 16, "people", moved=0.1, median=0.0, p95=3.9).verify(4)
    for p95 in (4.1, float("nan")):
        with pytest.raises(ValueError, match="int8 breaks this network, so nothing is written"):
            export.Quantized("int8", 16, "people", moved=0.1, median=0.0, p95=p95).verify(4)
    with pytest.raises(ValueError, match=r"fp16 breaks this network, .*\. Export without --fp16"):
        export.Quantized("fp16", 16, "people", moved=0.1, median=0.0, p95=5.0).verify(4)


@pytest.mark.slow
def test_fp16(exported: Path, run: Path, pose_cli: Cli, tmp_path: Path) -> None:
    """Half the file, and what is computed with the rounded weights in single precision."""
    path = tmp_path / "half.onnx"
    outcome = pose_cli("export", run, "--onnx", path, "--fp16", "--heatmaps", "--flip-test")
    assert outcome.code == 0, outcome.err
    assert "fp16 against float on 16 crops of generated people" in outcome.out
    assert path.stat().st_size < 0.75 * exported.stat().st_size  # a small network is many nodes with few weights
    rounded = onnx.load(exported)
    for tensor in rounded.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 1024:
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    half, single = OnnxModel.open(path), OnnxModel.open(rounded.SerializeToString())
    assert (half.header["fp16"], single.header["fp16"]) == (True, False)
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    for found, expected in zip(half.run(crops), single.run(crops), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_half_precision_that_a_weight_does_not_fit() -> None:
    values = {"small": np.full(2048, 0.1, np.float32), "large": np.full(2048, 1e5, np.float32)}
    values["few"] = values["small"][:8]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", [name], [f"{name}_out"]) for name in values],
        "g",
        [],
        [onnx.helper.make_tensor_value_info(f"{n}_out", onnx.TensorProto.FLOAT, v.shape) for n, v in values.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    given = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    made = halve_weights(given)
    onnx.checker.check_model(made, full_check=True)
    kinds = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    assert kinds == {"small.half": half, "large": single, "few": single}
    assert {tensor.name for tensor in given.graph.initializer} == set(values)


def test_int8_of_convolutions() -> None:
    """Of networks without matrix products."""
    config = ModelConfig(width=0.1, input_size=(64, 64), head=HeadConfig(channels=(8,) * 4, hidden=(8,) * 4))
    torch.manual_seed(0)
    graph = build_graph(
        config.build(num_keypoints=17).eval(),
        skeleton=COCO17,
        input_size=(64, 64),
        stride=4,
        flip_test=False,
        only_convolutions=True,
    )
    assert not has_products(graph)
    # A number of crops that no batches of one size have.
    graph = quantize(graph, np.random.default_rng(0).integers(0, 256, (17, 64, 64, 3), dtype=np.uint8))
    made_by = {name: node for node in graph.graph.node for name in node.output}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    quantized = [
        made_by[n.input[1]].op_type == "DequantizeLinear" if n.input[1] in made_by else False for n in convolutions
    ]
    assert quantized == [False, *[True] * (len(convolutions) - 2), False]


@pytest.mark.slow
def test_user_errors(exported: Path, run: Path, tiny_dataset: Path, pose_cli: Cli, tmp_path: Path) -> None:
    foreign, damaged, text = tmp_path / "foreign.onnx", tmp_path / "damaged.onnx", tmp_path / "text.onnx"
    graph = onnx.load(exported)
    del graph.metadata_props[:]
    onnx.save(graph, foreign)
    damaged.write_bytes(exported.read_bytes()[:20_000])
    text.write_text("not ONNX")
    pictures = tiny_dataset / "images"
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    cases: list[tuple[list[Any], str]] = [
        (["predict", foreign, pictures, "--out", tmp_path / "o"], "without this project's metadata"),
        (["eval", foreign], "without this project's metadata"),
        (["predict", damaged, pictures, "--out", tmp_path / "o"], "is no ONNX file that onnxruntime can run"),
        (["predict", text, pictures, "--out", tmp_path / "o"], "is no ONNX file that onnxruntime can run"),
        (["predict", tmp_path / "none.onnx", pictures, "--out", tmp_path / "o"], "no file "),
        (["predict", exported, pictures, "--out", tmp_path / "o", "--device", "cuda"], "runs on the CPU, got"),
        (["predict", exported, pictures, "--out", tmp_path / "o", "--no-flip-test"], "has the flip test inside"),
        (["eval", exported, "model.width=2"], "overrides of model.* are for `pose train`"),
        (["eval", exported, "model.wdth=2"], "no such key; did you mean 'width'?"),
        (["export", exported, "--onnx", tmp_path / "m.onnx"], "is an exported file; `pose predict` and `pose eval`"),
        (["export", run, "--onnx", tmp_path / "m.pt"], "name it with .onnx"),
        (["export", run, "--onnx", tmp_path / "file" / "m.onnx"], "it is a file"),
        (["export", tmp_path / "none", "--onnx", tmp_path / "m.onnx"], "no checkpoint"),
        (["export", run, "--onnx", tmp_path / "m.onnx", "--calibrate", pictures], "--calibrate is for --int8"),
        (["export", run, "--onnx", tmp_path / "m.onnx", "--int8", "--calibrate", tmp_path / "no"], "no folder "),
        (
            ["export", run, "--onnx", tmp_path / "m.onnx", "--int8", "--calibrate", tmp_path / "empty"],
            "no image in",
        ),
    ]
    for arguments, message in cases:
        outcome = pose_cli(*arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert message in outcome.err, arguments
        assert "Traceback" not in outcome.err
    assert not (tmp_path / "m.onnx").exists()


def test_export_without_its_packages(
    run: Path, pose_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = pose_cli("export", run, "--onnx", tmp_path / "m.onnx")
    assert outcome.code == 2
    assert "export needs onnx and onnxruntime, not installed here: pip install onnx onnxruntime" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("input_size", [10**9, 10**9], "says it is for input_size [1000000000, 1000000000]"),
        ("input_size", [64], "metadata that is not as `pose export` writes it"),
        ("input_size", [64, {}], "says it is for input_size"),
        ("skeleton", {}, "metadata that is not as `pose export` writes it: 'name'"),
        (
            "skeleton",
            {"name": 3, "keypoint_names": ["a"]},
            "metadata that is not as `pose export` writes it: skeleton 3",
        ),
        ("skeleton", {"name": "two", "keypoint_names": ["a", "b"]}, "and 2 keypoints; export it again"),
    ],
)
def test_metadata_of_another_network(exported: Path, tmp_path: Path, key: str, value: Any, message: str) -> None:
    graph = onnx.load(exported)
    entry = next(entry for entry in graph.metadata_props if entry.key == "pose")
    entry.value = json.dumps(json.loads(entry.value) | {key: value})
    with pytest.raises(ValueError, match=re.escape(message)):
        OnnxModel.open(graph.SerializeToString())
