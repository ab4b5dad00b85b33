"""Memory of large tensors stays with the process; in processes of their own, as the setting is for all of one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pose.runtime.allocator import SETTINGS

CODE = """
import resource, sys
from pose.runtime.allocator import keep_freed_memory
kept = keep_freed_memory()
def faults():
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(100 * 2**20)[:] = b"1" * (100 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin
print(kept, faults(), faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc")
@pytest.mark.parametrize("setting", ["", *SETTINGS])
def test_freed_memory_is_used_again(setting: str) -> None:
    inherited = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    environment = {**inherited, **({setting: ""} if setting else {})}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    kept, first, second = done.stdout.split()
    assert kept == str(not setting)
    if not setting:
        assert int(second) < int(first) / 10
