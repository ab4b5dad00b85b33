"""Real kills, signals, a full disk and refused memory: what is left, and that the end is the same to the bit."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pose.checkpoints.checkpoint import load_checkpoint
from pose.data.dataset import PeopleDataset
from pose.training.error_messages import explain
from pose.training.resume import load_resume
from tests.helpers.command import Outcome, call_pose, take_default_signals
from tests.helpers.running import stop_in_step
from tests.helpers.tiny import make_tiny_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TIMES = ("images_per_s", "data_wait", "seconds", "time", "memory_mb")

# At its n-th call, a function ends the process as the system's out-of-memory killer would.
DYING = """
import os, signal, sys
from pose.training.trainer import Trainer
from pose.cli.main import main
deadly, where = sys.argv.pop(), sys.argv.pop()
owner, name = (os, "replace") if where == "replace" else (Trainer, "train_step")
real, count = getattr(owner, name), 0
def dying(*arguments):
    global count
    if name == "train_step" or str(arguments[1]).endswith("resume.pt"):
        count += 1
        if count == int(deadly):
            os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(owner, name, dying)
main()
"""


@pytest.fixture(scope="module")
def settings(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config of three epochs of three steps, with a checkpoint after each step."""
    config = make_tiny_config(tiny_dataset)
    config["train"]["checkpoint_minutes"] = 0
    path = tmp_path_factory.mktemp("settings") / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def whole(settings: Path) -> Path:
    """The run of `settings` that nothing disturbed."""
    assert call_pose("train", settings, "--out", settings.parent / "whole", "--workers", 0).code == 0
    return settings.parent / "whole"


def die(*arguments: object, at: str, count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING, *map(str, arguments), at, str(count)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def position(run: Path, name: str = "resume.pt") -> tuple[int, int]:
    found = load_resume(run / name)["position"]
    return found["epoch"], found["step"]


def table(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


@pytest.mark.timeout(300)
def test_kills_change_nothing(settings: Path, whole: Path, tmp_path: Path) -> None:
    """In the first step, in the middle of an epoch, and between the two renames of a checkpoint."""
    run = tmp_path / "run"
    die("train", settings, "--out", run, "--workers", 0, at="step", count=1)
    assert not (run / "resume.pt").exists()
    outcome = call_pose("runs", run)
    assert [line.split()[1:3] for line in outcome.out.splitlines()[1:2]] == [["crashed", "0/3"]]
    assert f"pose train --resume {run}" in outcome.out

    die("train", "--resume", run, "--workers", 0, at="step", count=6)
    assert position(run) == (1, 2)  # five steps of three an epoch
    (run / ".last.safetensors.torn.part").touch()
    die("train", "--resume", run, "--workers", 0, at="replace", count=2)
    assert not (run / "resume.pt").exists()
    assert position(run, "resume.previous.pt") == (1, 3)

    outcome = call_pose("train", "--resume", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "resume.pt; going on from" in outcome.err
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = load_checkpoint(run / name), load_checkpoint(whole / name)
        assert all(torch.equal(ours.weights[key], theirs.weights[key]) for key in theirs.weights)
        assert (ours.epoch, ours.metrics) == (theirs.epoch, theirs.metrics)
    assert table(run) == table(whole)
    assert not list(run.glob(".*.part"))
    assert json.loads((run / "state.json").read_text())["state"] == "done"


def test_a_torn_checkpoint_changes_nothing(
    settings: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    stop_in_step(monkeypatch, 5, signal.SIGINT)
    assert call_pose("train", settings, "--out", run, "--workers", 0).code == 130
    monkeypatch.undo()
    (run / "resume.pt").write_bytes((run / "resume.pt").read_bytes()[:-1])
    outcome = call_pose("train", "--resume", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    warning = f"warning: {run / 'resume.pt'} is damaged: its length is not the one in its first line. It is now "
    assert warning + f"{run / 'resume.pt.bad'}; going on from" in outcome.err
    ours, theirs = (load_checkpoint(place / "last.safetensors").weights for place in (run, whole))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert table(run) == table(whole)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_leave_a_checkpoint_and_their_code(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: signal.Signals, code: int
) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))  # no checkpoint within the first ten minutes
    stop_in_step(monkeypatch, 2, signum)
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored, as a training should do
    try:
        outcome = call_pose("train", tmp_path / "tiny.yaml", "--out", tmp_path / "run", "--workers", 0)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert outcome.code == code
    assert position(tmp_path / "run") == (0, 2)
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    assert (state["state"], state["step"], state["message"]) == ("stopped", 2, f"stopped by {signum.name}")
    assert "done:" not in outcome.err


@pytest.mark.timeout(180)
def test_sigterm_to_the_whole_group(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    """As a cluster's scheduler sends it: loader processes live until the trainer has saved, and no longer."""
    tiny_config["train"]["epochs"] = 100_000
    tiny_config["eval"]["every"] = 100_000
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
    process = subprocess.Popen(
        [sys.executable, "-m", "pose", "train", tmp_path / "tiny.yaml", "--out", tmp_path / "run", "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=take_default_signals,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("epoch 1/"):
                os.killpg(process.pid, signal.SIGTERM)
                break
        rest = process.stderr.read()
        assert process.wait(60) == 143, lines
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
            left = True
        except ProcessLookupError:
            left = False
        process.wait()
    assert not left  # no loader process outlives the trainer
    assert "Traceback" not in rest
    assert rest.endswith(f"everything is saved. Go on with: pose train --resume {tmp_path / 'run'}\n")
    assert position(tmp_path / "run")[0] >= 1


def full_disk(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """No room for resume.pt from its n-th writing on."""
    fdopen, count = os.fdopen, 0

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Any:
            self.file.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self.file.__exit__(*error)

        def write(self, data: Any) -> None:
            self.file.write(bytes(data[:1000]))
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(descriptor: int, *arguments: Any) -> Any:
        nonlocal count
        file = fdopen(descriptor, *arguments)
        if ".resume.pt." not in os.readlink(f"/proc/self/fd/{descriptor}"):
            return file
        count += 1
        return file if count <= after else Full(file)

    monkeypatch.setattr(os, "fdopen", opened)


def test_a_full_disk_stops_with_a_whole_checkpoint(
    settings: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    full_disk(monkeypatch, after=4)
    outcome = call_pose("train", settings, "--out", run, "--workers", 0)
    assert outcome.code == 2
    (message,) = [line for line in outcome.err.splitlines() if "error" in line]
    assert message == (
        f"error: cannot write {run / 'resume.pt'}: No space left on device; choose another folder or free some space"
        f"; the last checkpoint is {run / 'resume.pt'}. Go on with: pose train --resume {run}"
    )
    monkeypatch.undo()
    assert position(run) == (0, 3)
    assert not list(run.glob(".*.part"))
    assert json.loads((run / "state.json").read_text())["state"] == "failed"
    assert call_pose("train", "--resume", run, "--workers", 0).code == 0
    assert table(run) == table(whole)


WORKER = "DataLoader worker (pid 12) is killed by signal: "


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
            "lower train.batch_size or model",
        ),
        (MemoryError(), "the memory is full: lower train.workers"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "the memory is full"),
        (RuntimeError(WORKER + "Killed. "), "a loader process died, mostly because the system's memory was full"),
        (RuntimeError("DataLoader worker (pid(s) 12, 13) exited unexpectedly"), "a loader process died"),
        (
            RuntimeError(WORKER + "Bus error. It is possible that dataloader's workers are out of shared memory"),
            "/dev/shm",
        ),
        (RuntimeError("unable to write to file </torch_12_3>: No space left on device (28)"), "/dev/shm"),
        (OSError(errno.ENOSPC, "No space left on device"), "/dev/shm"),
        (OSError(errno.ENOSPC, "No space left on device", "run/x"), "No space left on device: 'run/x'"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (
            RuntimeError(
                "unable to open shared memory object </torch_1_2_3> in read-write mode: Too many open files (24)"
            ),
            "ulimit -n",
        ),
        (OSError("cannot write run/resume.pt: No space left on device; free some"), "cannot write run/resume.pt"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (FileNotFoundError("no image x"), None),
    ],
)
def test_what_the_system_refuses_is_said_with_the_setting(error: BaseException, wanted: str | None) -> None:
    message = explain(error)
    assert message is None if wanted is None else wanted in (message or "")


@pytest.mark.timeout(120)
def test_a_loader_process_that_dies(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(self: Any, item: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(PeopleDataset, "__getitem__", dying)
    outcome: Outcome = call_pose("train", settings, "--out", tmp_path / "run", "--workers", 1)
    assert outcome.code == 2
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "a loader process died" in errors[0]
    assert f"there is no checkpoint yet. Go on with: pose train --resume {tmp_path / 'run'}" in errors[0]


def test_shared_memory_without_room(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader process says so, and training does not wait for the batch for ever."""

    def no_room(self: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(
            "unable to allocate shared memory(shm) for file </torch_12_3>: No space left on device (28)"
        )

    monkeypatch.setattr(torch.Tensor, "share_memory_", no_room)
    outcome = call_pose("train", settings, "--out", tmp_path / "run", "--workers", 1)
    assert outcome.code == 2
    assert (
        "error: the shared memory through which loader processes hand over batches (/dev/shm) is full" in outcome.err
    )
    assert call_pose("train", settings, "--out", tmp_path / "other", "--workers", 0).code == 0


# Ends as the program does, with its own exit; the first image is broken, or the loader process is killed.
ENDING = """
import os, signal, sys
from pose.cli.main import main
from pose.data.dataset import PeopleDataset
if sys.argv.pop() == "killed":
    PeopleDataset.__getitem__ = lambda self, item: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("what", "message"), [("broken", "cannot read"), ("killed", "a loader process died")])
def test_an_error_ends_the_loader_processes_too(
    tiny_config: dict[str, Any], tmp_path: Path, what: str, message: str
) -> None:
    root = tmp_path / "data"
    shutil.copytree(tiny_config["data"]["root"], root)
    tiny_config["data"]["root"] = str(root)
    if what == "broken":
        (root / "images" / "000001.png").write_bytes(b"no image")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
    command = [sys.executable, "-c", ENDING, "train", tmp_path / "tiny.yaml", "--out", tmp_path / "run", "--workers"]
    process = subprocess.Popen(
        [*command, "2", what],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        _, errors = process.communicate(timeout=150)
        assert process.returncode == 2, errors
        assert errors.splitlines()[-1].startswith("error: ")
        assert message in errors.splitlines()[-1]
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.timeout(300)
def test_the_soak(tmp_path: Path) -> None:
    """Its small size; docs/reliability.md has the figures of more kills."""
    soak = [sys.executable, ROOT / "tools" / "soak.py", "--kills", "3", "--people", "8", "--epochs", "3"]
    done = subprocess.run(
        [*soak, "--keep", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, seed 0" in done.stdout
    assert "tracebacks: 0" in done.stdout
