"""Commands look before they write: what is there and is not theirs stays as it is, to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file

from tests.helpers.cli import Cli, read, refusal


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_an_evaluation_never_replaces_the_config_of_a_run(pose_cli: Cli, run: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["train"]["epochs"] = 40
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    outcome = pose_cli("eval", run, "data.val.limit=2", "--boxes", "gt", "--no-flip-test", "--out", run)
    refusal(outcome, f"error: {run / 'config.yaml'} exists and was not written by `pose eval`", "give another --out")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["config.yaml", "results.json", "metrics.json", "analysis.json"])
def test_an_evaluation_replaces_no_file_of_the_users(pose_cli: Cli, run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text('{"mine": 1}')
    refusal(pose_cli("eval", run, "--out", tmp_path / "mine"), f"{name} exists and was not written by `pose eval`")
    assert (tmp_path / "mine" / name).read_text() == '{"mine": 1}'
    assert len(list((tmp_path / "mine").iterdir())) == 1


@pytest.mark.slow
def test_each_evaluation_has_a_folder_of_its_own(
    pose_cli: Cli, run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """Two checkpoints of a run, two files of boxes with one name, other settings; the same again takes its own."""
    records = read(tiny_dataset / "boxes.json")
    files = [tmp_path / folder / "det.json" for folder in ("a", "b")]
    for count, file in enumerate(files, start=1):
        file.parent.mkdir()
        file.write_text(json.dumps(records[:count]))
        assert pose_cli("eval", run, "--boxes", file).code == 0
    for weights in ("best", "last"):
        assert pose_cli("eval", run / f"{weights}.safetensors", "--boxes", "gt").code == 0
    assert pose_cli("eval", run, "--boxes", files[1]).code == 0
    found = {path.parent.name: read(path) for path in run.glob("*/metrics.json")}
    assert sorted(found) == ["eval-det", "eval-det-2", "eval-gt", "eval-last-gt"]
    assert (found["eval-det"]["people"], found["eval-det-2"]["people"]) == (1, 2)
    assert found["eval-last-gt"]["checkpoint"] == str(run / "last.safetensors")
    moved = Path(shutil.move(run, tmp_path / "moved"))  # a run that is moved keeps its evaluations
    assert pose_cli("eval", moved, "--boxes", "gt").code == 0
    assert len(list(moved.glob("eval-gt*"))) == 1
    outcome = pose_cli("eval", moved / "last.safetensors", "--boxes", "gt", "--out", moved / "eval-gt")
    refusal(outcome, "the evaluation of another model, or with other data, boxes or settings; give another --out")
    # Other settings give other numbers, but for how many people are in a batch.
    assert pose_cli("eval", moved, "--boxes", "gt", "--batch-size", 1, "train.seed=3").code == 0
    assert len(list(moved.glob("eval-gt*"))) == 1
    for option in ("--no-flip-test", "eval.max_detections=1", "--only-images-with-boxes", "--no-flip-test"):
        assert pose_cli("eval", moved, "--boxes", "gt", option).code == 0
    assert sorted(path.name for path in moved.glob("eval-gt*")) == ["eval-gt", *(f"eval-gt-{n}" for n in (2, 3, 4))]
    assert read(moved / "eval-gt" / "metrics.json")["flip_test"]
    # Where the annotations are named in full, data.root is where the images are.
    given = ("eval", moved, "--boxes", "gt", f"data.val.annotations={tiny_dataset / 'people.json'}")
    for root in (tiny_dataset, shutil.copytree(tiny_dataset, tmp_path / "elsewhere"), tiny_dataset):
        assert pose_cli(*given, f"data.root={root}", "--out", tmp_path / f"ev {root.name}").code == 0
    outcome = pose_cli(*given, f"data.root={tiny_dataset}", "--out", tmp_path / "ev elsewhere")
    refusal(outcome, "or with other data, boxes or settings; give another --out")
    outcome = pose_cli("compare", moved, moved / "eval-gt")
    assert [line.split()[-3] for line in outcome.out.splitlines()[1:3]] == ["eval-gt-2", "eval-gt"]


def test_a_check_replaces_only_its_own_report(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("check", tiny_dataset / "people.json", "--images", tiny_dataset / "images", "--out", out)
    for name in ("report.json", "people.jpg"):
        out.mkdir()
        (out / name).write_text("{}")
        outcome = pose_cli(*arguments)
        assert outcome.code == 2
        assert outcome.err.splitlines()[-1].startswith(
            f"error: {out / name} exists and was not written by `pose check`"
        )
        assert (out / name).read_text() == "{}"
        shutil.rmtree(out)
    assert [pose_cli(*arguments).code for _ in range(2)] == [0, 0]


def test_a_page_replaces_only_a_page(pose_cli: Cli, run: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>mine</html>")
    for command in (("report", run), ("compare", run, run)):
        refusal(pose_cli(*command, "--out", page), f"{page} exists and was not written by `pose report`")
    assert page.read_text() == "<html>mine</html>"
    page.unlink()
    assert [pose_cli("report", run, "--out", page).code for _ in range(2)] == [0, 0]


@pytest.mark.slow
def test_an_export_replaces_only_an_export(pose_cli: Cli, run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = tmp_path / "m.onnx"
    model.write_bytes(b"another model")
    outcome = pose_cli("export", run, "--onnx", model)
    refusal(outcome, f"{model} exists and was not written by an export", "give another --onnx")
    assert model.read_bytes() == b"another model"
    model.unlink()
    assert [pose_cli("export", run, "--onnx", model).code for _ in range(2)] == [0, 0]


def test_heatmaps_replace_nothing(pose_cli: Cli, run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    image, out = tiny_dataset / "images" / "000001.png", tmp_path / "out"
    mine = out / "000001.png.heatmaps-0.jpg"
    out.mkdir()
    mine.write_text("mine")
    refusal(pose_cli("predict", run, image, "--heatmaps", "--out", out), f"{mine} exists and is not of an earlier")
    (out / "predictions.json").write_text("[]")  # of another program: it does not make the folder ours
    refusal(pose_cli("predict", run, image, "--heatmaps", "--out", out), "is not of an earlier prediction")
    assert mine.read_text() == "mine"
    (tmp_path / "in").mkdir()
    for name in (image.name, f"{image.name}.heatmaps-0.jpg"):
        shutil.copy(image, tmp_path / "in" / name)
    outcome = pose_cli("predict", run, tmp_path / "in", "--heatmaps", "--out", tmp_path / "new")
    refusal(outcome, "would be both a drawn image and the heatmaps of 000001.png")
    assert not (tmp_path / "new").exists()


def test_places_that_are_none(pose_cli: Cli, run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    """Links that lead to themselves or nowhere, and files that stand where a folder has to be."""
    images, file = tiny_dataset / "images", tmp_path / "file"
    file.touch()
    for name, to in (("loop", "loop"), ("nowhere", "gone")):
        (tmp_path / name).symlink_to(to)
        for command in (("eval", run), ("predict", run, images)):
            outcome = pose_cli(*command, "--out", tmp_path / name)
            assert outcome.code == 2
            assert outcome.err.splitlines()[-1].startswith("error: ")
            assert str(tmp_path / name) in outcome.err.splitlines()[-1]
    refusal(pose_cli("report", run, "--out", file / "r.html"), "a file stands where a folder has to be")
    refusal(pose_cli("clip", file / "c.mp4"), "a file stands where a folder has to be; choose another --out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop", "nowhere", "run"]


def test_an_export_of_weights_that_are_not_finite_names_their_file(pose_cli: Cli, run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with safe_open(run / "best.safetensors", framework="pt") as file:
        metadata = file.metadata()
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    next(value for value in weights.values() if value.ndim == 4)[0] = torch.nan
    save_file(weights, tmp_path / "nan.safetensors", metadata)
    outcome = pose_cli("export", tmp_path / "nan.safetensors", "--onnx", tmp_path / "m.onnx")
    refusal(outcome, f"error: {tmp_path / 'nan.safetensors'} has weights that are not finite")
