"""`pose train`: streams, run folders, signals, and what is refused."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pose.checkpoints.checkpoint import load_checkpoint
from pose.training.resume import load_resume
from tests.helpers.cli import Cli, refusal
from tests.helpers.command import take_default_signals


def test_training_leaves_a_run(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    assert names >= {"config.yaml", "versions.json", "metrics.csv", "batch0.jpg", "best.safetensors", "resume.pt"}
    assert load_checkpoint(tiny_run / "last.safetensors").epoch == 2


@pytest.mark.slow
def test_streams_of_train(pose_cli: Cli, tiny_yaml: Path, tmp_path: Path) -> None:
    outcome = pose_cli(
        "train", tiny_yaml, "train.seed=5", "--out", tmp_path / "run", "--batch-size", 5, "--workers", 0
    )
    assert outcome.code == 0
    assert outcome.out == f"best AP 0.000, boxes gt: {tmp_path / 'run' / 'best.safetensors'}\n"
    lines = outcome.err.splitlines()
    assert lines[0] == f"run folder {tmp_path / 'run'}"
    assert lines.pop(1).startswith("warning: people.json is for training and for validation: ")
    assert lines[1].startswith(
        "10 people to train on (10 annotations: 10 used), 10 boxes (gt) in 10 images to evaluate "
        "(10 annotations: 10 used), "
    )
    assert re.fullmatch(
        r"epoch 1/1  loss 0\.0\d+  lr 1e-03  AP 0\.000 \(boxes gt, 10 images, 10 people\)  0:\d\d", lines[2]
    )
    assert lines[3] == f"done: 1 epoch in {lines[2].split()[-1]}, in {tmp_path / 'run'}"
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "is complete: 2 epochs (train.epochs). To go on, raise that, e.g. pose train --resume" in outcome.err
    assert outcome.out.startswith("best AP ")
    assert (tiny_run / "last.safetensors").read_bytes() == before


@pytest.mark.slow
def test_a_run_is_made_longer(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    """The same, to the bit, as one that was to be so long from the start."""
    config = tiny_run.parent / "tiny.yaml"
    longer = ("train.epochs=3", "train.milestones=[2]")
    outcome = pose_cli("train", config, *longer, "--out", tmp_path / "whole", "--workers", 0)
    assert outcome.code == 0, outcome.err
    outcome = pose_cli("train", config, "train.milestones=[2]", "--out", tmp_path / "run", "--workers", 0)
    assert outcome.code == 0, outcome.err
    outcome = pose_cli("train", "--resume", tmp_path / "run", "train.epochs=3", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "changed for the rest of the run: train.epochs=3; train.milestones stay [2]\n" in outcome.err
    ours, theirs = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("run", "whole"))
    assert (ours.epoch, ours.metrics, ours.config) == (theirs.epoch, theirs.metrics, theirs.config)
    assert all(torch.equal(ours.weights[key], theirs.weights[key]) for key in theirs.weights)
    assert "is complete: 3 epochs" in pose_cli("train", "--resume", tmp_path / "run").err


def test_new_keypoints_in_the_data_need_another_run(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    document = json.loads((tiny_dataset / "people.json").read_text())
    document["categories"][0]["keypoints"].append("tail")
    for annotation in document["annotations"]:
        annotation["keypoints"] += [20, 20, 2]
    shutil.copytree(tiny_dataset, tmp_path / "data")
    (tmp_path / "data" / "people.json").write_text(json.dumps(document))
    run = shutil.copytree(tiny_run, tmp_path / "run")
    outcome = pose_cli("train", "--resume", run, "train.epochs=3", f"data.root={tmp_path / 'data'}", "--workers", 0)
    message = refusal(outcome, "has 18 keypoints", "skeleton 'coco17' has 17")
    assert message.rstrip().endswith(f"start a new run with model.init={run}")
    assert "data.skeleton" not in message
    assert (run / "config.yaml").read_bytes() == (tiny_run / "config.yaml").read_bytes()


def start(*arguments: object, code: str = "from pose.cli.main import main; main()") -> tuple[Any, list[str]]:
    """A command as a process of its own group, and the lines of its stderr as they come."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=take_default_signals,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},  # wherever it runs
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_missing_config(pose_cli: Cli, tmp_path: Path, tiny_run: Path) -> None:
    refusal(pose_cli("train", "gone.yaml"), "error: no config file gone.yaml; the ones that come with the project")
    refusal(pose_cli("train"), "give a config file, e.g. `pose train configs/")
    refusal(pose_cli("train", tiny_run), f"--resume {tiny_run} continues a run")
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


@pytest.mark.slow
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
    refusal(
        pose_cli("train", tiny_yaml, "--resume", tiny_run),
        "--resume continues a run: give the run folder alone, no config",
    )
    message = "--resume continues a run as it was, so train.lr=1 cannot change; train.epochs, train.minutes, "
    refusal(
        pose_cli("train", "--resume", tiny_run, "train.epochs=3", "train.lr=1"), message, f"model.init={tiny_run}"
    )
    refusal(pose_cli("train", "--resume", tiny_run, "--batch-size", 2), "so train.batch_size=2 cannot change")
    refusal(
        pose_cli("train", "--resume", tiny_run, "train.epochs=x"), "train.epochs: expected a whole number, got 'x'"
    )
    assert "epochs: 2\n" in (tiny_run / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_bytes((tiny_run / "config.yaml").read_bytes())
    (tmp_path / "last.safetensors").write_bytes((tiny_run / "last.safetensors").read_bytes())
    refusal(pose_cli("train", "--resume", tmp_path), "resume.pt, but the run has trained weights; start another with")
    (tmp_path / "resume.pt").write_bytes((tiny_run / "resume.pt").read_bytes()[:5000])
    refusal(pose_cli("train", "--resume", tmp_path), "resume.pt is damaged: its length is not", "remove both")


@pytest.mark.slow
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


# Sleeps where data would be made for minutes, until it is told to go on.
SLOW_DATA = """
import pathlib, sys, time
import pose.cli.train as train
go, make = pathlib.Path(sys.argv.pop()), train.make_task
def slow(config):
    print("making data", file=sys.stderr, flush=True)
    while not go.exists():
        time.sleep(0.02)
    return make(config)
train.make_task = slow
from pose.cli.main import main
main()
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("named", [True, False])
def test_of_two_starts_each_has_its_folder(
    pose_cli: Cli, tiny_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """The first one has it from the start, before its data is there; the second one changes nothing of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda *arguments: "20260101-120000")  # one second for both
    code = "import time; time.strftime = lambda *arguments: '20260101-120000'\n" + SLOW_DATA
    out = ("--out", tmp_path / "same") if named else ()
    first = tmp_path / "same" if named else Path("runs/tiny-20260101-120000")
    process, lines = start("train", tiny_yaml, "--workers", 0, *out, tmp_path / "go", code=code)
    with ended(process):
        wait_for(lines, "making data", process)
        second = pose_cli("train", tiny_yaml, "train.seed=5", "--workers", 0, *out)
        if named:
            refusal(second, f"error: another process trains in {first}; wait for it or stop it")
        else:
            assert second.code == 0, second.err
            assert second.err.startswith(f"run folder {first}-2\n")
        (tmp_path / "go").touch()
        assert process.wait(60) == 0
    assert load_checkpoint(first).config.train.seed == 1
    if named:
        refusal(pose_cli("train", tiny_yaml, "train.seed=5", *out), f"{first} exists already; choose another --out")
    assert load_checkpoint(first).config.train.seed == 1


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_run_folder_that_goes_away_ends_the_run(pose_cli: Cli, tiny_yaml: Path, tmp_path: Path, how: str) -> None:
    run, place = tmp_path / "run", tmp_path / "place"
    many = ("train.epochs=100000", "eval.every=100000", "train.checkpoint_minutes=100")
    process, lines = start("train", tiny_yaml, *many, "--workers", 0, "--out", run)
    with ended(process):
        wait_for(lines, "epoch 1/100000", process)
        if how == "moved":
            run.rename(place)
        else:
            shutil.rmtree(run)
        assert process.wait(60) == 2
    time.sleep(0.05)  # for the thread that reads
    assert lines[-1].startswith(f"error: {run} was {how} ")
    assert not any("Traceback" in line for line in lines)
    assert not run.exists()
    if how == "moved":
        assert lines[-1].endswith(f"Go on with: pose train --resume {place}\n")
        config = yaml.safe_load((place / "config.yaml").read_text())
        config["train"]["epochs"] = load_resume(place / "resume.pt")["position"]["epoch"] + 1
        (place / "config.yaml").write_text(yaml.safe_dump(config))
        assert pose_cli("train", "--resume", place, "--workers", 0).code == 0
