"""The fuzzer: it sees what a command may not do, and finds nothing in some hundred damaged files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("onnxruntime")

TOOLS = Path(__file__).parents[2] / "tools"
# Each is given to the guard as if it were the command, in a folder that has secret/ in it.
DEEDS = {
    "print('fine')": "",
    "raise ValueError('no')": "traceback: ValueError: no",
    "print('Traceback (most recent call last):')": "traceback in the output",
    "sys.exit(3)": "exit code 3",
    "sys.exit(1)": "exit code 1 without a word",
    "open('../x', 'w').close()": "writes outside: open ",
    "os.mkdir('../y')": "writes outside: os.mkdir ",
    "open('inside', 'w').close()": "",
    "open('secret/file').close()": "reads outside: ",
    "cv2.imread('secret/file')": "reads outside: ",
    "os.system('true')": "os.system: ",
    "subprocess.run(['true'])": "subprocess.Popen: ",
    "socket.create_connection(('127.0.0.1', 9))": "socket.",
    "pickle.loads(b'cos\\nsystem\\n.')": "pickle.find_class: ('os', 'system')",
    "x = bytes(b'1') * (600 * 2**20)": "memory: ",
    "x = b'1' * (4 * 2**30)": "traceback: MemoryError",
    "print('error: cannot allocate 9 GB', file=sys.stderr); sys.exit(2)": "huge allocation: ",
}
GUARD = """
import os, pickle, socket, subprocess, sys
sys.path.insert(0, {tools!r})
import pose.cli.main
import cv2
from pathlib import Path
from fuzzing.guard import Guard
from fuzzing.trial import Trial
guard, here = Guard(), Path({folder!r})
for deed in {deeds!r}:
    pose.cli.main.main = lambda deed=deed: exec(deed)
    print(repr(guard.run(Trial([]), inside=here, secret=here / "secret").faults))
"""
HANG = """
import os, sys, time, argparse
sys.path.insert(0, {tools!r})
import fuzz
from fuzzing.guard import Outcome
from pathlib import Path
def run_case(guard, seeds, case, *, seed, number):
    case.mkdir()
    if number == 1:
        time.sleep(60)
    if number == 2:
        os.abort()
    return [], Outcome(0, "", "")
fuzz.run_case = run_case
options = argparse.Namespace(seed=0, timeout=1, minutes=None, keep_all=False)
for report in fuzz.run_all(None, Path({folder!r}), options, [0, 1, 2, 3]):
    print(report["number"], report["result"], report["faults"])
"""


def run(code: str, **values: object) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", code.format(tools=str(TOOLS), **values)], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_the_guard_sees_what_a_command_does(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    (folder / "secret").mkdir(parents=True)
    (folder / "secret/file").write_text("secret")
    for (deed, fault), found in zip(DEEDS.items(), run(GUARD, folder=str(folder), deeds=list(DEEDS)), strict=True):
        assert (fault in found) if fault else found == "[]", (deed, found)


def test_what_hangs_or_dies_is_a_fault_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [line for line in run(HANG, folder=str(tmp_path)) if not line.startswith("case ")]
    assert [line.split()[:2] for line in lines] == [
        *(["0", "accepted"], ["1", "fault"], ["2", "fault"], ["3", "accepted"]),
    ]
    assert "hangs" in lines[1]
    assert "died" in lines[2]


@pytest.mark.timeout(1200)  # half a minute of one core, which may have other work
@pytest.mark.parametrize("seed", [0, 1])
def test_damaged_files(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, TOOLS / "fuzz.py", "--count", "300", "--seed", str(seed), "--keep", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1100)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"300 files, seed {seed}: 0 faults" in result.stdout
    found = re.search(r"^all +300 +(\d+) +(\d+) +(\d+) +0 ", result.stdout, flags=re.MULTILINE)
    assert found
    # The damage is neither so slight that all is accepted, nor so blunt that all is refused.
    assert all(int(count) > 30 for count in found.groups()), result.stdout
