"""The command itself: help, versions, signals, and errors that every command tells alike."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import pose
from pose.cli.main import app
from pose.runtime.opencv_settings import check_opencv_settings
from pose.runtime.text import shell_word
from tests.helpers.cli import Cli, refusal

COMMANDS = [
    "new",
    "train",
    "eval",
    "score",
    "predict",
    "detect",
    "runs",
    "summary",
    "demo",
    "figures",
    "convert",
    "split",
    "env",
]


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
        "convert": ["--from", "--to", "--images", "--keypoints", "--category"],
        "split": ["--val", "--seed", "--by-prefix"],
        "demo": ["--out", "--device", "--batch-size", "--workers"],
    }
    assert [option for option in wanted.get(command, []) if option not in outcome.out] == []
    assert outcome.out == pose_cli(command, "-h").out


def test_the_list_of_commands_is_not_cut_off(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = pose_cli("--help").out.split("Commands:")[1].splitlines()
    assert len(listed) > 10
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.slow
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
    assert {"python", "platform", "numpy", "albumentations", "onnxruntime", "cuda"} <= found.keys()


def test_env_of_the_install_without_pytorch(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    outcome = pose_cli("env")
    assert (outcome.code, outcome.err) == (0, "")
    assert "numpy: " in outcome.out
    assert "cuda: " not in outcome.out


def test_several_processes_are_for_training(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    refusal(pose_cli("runs"), "`pose runs` runs in one process, and here are 2 (WORLD_SIZE)", "without torchrun")
    monkeypatch.setenv("RANK", "1")
    other = pose_cli("runs")
    assert (other.code, other.out, other.err) == (0, "", "")


@pytest.mark.slow
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


@pytest.mark.slow
def test_folders_that_cannot_be_written(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, a_file: Path
) -> None:
    for out in (a_file, a_file / "sub", a_file / "sub" / "sub"):
        message = "exists already; choose another --out" if out == a_file else f"error: cannot write to {out}: "
        refusal(pose_cli("train", tiny_yaml, "--out", out), message, "choose another --out")
        refusal(pose_cli("eval", tiny_run, "--out", out), f"error: cannot write to {out}: ", "choose another --out")
        refusal(pose_cli("demo", "--out", out), f"error: cannot write to {out}: ", "choose another --out")
        outcome = pose_cli("predict", tiny_run, tiny_dataset / "images", "--out", out)
        refusal(outcome, f"--out {out} is a file; give a folder" if out == a_file else f"cannot write to {out}: ")
        refusal(pose_cli("figures", out, "--train", 1, "--val", 1), str(out))
    assert a_file.read_text() == ""


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


@pytest.mark.slow
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


def test_settings_of_opencv_are_checked_before_it_reads_them() -> None:
    """On texts only: nothing here reaches OpenCV."""
    flag, size = "OPENCV_DUMP_ERRORS", "OPENCV_IO_MAX_IMAGE_WIDTH"
    for good in ({}, {flag: "1", size: "100"}, {flag: "True", size: "5MB"}, {flag: "false", size: "7kb"}, {"x": "y"}):
        check_opencv_settings(good)
    for name, value, message in (
        (flag, "on", "expected 0 or 1: set that, or unset OPENCV_DUMP_ERRORS"),
        (flag, "", "has OPENCV_DUMP_ERRORS=''"),
        (size, "-5", "a whole number, which KB or MB may follow"),
        (size, "true", "with which OpenCV ends the process"),
        (size, "5 MB", "has OPENCV_IO_MAX_IMAGE_WIDTH='5 MB'"),
        (size, "9" * 30, "a whole number"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            check_opencv_settings({name: value})


def test_a_library_that_cannot_be_loaded(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*arguments: object) -> None:
        raise ImportError("libtorch.so: failed to map segment from shared object")

    monkeypatch.setattr("pose.runtime.versions.versions", load)
    refusal(pose_cli("env"), "error: a library cannot be loaded (libtorch.so: failed to map", "ulimit -v")


def test_a_warning_that_is_to_be_an_error(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn() -> None:
        raise UserWarning("be careful")

    monkeypatch.setattr("pose.runtime.versions.versions", warn)
    assert refusal(pose_cli("env")) == "error: be careful"


def test_commands_in_messages_quote_their_paths() -> None:
    """A folder may be called `my photos`, and what is told to type has to work as it stands."""
    commands = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    said = re.compile(rf"pose (?:{'|'.join(commands)})((?: [^`\"\n;]*)?\{{[^`\"\n;]*)")
    found = [
        path
        for file in sorted(Path(pose.__file__).parent.rglob("*.py"))
        for words in said.findall(file.read_text(encoding="utf-8"))
        for path in re.findall(r"\{([^}]*)\}", words)
    ]
    assert len(found) > 15
    assert {path for path in found if not path.startswith("shell_word(")} == {"len(folders)"}
    assert shell_word("my photos") == "'my photos'"
