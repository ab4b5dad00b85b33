"""Two commands with one --out: the second one is told before its work, and nothing of the first is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pose.inference.load import load
from pose.inference.predict_images import predict_images
from pose.runtime.files import write_json
from pose.runtime.folder_lock import is_locked, lock_output

HOLD = "import sys, pathlib; from pose.runtime.folder_lock import lock_output;"
HOLD += "lock = lock_output(pathlib.Path(sys.argv[1]), name=sys.argv[2]); print('held', flush=True); sys.stdin.read()"


@contextmanager
def held_elsewhere(folder: Path, name: str = "") -> Iterator[None]:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, folder, name], stdin=-1, stdout=-1, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.kill()
        holder.wait()


def test_one_at_a_time(tmp_path: Path) -> None:
    """By another process, which may be killed, and by another thread of this one."""
    out = tmp_path / "out"
    with held_elsewhere(out), pytest.raises(OSError, match=r"another command writes to .*out; wait for it, or give"):
        lock_output(out)
    with lock_output(out):  # the file of the killed one is there
        assert is_locked(out / ".writing")
        with pytest.raises(OSError, match="another command writes to"):
            lock_output(out)
        (out / "result").touch()
    assert [path.name for path in out.iterdir()] == ["result"]


def test_nothing_is_left_of_work_that_did_not_begin(tmp_path: Path) -> None:
    with lock_output(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_files_of_one_folder_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with lock_output(tmp_path, name="a.mp4"), lock_output(tmp_path, name="b.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_commands_with_one_place(
    pose_cli: Callable[..., Any], tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """An evaluation whose place was not chosen takes another one; all others are refused."""
    images, out = tiny_dataset / "images", tmp_path / "out"
    out.mkdir()
    with held_elsewhere(out):
        for command in (("eval", tiny_run), ("predict", tiny_run, images)):
            outcome = pose_cli(*command, "--out", out)
            assert outcome.code == 2
            assert outcome.err.splitlines()[-1] == (
                f"error: another command writes to {out}; wait for it, or give another --out"
            )
        assert [path.name for path in out.iterdir()] == [".writing"]
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.safetensors").write_bytes((tiny_run / "best.safetensors").read_bytes())
    with held_elsewhere(run / "eval-gt"):
        assert pose_cli("eval", run).code == 0
    assert json.loads((run / "eval-gt-2" / "metrics.json").read_text())["people"] == 10
    with held_elsewhere(tmp_path, "clip.mp4"):
        outcome = pose_cli("clip", tmp_path / "clip.mp4", "--frames", 1)
    assert (outcome.code, outcome.out) == (2, "")
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_writing_makes_no_locked_folder_anew(tmp_path: Path, how: str) -> None:
    """Nor one below it; other folders are made as ever."""
    out, place = tmp_path / "out", tmp_path / "place"
    with lock_output(out):
        write_json(out / "a" / "b" / "x.json", 1)
        out.rename(place) if how == "moved" else shutil.rmtree(out)
        for target in (out / "x.json", out / "a" / "x.json"):
            with pytest.raises(OSError, match=f"{out} was {how}.* while it was written to; give the same command"):
                write_json(target, 1)
        write_json(tmp_path / "other" / "x.json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", *(["place"] if how == "moved" else [])]
    write_json(out / "x.json", 1)  # the lock is gone


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_prediction_whose_folder_goes_away(tiny_run: Path, tiny_dataset: Path, tmp_path: Path, how: str) -> None:
    """It ends, and those that were done are in the place that the folder was moved to."""
    out, place = tmp_path / "out", tmp_path / "place"

    def progress(done: int, total: int) -> None:
        if done == 3:
            out.rename(place) if how == "moved" else shutil.rmtree(out)

    predictor = load(tiny_run, "cpu", flip_test=False, batch_size=1)
    end = rf"{place}/predictions.json has" if how == "moved" else f"{out} is gone, with"
    with (
        pytest.warns(UserWarning, match=f"ended early: {end} the 3 images done by then"),
        pytest.raises(OSError, match=how),
    ):
        predict_images(predictor, [tiny_dataset / "images"], out=out, progress=progress)
    assert not out.exists()
    if how == "moved":
        assert len(json.loads((place / "predictions.json").read_text())["images"]) == 3
