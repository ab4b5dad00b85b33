"""Memory of large tensors stays with the process; in processes of their own, as the setting is for all of one."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pose.runtime.allocator import KEPT, SETTINGS, keep_freed_memory

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


def cannot_load(name: object) -> Any:
    raise OSError("Dynamic loading not supported")


@pytest.mark.parametrize(
    ("load", "kept"),
    [
        (lambda name: SimpleNamespace(mallopt=lambda what, size: int(size == KEPT)), True),
        (lambda name: SimpleNamespace(mallopt=lambda what, size: 0), False),  # a glibc that refuses so much
        (lambda name: SimpleNamespace(), False),  # musl
        (cannot_load, False),  # a Python without shared libraries
        (None, False),  # one without ctypes
    ],
)
def test_where_it_cannot_be_asked(load: Any, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command asks, so none may fail for it."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    if load is None:
        monkeypatch.setitem(sys.modules, "ctypes", None)
    else:
        monkeypatch.setattr(ctypes, "CDLL", load)
    assert keep_freed_memory() is kept
