"""Who works in a run folder: the lock, state.json, and `pose runs`, which tells running from crashed."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pose.runtime.stop import Stopped
from pose.training.run_lock import claim_numbered_run, claim_run, is_running, lock_run
from pose.training.runs import Heartbeat, find_runs

HOLD = "import sys, pathlib; from pose.training.run_lock import lock_run; lock = lock_run(pathlib.Path(sys.argv[1]));"
HOLD += "print('held', flush=True); sys.stdin.read()"


def progress() -> dict[str, Any]:
    return {"epoch": 2, "epochs": 5, "step": 1, "steps": 3, "best": 0.25, "metric": "AP"}


def make_run(folder: Path, state: str) -> Path:
    folder.mkdir()
    (folder / "config.yaml").touch()
    (folder / "versions.json").touch()
    (folder / "state.json").write_text(json.dumps({"state": state, "heartbeat": "then", "message": "", **progress()}))
    return folder


def test_a_run_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(
        OSError, match=rf"^cannot write to {tmp_path}: .*; a run is trained in its folder, so copy it"
    ):
        lock_run(tmp_path)


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


def in_another_process(run: Path) -> str:
    """What becomes of a second one who locks the folder."""
    code = "import sys, pathlib; from pose.training.run_lock import lock_run; lock_run(pathlib.Path(sys.argv[1]))"
    return subprocess.run([sys.executable, "-c", code, run], capture_output=True, text=True, timeout=60).stderr


def test_a_lock_survives_who_looks_in_its_own_process(tmp_path: Path) -> None:
    """The system drops a lock when its process closes the file, even one that it opened only to look."""
    run = make_run(tmp_path / "run", "running")
    with lock_run(run):
        for _ in range(2):
            assert is_running(run)
            assert [found.state for found in find_runs(tmp_path)] == ["running"]
        with pytest.raises(OSError, match="another process trains in"):
            lock_run(run)
        assert "another process trains in" in in_another_process(run)
    assert not is_running(run)
    assert in_another_process(run) == ""


def test_a_claim_leaves_no_trace_of_a_run_that_did_not_begin(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    with claim_run(run):
        assert (run / ".lock").is_file()
    assert not (tmp_path / "runs").exists()
    (tmp_path / "mine").mkdir()
    claim_run(tmp_path / "mine").close()
    assert list((tmp_path / "mine").iterdir()) == []
    with claim_run(run):
        (run / "config.yaml").touch()
    assert sorted(path.name for path in run.iterdir()) == [".lock", "config.yaml"]
    with pytest.raises(ValueError, match="exists already; choose another --out, or continue it"):
        claim_run(run)


def test_runs_that_start_in_one_second_get_numbers(tmp_path: Path) -> None:
    name = tmp_path / "runs" / "a-20260101-120000"
    with claim_numbered_run(name) as first, claim_numbered_run(name) as second, claim_numbered_run(name) as third:
        names = [lock.folder.name for lock in (first, second, third)]
    assert names == [name.name, f"{name.name}-2", f"{name.name}-3"]
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_folder_that_goes_away_is_not_made_anew(tmp_path: Path, how: str) -> None:
    run, place = tmp_path / "run", tmp_path / "place"
    heart = Heartbeat(run, lock_run(run), progress=progress)
    with heart:
        pass
    assert (run / "state.json").exists()
    heart = Heartbeat(run, lock_run(run), progress=progress)
    if how == "moved":
        run.rename(place)
    else:
        shutil.rmtree(run)
    with pytest.raises(OSError, match=f"{run} was {how}") as caught:
        heart.beat(now=True)
    assert (f"was moved to {place} while it trained" if how == "moved" else "nothing is left") in str(caught.value)
    heart.__exit__(OSError, caught.value, None)
    assert not run.exists()
