"""Systems without `fcntl` and `resource`, as Windows: training, its lock, and `pose runs` there."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pose.runtime import system

# Windows' modules in the place of Linux's: `msvcrt` locks any open file, also one that is open for reading only.
WINDOWS = """
import fcntl, subprocess, sys, types  # subprocess asks for msvcrt to know where it is
from pathlib import Path
flock, ways = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
def locking(descriptor, mode, length):
    assert (mode, length) == (2, 1)
    flock(descriptor, ways)
sys.modules |= dict.fromkeys(("fcntl", "resource", "pwd", "grp", "termios"))
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking) if sys.argv.pop(1) == "locks" else None
"""
POSE = WINDOWS + "from pose.cli.main import main; main()"
HOLD = WINDOWS + "from pose.training.run_lock import lock_run; lock = lock_run(Path(sys.argv[1]));"
HOLD += "print('held', flush=True); sys.stdin.read()"


def run_pose(*arguments: object, locks: str = "locks") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", POSE, locks, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_training_as_on_windows(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    tiny_config["train"] |= {"epochs": 1, "milestones": []}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
    run = tmp_path / "run"
    done = run_pose("train", tmp_path / "tiny.yaml", "--out", run, "--workers", 0)
    assert done.returncode == 0, done.stderr
    with (run / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["memory_mb"] == ""
    assert float(row["loss"]) > 0
    assert json.loads(run_pose("runs", run, "--json").stdout)[0]["state"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize(("locks", "state"), [("locks", "running"), ("none", "crashed")])
def test_who_trains_as_on_windows(tmp_path: Path, locks: str, state: str) -> None:
    """One training at a time with `msvcrt`'s locks; without any, nothing keeps a second one away."""
    for name in ("config.yaml", "versions.json"):
        (tmp_path / name).touch()
    (tmp_path / "state.json").write_text('{"state": "running"}')
    hold = [sys.executable, "-c", HOLD, locks, tmp_path]
    holder = subprocess.Popen(hold, stdin=-1, stdout=-1, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert json.loads(run_pose("runs", tmp_path, "--json", locks=locks).stdout)[0]["state"] == state
        second = subprocess.run(hold, input="", capture_output=True, text=True, timeout=60)
        assert ("another process trains in" in second.stderr) == (state == "running")
        assert (second.returncode == 0) == (state == "crashed")
    finally:
        holder.kill()
        holder.wait()
    assert json.loads(run_pose("runs", tmp_path, "--json", locks=locks).stdout)[0]["state"] == "crashed"


def test_the_peak_of_this_process() -> None:
    """Not below what it holds now, by another way of asking."""
    now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20
    peak = system.peak_memory_mb()
    assert peak is not None
    assert now - 1 <= peak < now + 20_000  # Linux adds up both from counters that processors write back in batches


def test_the_processors_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the machine that Slurm or taskset give to it."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {5, 63}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert system.processors() == 2
    monkeypatch.delattr("os.sched_getaffinity")
    assert system.processors() == 64  # as macOS and Windows tell it


def test_the_memory_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    total = re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())
    assert total is not None
    monkeypatch.setattr(system, "control_group_limits", list)
    assert system.memory_bytes() == int(total[1]) * 1024
    monkeypatch.setattr(system, "control_group_limits", lambda: [2**63, 5 * 10**8])
    assert system.memory_bytes() == 5 * 10**8
    monkeypatch.setattr(system.resource, "getrlimit", lambda which: (4 * 10**8, -1))
    assert system.memory_bytes() == 4 * 10**8


@pytest.mark.parametrize(
    ("groups", "files", "limits"),
    [
        ("0::/", {"memory.max": "2000"}, [2000]),  # as in a container
        ("0::/a/b", {"memory.max": "3000", "a/memory.max": "2000", "a/b/memory.max": "max"}, [2000, 3000]),
        ("1:cpu:/\n4:memory:/a\n0::/", {"memory/a/memory.limit_in_bytes": "1000"}, [1000]),
        ("4:cpu,memory:/of/the/host", {"memory/memory.limit_in_bytes": "1000"}, [1000]),
        ("0::/", {}, []),
        ("", {"memory.max": "2000"}, []),
    ],
)
def test_the_limits_of_control_groups(tmp_path: Path, groups: str, files: dict[str, str], limits: list[int]) -> None:
    (tmp_path / "own").write_text(groups)
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    assert system.control_group_limits(tmp_path / "own", tmp_path / "root") == limits
    assert system.control_group_limits(tmp_path / "gone", tmp_path / "root") == []
