"""The command line as users meet it: results on stdout, messages on stderr, one error with its fix for bad input."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from safetensors import safe_open
from safetensors.torch import save_file

import pose
from pose.checkpoint import DEMO_MODEL, load_checkpoint
from pose.training.resume import load_resume

CONFIGS = Path(__file__).parents[2] / "configs"
METRICS = ["AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL"]
COMMANDS = ["train", "eval", "predict", "detect", "runs", "summary", "demo", "figures", "env"]

Cli = Callable[..., Any]


def refusal(outcome: Any, *parts: str) -> str:
    """Check that a command ended in one message, with all of `parts` in it, and nothing else; returns it."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert "Traceback" not in outcome.err
    starts = [i for i, line in enumerate(lines) if line.startswith("error: ")]
    assert len(starts) == 1, outcome.err
    assert all(line.startswith("  ") for line in lines[starts[0] + 1 :]), outcome.err
    message = "\n".join(lines[starts[0] :])
    for part in parts:
        assert part in message
    return message


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def tiny_yaml(tiny_config: dict[str, Any], tmp_path: Path) -> Path:
    """A config of one epoch for `tiny_dataset`."""
    tiny_config["train"] |= {"epochs": 1, "milestones": []}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
    return tmp_path / "tiny.yaml"


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """Stands where a folder is wanted; unlike a folder without permissions, it also stops root."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file"


# What needs no model


def test_version_and_help(pose_cli: Cli) -> None:
    outcome = pose_cli("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"pose {pose.__version__}\n", "")
    outcome = pose_cli("--help")
    assert outcome.code == 0
    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", outcome.out, re.MULTILINE)] == []
    bare = pose_cli()
    assert "Commands:" in bare.out + bare.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(pose_cli: Cli, command: str) -> None:
    outcome = pose_cli(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: pose {command} ")
    wanted = {
        "train": ["--resume", "--out", "--device", "--batch-size", "--workers"],
        "eval": ["--boxes", "--only-images-with-boxes", "--no-flip-test", "--out", "--device", "--batch-size"],
        "predict": ["--boxes", "--out", "--heatmaps", "--device", "--batch-size", "--workers"],
        "detect": ["--out", "--split", "--min-score", "--detector", "--weights", "--device", "--batch-size"],
        "summary": ["--json"],
        "demo": ["--out", "--device", "--batch-size", "--workers"],
    }
    assert [option for option in wanted.get(command, []) if option not in outcome.out] == []
    assert outcome.out == pose_cli(command, "-h").out


def test_the_list_of_commands_is_not_cut_off(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = pose_cli("--help").out.split("Commands:")[1].splitlines()
    assert len(listed) > 10
    assert [line for line in listed if line.endswith("...")] == []


def test_sigterm_ends_the_processes_that_work_for_a_command(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pose",
        "figures",
        str(tmp_path / "figures"),
        "--train",
        "5000",
        "--workers",
        "2",
    ]
    # A group of its own, to see whether anybody is left in it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("figures/images/train/*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in out
    assert "leaked" not in out
    deadline = time.monotonic() + 30  # Python's own process that cleans up after them ends a little later
    while _is_anybody_in(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_anybody_in(process.pid)


def _is_anybody_in(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_python_m_pose_imports_nothing_heavy() -> None:
    code = "import sys, runpy; sys.argv = ['pose', '--version']\ntry: runpy.run_module('pose', run_name='__main__')\n"
    code += (
        "except SystemExit: pass\nprint([m for m in ('torch', 'cv2', 'numpy', 'albumentations') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"pose {pose.__version__}\n[]\n", "")
    done = subprocess.run([sys.executable, "-m", "pose", "trian"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'trian'" in done.stderr


def test_env(pose_cli: Cli) -> None:
    outcome = pose_cli("env")
    assert (outcome.code, outcome.err) == (0, "")
    found = dict(line.split(": ", 1) for line in outcome.out.splitlines())
    assert found["pose"] == pose.__version__
    assert torch.__version__.startswith(found["torch"])
    assert {"python", "platform", "numpy", "albumentations", "cuda"} <= found.keys()


def test_summary_of_the_table(pose_cli: Cli) -> None:
    """Names and files give the same counts; the published ones are in tests/analysis/test_summary.py."""
    name = "mobilenet_v3_small_relu"
    by_name, by_file = (pose_cli("summary", x, "--json") for x in (name, CONFIGS / "coco" / f"{name}.yaml"))
    assert by_name.code == by_file.code == 0
    assert by_name.err == ""
    found, other = json.loads(by_name.out), json.loads(by_file.out)
    assert (found["madds"], found["params"], found["madds_dyrelu"]) == (723_039_232, 1_958_449, 0)
    assert {**other, "model": name} == found
    text = pose_cli("summary", name)
    assert "ours:  1.96M params, 723.04M MAdds" in text.out


# Training


def test_training_leaves_a_run(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    assert names >= {"config.yaml", "versions.json", "metrics.csv", "batch0.jpg", "best.safetensors", "resume.pt"}
    assert load_checkpoint(tiny_run / "last.safetensors").epoch == 2


def test_streams_of_train(pose_cli: Cli, tiny_yaml: Path, tmp_path: Path) -> None:
    outcome = pose_cli(
        "train", tiny_yaml, "train.seed=5", "--out", tmp_path / "run", "--batch-size", 5, "--workers", 0
    )
    assert outcome.code == 0
    assert outcome.out == f"best AP 0.000, boxes gt: {tmp_path / 'run' / 'best.safetensors'}\n"
    lines = outcome.err.splitlines()
    assert lines[0] == f"run folder {tmp_path / 'run'}"
    assert lines[1].startswith("10 people to train on, 10 boxes (gt) in 10 images to evaluate, ")
    assert re.fullmatch(
        r"epoch 1/1  loss 0\.0\d+  lr 1e-03  AP 0\.000 \(boxes gt, 10 images, 10 people\)  0:\d\d", lines[2]
    )
    assert lines[3] == f"done: 1 epochs in {lines[2].split()[-1]}, in {tmp_path / 'run'}"
    assert lines[4:6] == [
        "  best   AP 0.000, epoch 1: best.safetensors",
        "  last   epoch 1: last.safetensors; every epoch: metrics.csv, tb/",
    ]
    assert re.fullmatch(r"  speed  \d+ images/s; \d+% of the time waiting for data", lines[6])
    assert lines[7:8] == [f"  next   pose eval {tmp_path / 'run'}; pose report {tmp_path / 'run'}"]
    assert lines[8:] in ([], [f"         tensorboard --logdir {tmp_path / 'run' / 'tb'}"])  # where it is installed
    config = load_checkpoint(tmp_path / "run").config
    assert (config.train.seed, config.train.batch_size) == (5, 5)
    assert load_resume(tmp_path / "run" / "resume.pt")["position"]["epoch"] == 1


def test_default_run_folder(pose_cli: Cli, tiny_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert pose_cli("train", "tiny.yaml", "--workers", 0).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"tiny-\d{8}-\d{6}", run.name)


@pytest.fixture
def start_method(request: pytest.FixtureRequest) -> Iterator[None]:
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(request.param, force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize(("start_method", "workers"), [("fork", 2), ("spawn", 1)], indirect=["start_method"])
@pytest.mark.usefixtures("start_method")
@pytest.mark.timeout(180)
def test_loader_processes_change_nothing(pose_cli: Cli, tiny_run: Path, tmp_path: Path, workers: int) -> None:
    """Training and evaluation with workers, forked as on Linux or spawned as elsewhere."""
    config = tiny_run.parent / "tiny.yaml"
    outcome = pose_cli("train", config, "eval.every=2", "--out", tmp_path / "run", "--workers", workers)
    assert outcome.code == 0, outcome.err
    ours, theirs = (load_checkpoint(run / "last.safetensors") for run in (tmp_path / "run", tiny_run))
    assert (ours.epoch, ours.metrics) == (theirs.epoch, theirs.metrics)
    assert all(torch.equal(ours.weights[key], theirs.weights[key]) for key in theirs.weights)


def test_resuming_a_complete_run(pose_cli: Cli, tiny_run: Path) -> None:
    before = (tiny_run / "last.safetensors").read_bytes()
    outcome = pose_cli("train", "--resume", tiny_run)
    assert outcome.code == 0
    assert f"is complete: 2 epochs. To go on, raise train.epochs in {tiny_run / 'config.yaml'}." in outcome.err
    assert outcome.out.startswith("best AP ")
    assert (tiny_run / "last.safetensors").read_bytes() == before


def start(*arguments: object, code: str = "from pose.cli.main import main; main()") -> tuple[Any, list[str]]:
    """A command as a process of its own group, and the lines of its stderr as they come."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # In the background of a shell tests run with SIGINT ignored, which a new process would inherit.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # as in conftest.py
    )
    lines: list[str] = []
    threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")), daemon=True).start()
    return process, lines


def wait_for(lines: list[str], text: str, process: Any, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not any(text in line for line in lines):
        assert time.monotonic() < end, lines
        assert process.poll() is None, lines
        time.sleep(0.02)


@contextlib.contextmanager
def ended(process: Any) -> Iterator[None]:
    """Leave nothing running, whatever fails."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.timeout(180)
def test_ctrl_c_keeps_the_state(pose_cli: Cli, tiny_yaml: Path, tmp_path: Path) -> None:
    """In a terminal Ctrl-C reaches the loader processes too."""
    run = tmp_path / "run"
    settings = ("train.epochs=100000", "eval.every=100000", "--workers", 1)
    process, lines = start("train", tiny_yaml, *settings, "--out", run)
    with ended(process):
        wait_for(lines, "epoch 1/100000", process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout.read() == ""
    time.sleep(0.05)  # for the thread that reads
    assert not any("Traceback" in line for line in lines)
    assert lines[-1] == f"stopped by SIGINT; everything is saved. Go on with: pose train --resume {run}\n"
    position = load_resume(run / "resume.pt")["position"]
    assert position["epoch"] >= 1
    assert load_checkpoint(run / "last.safetensors").epoch == position["epoch"]

    # Bring the end near, which is also how a complete run is lengthened.
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["train"]["epochs"] = position["epoch"] + 1
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    outcome = pose_cli("train", "--resume", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"best AP 0.000, boxes gt: {run / 'best.safetensors'}\n"
    assert load_checkpoint(run).epoch == position["epoch"] + 1
    epochs = [int(line.split(",")[0]) for line in (run / "metrics.csv").read_text().splitlines()[1:]]
    assert epochs == list(range(1, position["epoch"] + 2))


SLOW_STEP = """
import sys, time
from pose.training.trainer import Trainer
def step(*arguments):
    print("in a step", file=sys.stderr, flush=True)
    time.sleep(300)
Trainer.train_step = step
from pose.cli.main import main
main()
"""


@pytest.mark.timeout(180)
def test_a_second_ctrl_c_ends_at_once(tiny_yaml: Path, tmp_path: Path) -> None:
    process, lines = start("train", tiny_yaml, "--out", tmp_path / "run", "--workers", 0, code=SLOW_STEP)
    with ended(process):
        wait_for(lines, "in a step", process)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)  # the first waits for the step
        wait_for(lines, "Ctrl-C again stops at once", process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (130, 1, -signal.SIGINT)
        assert process.stdout.read() == ""
    assert not any("Traceback" in line for line in lines)


def test_several_processes_are_for_training(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    refusal(pose_cli("runs"), "`pose runs` runs in one process, and here are 2 (WORLD_SIZE)", "without torchrun")
    monkeypatch.setenv("RANK", "1")
    other = pose_cli("runs")
    assert (other.code, other.out, other.err) == (0, "", "")


# Evaluation


def pycocotools_numbers(annotations: Path, results: Path) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval(truth, truth.loadRes(str(results)), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def test_evaluation(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    outcome = pose_cli("eval", tiny_run, "--out", tmp_path / "ev", "--workers", 0)
    assert (outcome.code, outcome.err) == (0, "")
    names = {"analysis.json", "metrics.json", "results.json", "config.yaml"}
    assert {path.name for path in (tmp_path / "ev").iterdir()} == names
    found = read(tmp_path / "ev" / "metrics.json")
    assert list(found)[:13] == [*METRICS, "boxes", "images", "people"]
    assert (found["boxes"], found["images"], found["people"]) == ("gt", 10, 10)
    details = {"checkpoint": str(tiny_run / "best.safetensors"), "epoch": 2, "flip_test": True}
    assert {key: found[key] for key in list(found)[13:]} == {**details, "only_images_with_boxes": False}

    records = read(tmp_path / "ev" / "results.json")
    assert {frozenset(record) for record in records} == {frozenset({"image_id", "category_id", "keypoints", "score"})}
    assert {len(record["keypoints"]) for record in records} == {51}
    assert {record["image_id"] for record in records} == set(range(1, 11))
    numbers = pycocotools_numbers(tiny_dataset / "people.json", tmp_path / "ev" / "results.json")
    assert [found[name] for name in METRICS] == pytest.approx(numbers)
    # The run wrote the same numbers when it was trained.
    assert load_checkpoint(tiny_run).metrics == pytest.approx({name: found[name] for name in METRICS})

    lines = outcome.out.splitlines()
    assert lines[0] == f"AP {found['AP']:.3f} (boxes gt, 10 images, 10 people)"
    assert lines[1].split() == METRICS
    assert [float(value) for value in lines[2].split()] == pytest.approx([found[name] for name in METRICS], abs=5e-4)
    assert lines[-1] == f"metrics and results: {tmp_path / 'ev'}"


def test_evaluating_the_demo_model_writes_nothing_into_the_package(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(DEMO_MODEL.parent.rglob("*"))
    data = [f"data.root={tiny_dataset}", "data.figures=null", "data.val.images=images"]
    outcome = pose_cli(
        "eval", "demo", *data, "data.val.annotations=people.json", "--boxes", "gt", "--workers", 0, "--device", "cpu"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.endswith("metrics and results: demo-eval-gt\n")
    assert (tmp_path / "demo-eval-gt/metrics.json").is_file()
    assert sorted(DEMO_MODEL.parent.rglob("*")) == before


def test_the_demo_model_on_photographs(pose_cli: Cli, coco_sample: Path, tmp_path: Path) -> None:
    """docs/demo_model.md tells its AP there; another processor's rounding may move a keypoint or two of 80 people."""
    data = [f"data.root={coco_sample}", "data.figures=null", "data.val.images=images/val2017"]
    data += ["data.val.annotations=annotations/person_keypoints_val2017.json", "--boxes", "gt", "--workers", "0"]
    outcome = pose_cli("eval", "demo", *data, "--device", "cpu", "--out", tmp_path / "ev")
    assert outcome.code == 0, outcome.err
    card = (Path(__file__).parents[2] / "docs/demo_model.md").read_text(encoding="utf-8")
    told = re.search(r"AP on photographs \| ([\d.]+) \(AP50 ([\d.]+)\)", card)
    assert told is not None
    found = read(tmp_path / "ev" / "metrics.json")
    assert [found["AP"], found["AP50"]] == pytest.approx([float(value) for value in told.groups()], abs=0.01)


def test_boxes_of_a_file(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    records = read(tiny_dataset / "boxes.json")[:4]
    boxes = tmp_path / "half.json"
    boxes.write_text(json.dumps(records))
    outcome = pose_cli("eval", tiny_run, "--boxes", boxes, "--out", tmp_path / "all")
    assert outcome.out.splitlines()[0].endswith(f"(boxes {boxes}, 10 images, 4 people)")
    outcome = pose_cli("eval", tiny_run, "--boxes", boxes, "--only-images-with-boxes", "--out", tmp_path / "some")
    assert outcome.out.splitlines()[0].endswith(f"(boxes {boxes}, 4 images, 4 people)")
    found = read(tmp_path / "some" / "metrics.json")
    assert (found["boxes"], found["images"], found["people"]) == (str(boxes), 4, 4)
    assert found["only_images_with_boxes"] is True
    assert {r["image_id"] for r in read(tmp_path / "some" / "results.json")} == {1, 2, 3, 4}


def test_default_boxes_are_those_of_the_checkpoint(
    pose_cli: Cli, tiny_run: Path, tmp_path: Path, tiny_config: dict[str, Any]
) -> None:
    """A file that the config names lies in the dataset; results go beside the checkpoint, under the boxes' name."""
    path = tmp_path / "run" / "best.safetensors"
    rewrite(tiny_run, path, lambda header: header["config"]["data"]["val"].update(boxes="boxes.json"))
    assert pose_cli("eval", path).out.startswith("AP 0.000 (boxes boxes.json, 10 images, 10 people)\n")
    assert (path.parent / "eval-boxes" / "metrics.json").is_file()
    assert pose_cli("eval", path.parent, "--boxes", "gt").out.startswith(
        "AP 0.000 (boxes gt, 10 images, 10 people)\n"
    )
    assert read(path.parent / "eval-gt" / "metrics.json")["boxes"] == "gt"


def test_without_flipping(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    found = {}
    for option in ("--flip-test", "--no-flip-test"):
        assert pose_cli("eval", tiny_run, option, "--batch-size", 3, "--out", tmp_path / option).code == 0
        metrics = read(tmp_path / option / "metrics.json")
        config = yaml.safe_load((tmp_path / option / "config.yaml").read_text())
        assert metrics["flip_test"] == config["eval"]["flip_test"] == (option == "--flip-test")
        assert config["eval"]["batch_size"] == 3
        found[option] = [r["keypoints"] for r in read(tmp_path / option / "results.json")]
    assert found["--flip-test"] != found["--no-flip-test"]


def test_images_without_annotations_give_results_only(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """As COCO's test-dev."""
    document = read(tiny_dataset / "people.json")
    del document["annotations"], document["categories"]
    (tmp_path / "testdev.json").write_text(json.dumps(document))
    val = f"data.val.annotations={tmp_path / 'testdev.json'}"
    outcome = pose_cli("eval", tiny_run, val, "--boxes", tiny_dataset / "boxes.json", "--out", tmp_path / "ev")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"no annotations, so no numbers; results: {tmp_path / 'ev' / 'results.json'}" in outcome.out
    assert {path.name for path in (tmp_path / "ev").iterdir()} == {"results.json", "config.yaml"}
    assert len(read(tmp_path / "ev" / "results.json")) == 10
    refusal(
        pose_cli("eval", tiny_run, val), "has no annotations and so no boxes; give detected ones with --boxes FILE"
    )


# Prediction


def test_prediction(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tiny_dataset / "images").iterdir()}
    outcome = pose_cli("predict", tiny_run, tiny_dataset / "images", "--out", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.out == f"10 people in 10 images (boxes: whole image): {tmp_path / 'out'}\n"
    assert (
        outcome.err == "warning: each whole image is taken as one person; for several give --boxes detect or FILE\n"
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {p.name for p in before} | {"predictions.json"}
    assert {path: path.read_bytes() for path in before} == before
    assert len(read(tmp_path / "out" / "predictions.json")["images"]) == 10


def test_prediction_in_boxes_equals_evaluation(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """The predictor and the evaluator take the same way from a box to keypoints."""
    boxes, images = tiny_dataset / "boxes.json", tiny_dataset / "images"
    pose_cli("eval", tiny_run, "--boxes", boxes, "--out", tmp_path / "ev")
    options = ("--boxes", boxes, "--heatmaps", "--workers", 2, "--batch-size", 2)
    outcome = pose_cli("predict", tiny_run, images, *options, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert (tmp_path / "out" / "000003.png.heatmaps-0.jpg").is_file()
    evaluated = {r["image_id"]: np.reshape(r["keypoints"], (17, 3)) for r in read(tmp_path / "ev" / "results.json")}
    for record in read(tmp_path / "out" / "predictions.json")["images"]:
        (person,) = record["people"]
        assert person["bbox"] == [9, 9, 47, 61]
        number = int(Path(record["file_name"]).stem)
        np.testing.assert_allclose(person["keypoints"], evaluated[number], atol=0.01)


def test_threads_that_read_ahead_change_nothing(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    found = []
    (tmp_path / "in").mkdir()
    for path in (tiny_dataset / "images").iterdir():
        (tmp_path / "in" / path.name).symlink_to(path)
    (tmp_path / "in" / "000005x.png").write_text("broken")
    for workers in (0, 1, 4, 50):
        out = tmp_path / str(workers)
        outcome = pose_cli("predict", tiny_run, tmp_path / "in", "--out", out, "--workers", workers)
        assert outcome.code == 0
        assert "10 people in 10 images (boxes: whole image, 1 unreadable files skipped)" in outcome.out
        assert f"warning: skipped: cannot read {tmp_path / 'in' / '000005x.png'}" in outcome.err
        found.append(read(out / "predictions.json"))
    assert found[0] == found[1] == found[2] == found[3]


# Bad input


def rewrite(run: Path, to: Path, change: Callable[[dict[str, Any]], object] | None) -> Path:
    """A copy of a run's best checkpoint with a changed header; without one for None."""
    with safe_open(run / "best.safetensors", framework="pt") as file:
        header = json.loads(file.metadata()["pose"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    if change is not None:
        change(header)
    to.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, to, {"pose": json.dumps(header)} if change is not None else None)
    return to


def test_missing_config(pose_cli: Cli, tmp_path: Path, tiny_run: Path) -> None:
    refusal(pose_cli("train", "gone.yaml"), "error: no config file gone.yaml; the ones that come with the project")
    refusal(pose_cli("train"), "give a config file, e.g. `pose train configs/")
    refusal(pose_cli("train", tiny_run), f"is a folder; give a YAML file, or continue a run with --resume {tiny_run}")
    refusal(pose_cli("summary", "gone.yaml"), "no config file gone.yaml")
    refusal(pose_cli("summary", "mobilenet_v2_x1.0_dyrelo"), "did you mean 'mobilenet_v2_x1.0_dyrelu'?")


def test_wrong_keys_are_listed_at_once(pose_cli: Cli, tiny_yaml: Path, tmp_path: Path) -> None:
    wrong = ("data.val.annotaions=x", "trian.epochs=3", "model.widht=2", "train.lr=-1", "model.activation=dyrelo")
    outcome = pose_cli("train", tiny_yaml, *wrong, "--out", tmp_path / "run")
    message = refusal(outcome, f"error: {tiny_yaml} has 5 wrong entries:")
    for line in (
        "data.val.annotaions: no such key; did you mean 'annotations'?",
        "trian: no such key; did you mean 'train'?",
        "model.widht: no such key; did you mean 'width'?",
        "train.lr: expected more than 0, got -1",
        "model.activation: unknown activation 'dyrelo'; did you mean 'dyrelu_",
    ):
        assert line in message
    assert len(message.splitlines()) == 6
    assert not (tmp_path / "run").exists()


def test_wrong_keys_at_evaluation(pose_cli: Cli, tiny_run: Path) -> None:
    outcome = pose_cli("eval", tiny_run, "eval.flip=3", "dat.x=3")
    refusal(outcome, "2 wrong entries", "did you mean 'flip_test'?", "did you mean 'data'?")
    refusal(pose_cli("eval", tiny_run, "model.width=1"), f"the model is that of {tiny_run / 'best.safetensors'}")
    refusal(pose_cli("eval", tiny_run, "nonsense"), "an override looks like train.lr=0.001, got 'nonsense'")


@pytest.mark.parametrize("workers", [0, 1])
def test_missing_and_broken_images(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, tmp_path: Path, workers: int
) -> None:
    """A loader process passes its traceback on; users see what it says."""
    (tmp_path / "data" / "images").mkdir(parents=True)
    for path in (tiny_dataset / "images").iterdir():
        (tmp_path / "data" / "images" / path.name).symlink_to(path)
    (tmp_path / "data" / "people.json").symlink_to(tiny_dataset / "people.json")
    broken = tmp_path / "data" / "images" / "000004.png"
    broken.unlink()
    root = f"data.root={tmp_path / 'data'}"
    arguments = (tiny_yaml, root, "--out", tmp_path / "run", "--workers", workers)
    refusal(pose_cli("train", *arguments), f"error: 1 of 10 images are missing: {broken}; check the images folder")
    refusal(pose_cli("eval", tiny_run, root), f"error: 1 of 10 images are missing: {broken}")
    broken.write_bytes((tiny_dataset / "images" / "000004.png").read_bytes()[:500])
    want = f"error: cannot read {broken}: broken, or not an image; replace the file"
    ids = " (image id 4, annotation id 4); data.skip_unreadable=true trains without such images"
    assert refusal(pose_cli("train", *arguments)) == want + ids
    skipping = ("data.skip_unreadable=true", f"data.val.images={tiny_dataset / 'images'}", "train.batch_size=3")
    outcome = pose_cli("train", tiny_yaml, root, *skipping, "--out", tmp_path / "skipped", "--workers", workers)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count(f"skipped: {want.removeprefix('error: ')} (image id 4, annotation id 4)\n") == 1
    assert "unreadable 1, batches skipped so far 0" in outcome.err
    with (tmp_path / "skipped" / "metrics.csv").open(newline="") as file:
        assert [row["unreadable"] for row in csv.DictReader(file)] == ["1"]
    assert refusal(pose_cli("eval", tiny_run, root, "--workers", workers)) == want


def test_images_to_predict(pose_cli: Cli, tiny_run: Path, a_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refusal(pose_cli("predict", tiny_run, "gone.png", "--out", out), "error: no image or folder gone.png; check the")
    outcome = pose_cli("predict", tiny_run, "https://example.com/a.png", "--out", out)
    refusal(outcome, "it is a URL, and nothing is downloaded here")
    (tmp_path / "broken.png").write_text("no image")
    outcome = pose_cli("predict", tiny_run, tmp_path / "broken.png", "--out", out)
    refusal(outcome, f"error: cannot read {tmp_path / 'broken.png'}: broken, or not images; replace the files")
    refusal(pose_cli("predict", tiny_run, a_file, "--out", out), "is no image; expected .jpg")
    (tmp_path / "empty").mkdir()
    refusal(pose_cli("predict", tiny_run, tmp_path / "empty", "--out", out), "no image in ")


def test_missing_annotation_file(pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tmp_path: Path) -> None:
    gone = "annotations=gone.json"
    for outcome in (
        pose_cli("train", tiny_yaml, f"data.train.{gone}", "--out", tmp_path / "run"),
        pose_cli("train", tiny_yaml, f"data.val.{gone}", "--out", tmp_path / "run"),
        pose_cli("eval", tiny_run, f"data.val.{gone}"),
    ):
        refusal(outcome, "error: no file ", "gone.json; check the path, or download the annotations first")
    assert not (tmp_path / "run").exists()


def test_wrong_keypoint_count(pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tmp_path: Path) -> None:
    two = "data.skeleton={keypoint_names: [a, b]}"
    for outcome in (
        pose_cli("train", tiny_yaml, two, "--out", tmp_path / "run"),
        pose_cli("eval", tiny_run, two),
    ):
        refusal(outcome, "category 'person' has 17 keypoints", "skeleton 'custom' has 2 (a, b); set data.skeleton to")


BOXES = {
    "nothing": ("", "is empty; the download may have been cut off", "is not JSON"),
    "empty list": ("[]", "has no box of category 1", "holds no boxes"),
    "cut off": ('[{"image_id": 1, "ca', "is not JSON", "is not JSON"),
    "object": ('{"a": 1}', "holds a dict; detections are a list of records", "holds no list of boxes"),
    "no records": ("[1, 2]", "detection 0 lacks image_id, category_id, bbox, score, got 1", "record 0 is 1"),
    "lacking": ('[{"image_id": 1, "category_id": 1}]', "detection 0 lacks bbox, score", "record 0 has bbox None"),
    "short": (
        '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 1}]',
        "detection 0 has bbox [1, 2, 3]; it needs x, y and a positive width and height",
        "record 0 has bbox [1, 2, 3]; expected [x, y, width, height]",
    ),
    "second corner": (
        '[{"image_id": 1, "category_id": 1, "bbox": [9, 9, -3, 4], "score": 1}]',
        "detection 0 has bbox [9, 9, -3, 4]",
        "record 0 has bbox [9, 9, -3, 4]",
    ),
    "unknown image": (
        '[{"image_id": 777, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]',
        "has 1 boxes on 1 images that are not in",
        "is of the 10 images given: the boxes are of image_id 777",
    ),
}


@pytest.mark.parametrize(("text", "at_eval", "at_predict"), BOXES.values(), ids=BOXES)
def test_detections(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path, text: str, at_eval: str, at_predict: str
) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(text)
    out = tmp_path / "out"
    refusal(pose_cli("eval", tiny_run, "--boxes", boxes, "--out", out), f"error: {boxes}", at_eval)
    outcome = pose_cli("predict", tiny_run, tiny_dataset / "images", "--boxes", boxes, "--out", out)
    refusal(outcome, str(boxes), at_predict)
    assert not out.exists()


def test_detections_in_a_config_and_missing_ones(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    outcome = pose_cli("train", tiny_yaml, "data.val.boxes=gone.json", "--out", tmp_path / "run")
    refusal(outcome, f"error: no file {tiny_dataset / 'gone.json'}")
    refusal(pose_cli("eval", tiny_run, "--boxes", "gone.json"), "error: no file gone.json")
    outcome = pose_cli(
        "predict", tiny_run, tiny_dataset / "images", "--boxes", "gone.json", "--out", tmp_path / "out"
    )
    refusal(outcome, "error: no boxes gone.json; give a JSON file of boxes, 'detect' or 'whole'")
    outcome = pose_cli("eval", tiny_run, "data.val.limit=2", "--boxes", tiny_dataset / "boxes.json")
    refusal(outcome, "needs boxes: gt; for the boxes of", "add data.val.limit=null")


def test_checkpoints(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, a_file: Path, tmp_path: Path) -> None:
    good = (tiny_run / "best.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(good[: len(good) // 2])
    other = rewrite(
        tiny_run, tmp_path / "other.safetensors", lambda header: header["config"]["model"].update(width=0.5)
    )
    foreign = rewrite(tiny_run, tmp_path / "foreign.safetensors", None)
    for checkpoint, message in (
        (tmp_path / "gone", "error: no checkpoint "),
        (tiny_dataset, "best.safetensors; `pose train` writes best.safetensors and last.safetensors"),
        (a_file, "is no safetensors checkpoint, or a damaged one"),
        (tiny_run / "resume.pt", "is no safetensors checkpoint, or a damaged one"),
        (tmp_path / "cut.safetensors", "is no safetensors checkpoint, or a damaged one"),
        (tiny_dataset / "people.json", "is a JSON, not a checkpoint; give a .safetensors file of `pose train`"),
        (CONFIGS / "own/template.yaml", "is a config, not a checkpoint; `pose train` makes one from it"),
        (other, "holds the weights of another model: "),
        (foreign, "holds tensors but no header of this project; expected a file written by `pose train`"),
    ):
        refusal(pose_cli("eval", checkpoint, "--out", tmp_path / "out"), message)
        refusal(pose_cli("predict", checkpoint, tiny_dataset / "images", "--out", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


def test_initial_weights(pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tmp_path: Path) -> None:
    arguments = ("train", tiny_yaml, "--out", tmp_path / "run")
    refusal(pose_cli(*arguments, "model.init=gone.safetensors"), "error: no checkpoint gone.safetensors")
    refusal(pose_cli(*arguments, f"model.init={tiny_run}", "model.width=0.5"), "holds another network")
    outcome = pose_cli(*arguments, f"model.init={tiny_run}", "--workers", 0)
    assert outcome.code == 0
    assert re.search(
        rf"^(\d+) of \1 tensors taken from {tiny_run}/best\.safetensors; 0 start fresh$", outcome.err, re.M
    )


def test_runs_that_cannot_be_continued(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, a_file: Path, tmp_path: Path
) -> None:
    for folder in (tmp_path / "gone", tmp_path, a_file):
        refusal(pose_cli("train", "--resume", folder), f"no run to continue in {folder}; give the folder that `pose")
    refusal(pose_cli("train", tiny_yaml, "--resume", tiny_run), "--resume continues a run as it was")
    (tmp_path / "config.yaml").write_bytes((tiny_run / "config.yaml").read_bytes())
    (tmp_path / "last.safetensors").write_bytes((tiny_run / "last.safetensors").read_bytes())
    refusal(pose_cli("train", "--resume", tmp_path), "resume.pt, but the run has trained weights; start another with")
    (tmp_path / "resume.pt").write_bytes((tiny_run / "resume.pt").read_bytes()[:5000])
    refusal(pose_cli("train", "--resume", tmp_path), "resume.pt is damaged: its length is not", "remove both")


def test_folders_that_cannot_be_written(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, a_file: Path
) -> None:
    for out in (a_file, a_file / "sub", a_file / "sub" / "sub"):
        message = "exists already; choose another --out" if out == a_file else f"error: cannot write to {out}: "
        refusal(pose_cli("train", tiny_yaml, "--out", out), message, "choose another --out")
        refusal(pose_cli("eval", tiny_run, "--out", out), f"error: cannot write to {out}: ", "choose another --out")
        refusal(pose_cli("demo", "--out", out), f"error: cannot write to {out}: ", "choose another --out")
        outcome = pose_cli("predict", tiny_run, tiny_dataset / "images", "--out", out)
        refusal(outcome, f"--out {out} is a file; give a folder" if out == a_file else f"cannot write {out}/")
        refusal(pose_cli("figures", out, "--train", 1, "--val", 1), str(out))
    assert a_file.read_text() == ""


def test_what_is_there_is_not_overwritten(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    message = f"{tiny_run} exists already; choose another --out, or continue it with --resume {tiny_run}"
    refusal(pose_cli("train", tiny_yaml, "--out", tiny_run), message)
    images = tiny_dataset / "images"
    refusal(pose_cli("predict", tiny_run, images, "--out", images), "is the folder of the images, which would be")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".lock").touch()  # of a training that was killed at once
    outcome = pose_cli("train", tiny_yaml, "data.train.annotations=gone.json", "--out", tmp_path / "empty")
    refusal(outcome, "no file ")
    assert (tmp_path / "empty").is_dir()


def test_unknown_device(pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    for arguments in (
        ("train", tiny_yaml, "--out", tmp_path / "out"),
        ("eval", tiny_run),
        ("predict", tiny_run, tiny_dataset / "images", "--out", tmp_path / "out"),
        ("demo", "--out", tmp_path / "out"),
    ):
        refusal(
            pose_cli(*arguments, "--device", "gpu"), "error: unknown device 'gpu' on this machine; it has ", "cpu"
        )
        refusal(pose_cli(*arguments, "--device", "cuda:99"), "error: no device 'cuda:99' on this machine; it has ")
    assert not (tmp_path / "out").exists()


def test_a_system_error_is_told_without_its_number(
    pose_cli: Cli, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device", "/data/x.json")

    monkeypatch.setattr("pose.evaluation.run.write_json", full)
    outcome = pose_cli("eval", tiny_run, "--out", tmp_path / "ev")
    assert refusal(outcome) == "error: /data/x.json: No space left on device"
    monkeypatch.setenv("POSE_DEBUG", "1")
    with pytest.raises(OSError, match="No space left"):
        pose_cli("eval", tiny_run, "--out", tmp_path / "ev")


def test_a_stopped_demo_says_how_to_go_on(pose_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pose.runtime.stop import Stopped

    def stopped(*arguments: object, **more: object) -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("pose.cli.demo_run.run_demo", stopped)
    outcome = pose_cli("demo", "--out", tmp_path / "demo")
    assert (outcome.code, outcome.out) == (143, "")
    assert (
        outcome.err == f"stopped by SIGTERM; everything is saved. Go on with: pose demo --out {tmp_path / 'demo'}\n"
    )


# The real sample


@pytest.fixture(scope="module")
def sample_run(coco_sample: Path, pose_cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """configs/coco/sample.yaml, made small and short."""
    run = tmp_path_factory.mktemp("sample") / "run"
    small = ["model.width=0.1", "model.input_size=[64, 64]", "model.head.channels=[16, 16, 16, 16]"]
    small += ["model.head.hidden=[16, 32, 32, 32]", "data.train.limit=8", "data.val.limit=8"]
    short = ["train.epochs=1", "train.milestones=[]", "train.batch_size=4"]
    outcome = pose_cli("train", CONFIGS / "coco" / "sample.yaml", *small, *short, "--out", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "8 people to train on, 8 boxes (gt) in 51 images to evaluate" in outcome.err
    assert cv2.imread(str(run / "batch0.jpg")).mean() > 20
    return run


DETECTIONS = "person_detection_results/COCO_val2017_sample_detections_person.json"


def test_real_annotated_boxes(pose_cli: Cli, sample_run: Path, coco_sample: Path, tmp_path: Path) -> None:
    document = read(coco_sample / "annotations" / "person_keypoints_val2017.json")
    labelled = [a for a in document["annotations"] if not a["iscrowd"] and any(a["keypoints"][2::3])]
    images = {a["image_id"] for a in labelled}
    for option, count in (((), len(document["images"])), (("--only-images-with-boxes",), len(images))):
        out = tmp_path / str(count)
        outcome = pose_cli("eval", sample_run, "data.val.limit=null", "--boxes", "gt", *option, "--out", out)
        assert (outcome.code, outcome.err) == (0, "")
        found = read(out / "metrics.json")
        assert (found["boxes"], found["images"], found["people"]) == ("gt", count, len(labelled))
        assert {r["image_id"] for r in read(out / "results.json")} <= images
    numbers = pycocotools_numbers(
        coco_sample / "annotations" / "person_keypoints_val2017.json", tmp_path / "51" / "results.json"
    )
    found = read(tmp_path / "51" / "metrics.json")
    assert [found[name] for name in METRICS] == pytest.approx(numbers)


def test_real_detections(pose_cli: Cli, sample_run: Path, coco_sample: Path, tmp_path: Path) -> None:
    boxes = coco_sample / DETECTIONS
    options = ("data.val.limit=null", "--boxes", boxes, "--only-images-with-boxes", "--out", tmp_path / "ev")
    outcome = pose_cli("eval", sample_run, *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0].endswith(f"(boxes {boxes}, 4 images, 118 people)")
    found = read(tmp_path / "ev" / "metrics.json")
    assert (found["images"], found["people"]) == (4, 118)
    assert {r["image_id"] for r in read(tmp_path / "ev" / "results.json")} <= {785, 40083, 197388, 196141}


def test_real_photographs(pose_cli: Cli, sample_run: Path, coco_sample: Path, tmp_path: Path) -> None:
    boxes, names = coco_sample / DETECTIONS, ["000000000785.jpg", "000000040083.jpg"]
    photographs = [coco_sample / "images" / "val2017" / name for name in names]
    outcome = pose_cli("predict", sample_run, *photographs, "--boxes", boxes, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"48 people in 2 images (boxes: {boxes}): {tmp_path / 'out'}\n"
    records = {r["file_name"]: r for r in read(tmp_path / "out" / "predictions.json")["images"]}
    counts = {name: sum(b["image_id"] == int(Path(name).stem) for b in read(boxes)) for name in names}
    assert {name: len(record["people"]) for name, record in records.items()} == counts
    for path in photographs:
        before, after = cv2.imread(str(path)), cv2.imread(str(tmp_path / "out" / path.name))
        assert before.shape == after.shape
        assert (np.abs(before.astype(int) - after).max(axis=-1) > 40).mean() > 0.002  # the boxes, at least
