"""Who works in a run folder: the lock, state.json, and `pose runs`, which tells running from crashed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pose.runtime.stop import Stopped
from pose.training.runs import Heartbeat, find_runs, is_running, lock_run

HOLD = "import sys, pathlib; from pose.training.runs import lock_run; lock = lock_run(pathlib.Path(sys.argv[1]));"
HOLD += "print('held', flush=True); sys.stdin.read()"


def progress() -> dict[str, Any]:
    return {"epoch": 2, "epochs": 5, "step": 1, "steps": 3, "best": 0.25, "metric": "AP"}


def make_run(folder: Path, state: str) -> Path:
    folder.mkdir()
    (folder / "config.yaml").touch()
    (folder / "versions.json").touch()
    (folder / "state.json").write_text(json.dumps({"state": state, "heartbeat": "then", "message": "", **progress()}))
    return folder


def test_one_training_at_a_time(tmp_path: Path) -> None:
    """And a killed one gives the folder free, whatever state.json says."""
    run = make_run(tmp_path / "run", "running")
    assert find_runs(run)[0].state == "crashed"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, run], stdin=-1, stdout=-1, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_running(run)
        assert find_runs(tmp_path)[0].state == "running"
        with pytest.raises(OSError, match=r"another process trains in .*run; wait for it or stop it"):
            lock_run(run)
    finally:
        holder.kill()
        holder.wait()
    assert find_runs(run)[0].state == "crashed"
    lock_run(run).close()


def test_locking_removes_unfinished_files(tmp_path: Path) -> None:
    for name in (".resume.pt.abc.part", ".last.safetensors.x.part", "kept.part", ".kept"):
        (tmp_path / name).touch()
    lock_run(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".kept", ".lock", "kept.part"]


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, "done"), (Stopped(15), "stopped"), (KeyboardInterrupt(), "stopped"), (ValueError("too bad"), "failed")],
)
def test_the_end_is_written(tmp_path: Path, error: BaseException | None, state: str) -> None:
    def read() -> dict[str, Any]:
        return json.loads((tmp_path / "state.json").read_text())

    heart = Heartbeat(tmp_path, lock_run(tmp_path), progress=progress)
    with contextlib.suppress(Stopped, KeyboardInterrupt, ValueError), heart:
        assert read()["state"] == "running"
        (tmp_path / "state.json").unlink()
        heart.beat()
        assert not (tmp_path / "state.json").exists()  # too soon
        heart.beat(now=True)
        assert read().items() >= {**progress(), "state": "running"}.items()
        if error is not None:
            raise error
    assert (read()["state"], read()["message"]) == (state, str(error or ""))


def test_the_command(pose_cli: Callable[..., Any], tmp_path: Path) -> None:
    runs = {state: make_run(tmp_path / state, state) for state in ("done", "stopped", "failed", "running")}
    old = make_run(tmp_path / "old", "x")
    (old / "state.json").write_text("torn{")
    (tmp_path / "no_run").mkdir()
    outcome = pose_cli("runs", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines()]
    assert [str(runs["done"]), "done", "2/5", "AP", "0.250", "then"] in lines
    assert [str(runs["running"]), "crashed", "2/5", "AP", "0.250", "then"] in lines
    assert [str(old), "unknown"] in lines
    commands = [line.strip() for line in outcome.out.splitlines() if "--resume" in line]
    assert commands == [f"pose train --resume {tmp_path / n}" for n in ("failed", "old", "running", "stopped")]
    listed = json.loads(pose_cli("runs", tmp_path, "--json").out)
    assert [run["state"] for run in listed] == ["done", "failed", "unknown", "crashed", "stopped"]
    assert listed[0] == {
        **{"run": str(runs["done"]), "state": "done", "epoch": 2, "epochs": 5, "best": 0.25, "metric": "AP"},
        **{"heartbeat": "then", "message": "", "resume": None},
    }
    assert pose_cli("runs", tmp_path / "no_run").out == f"no runs in {tmp_path / 'no_run'}\n"
    assert "no folder" in pose_cli("runs", tmp_path / "gone").err


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, '{"state":' * 2000])
def test_a_state_that_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    run = make_run(tmp_path / "run", "done")
    (run / "state.json").write_text(text)
    assert find_runs(run)[0].state == "unknown"
