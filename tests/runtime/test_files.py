"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pose.runtime.files import write_atomic, write_json, write_together


def refuse(error: BaseException) -> Any:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


def test_writes_and_overwrites(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file.bin"
    write_atomic(target, b"first, the longer one")
    assert target.read_bytes() == b"first, the longer one"
    write_atomic(str(target), b"second")
    assert target.read_bytes() == b"second"
    assert [p.name for p in target.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("name", ["x" * 250 + ".jpg", "\N{CJK UNIFIED IDEOGRAPH-4EBA}" * 80 + ".jpg"])
def test_names_as_long_as_they_may_be(tmp_path: Path, name: str) -> None:
    write_atomic(tmp_path / name, b"data")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    target = tmp_path / "file.bin"
    write_atomic(target, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, refuse(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match=r"cannot write .*file\.bin: No space left on device; choose another"):
            write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_files_that_belong_together_are_there_or_not(tmp_path: Path) -> None:
    files = {tmp_path / "a": b"1", tmp_path / "b": b"2", tmp_path / "a" / "no folder": b"3"}
    with pytest.raises(OSError, match=r"cannot write .*no folder: a file stands where .*; choose another folder$"):
        write_together(files)
    assert list(tmp_path.iterdir()) == []
    write_together(dict(list(files.items())[:2]))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_an_interrupt_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file.bin"
    write_atomic(target, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_a_reader_never_sees_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes are on the disk, under another name, before the name changes hands."""
    target = tmp_path / "file.bin"
    write_atomic(target, b"old")
    seen: list[tuple[bytes, bytes]] = []
    replace = os.replace

    def spy(source: str, destination: Path) -> None:
        seen.append((Path(source).read_bytes(), Path(destination).read_bytes()))
        replace(source, destination)

    monkeypatch.setattr(os, "replace", spy)
    write_atomic(target, b"new" * 100_000)
    assert seen == [(b"new" * 100_000, b"old")]


def test_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"cannot write .*/file/deep/a\.json: .*; choose another folder"):
        write_json(tmp_path / "file" / "deep" / "a.json", {})


def test_target_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*/folder: Is a directory"):
        write_atomic(tmp_path / "folder", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match=r"cannot write .*a\.json: Permission denied; choose another folder"):
            write_json(tmp_path / "a.json", {})
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, expected: int) -> None:
    """In a process of its own, as the umask is read when the module is imported."""
    code = "import sys; from pose.runtime.files import write_atomic; write_atomic(sys.argv[1], b'x')"
    target = tmp_path / "file"
    subprocess.run([sys.executable, "-c", code, str(target)], check=True, umask=umask)
    assert stat.S_IMODE(target.stat().st_mode) == expected


def test_json(tmp_path: Path) -> None:
    data = {"a": [1, 2.5, None], "ü": "x"}
    write_json(tmp_path / "a.json", data)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == data
    assert text.endswith("}\n")
    write_json(tmp_path / "a.json", data, indent=None)
    assert len((tmp_path / "a.json").read_text().splitlines()) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_other_readers_refuse(tmp_path: Path, value: float) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": value})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
