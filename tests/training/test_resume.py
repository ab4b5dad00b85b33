"""resume.pt: what goes in comes out; what is torn, foreign or hostile is refused, and the one before it used."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from pose.training.resume import load_latest, load_resume, save_resume


def state(epoch: int = 3) -> dict[str, Any]:
    return {"position": {"epoch": epoch, "metrics": {}}, "model": {"w": torch.arange(5000.0)}}


def epoch_of(run: Path) -> int:
    loaded, _ = load_latest(run)
    assert loaded is not None
    return loaded["position"]["epoch"]


def test_they_come_back(tmp_path: Path) -> None:
    save_resume(tmp_path, state())
    loaded = load_resume(tmp_path / "resume.pt")
    assert loaded["position"] == state()["position"]
    assert torch.equal(loaded["model"]["w"], state()["model"]["w"])
    with pytest.raises(FileNotFoundError, match="a run has it from its first checkpoint on"):
        load_resume(tmp_path / "gone.pt")


def test_the_first_line_says_length_and_hash(tmp_path: Path) -> None:
    save_resume(tmp_path, state())
    line, body = (tmp_path / "resume.pt").read_bytes().split(b"\n", 1)
    name, length, digest = line.decode().split()
    assert (name, int(length), digest) == ("pose-resume-1", len(body), hashlib.sha256(body).hexdigest())


def test_damaged_files(tmp_path: Path) -> None:
    """Cut short, longer, one bit changed, bytes left out, or anything else."""
    path = tmp_path / "resume.pt"
    save_resume(tmp_path, state())
    good = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    damaged = [good[: len(good) * share // 10] for share in range(10)] + [b"x" * 100, good + b"\0", b"\0" * len(good)]
    for _ in range(60):
        start = int(torch.randint(len(good) - 100, (1,), generator=generator))
        flipped = bytes([good[start] ^ 1])
        damaged += [good[:start] + good[start + 60 :], good[:start] + flipped + good[start + 1 :]]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(ValueError, match="damaged") as caught:
            load_resume(path)
        assert str(caught.value).startswith(f"{path} ")
        assert "\n" not in str(caught.value)


class Attack:
    """Would make a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("signed", [False, True])
def test_nothing_in_one_can_run(tmp_path: Path, signed: bool) -> None:
    """Not even with a right first line."""
    buffer = io.BytesIO()
    torch.save({"position": Attack(tmp_path / "harm")}, buffer)
    data = buffer.getvalue()
    line = f"pose-resume-1 {len(data):020} {hashlib.sha256(data).hexdigest()}\n".encode() if signed else b""
    (tmp_path / "resume.pt").write_bytes(line + data)
    with pytest.raises(ValueError, match="no resume file"):
        load_resume(tmp_path / "resume.pt")
    assert not (tmp_path / "harm").exists()


def test_the_one_before_stays(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        save_resume(tmp_path, state(epoch))
    assert epoch_of(tmp_path) == 3
    assert load_resume(tmp_path / "resume.previous.pt")["position"]["epoch"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resume.previous.pt", "resume.pt"]


@pytest.mark.parametrize("damage", [b"", b"other", None])
def test_a_bad_one_is_moved_aside(tmp_path: Path, damage: bytes | None) -> None:
    """Torn, foreign, or cut in the middle; the one before is used, and another start does not warn again."""
    for epoch in (1, 2):
        save_resume(tmp_path, state(epoch))
    path = tmp_path / "resume.pt"
    content = path.read_bytes()[:3000] if damage is None else damage
    path.write_bytes(content)
    loaded, notice = load_latest(tmp_path)
    assert loaded is not None
    assert loaded["position"]["epoch"] == 1
    assert f"It is now {path}.bad; going on from {tmp_path / 'resume.previous.pt'}" in notice
    assert (tmp_path / "resume.pt.bad").read_bytes() == content
    assert not path.exists()
    assert epoch_of(tmp_path) == 1


def test_without_a_whole_one_nothing_moves(tmp_path: Path) -> None:
    """Starting from the beginning would overwrite the run: that is for the user to say."""
    for epoch in (1, 2):
        save_resume(tmp_path, state(epoch))
    for name in ("resume.pt", "resume.previous.pt"):
        (tmp_path / name).write_bytes(b"torn")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"No whole .*resume\.previous\.pt is there"):
            load_latest(tmp_path)
    (tmp_path / "resume.previous.pt").unlink()
    with pytest.raises(ValueError, match=r"No whole .*resume\.previous\.pt is there"):
        load_latest(tmp_path)


def test_without_any_a_run_starts_anew_unless_it_has_weights(tmp_path: Path) -> None:
    assert load_latest(tmp_path) == (None, f"{tmp_path} has no checkpoint yet; it starts from the beginning")
    (tmp_path / "last.safetensors").touch()
    with pytest.raises(FileNotFoundError, match="but the run has trained weights"):
        load_latest(tmp_path)


@pytest.mark.parametrize("failing", ["fsync", "second rename"])
def test_a_full_disk_leaves_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    for epoch in (1, 2):
        save_resume(tmp_path, state(epoch))
    replace = os.replace

    def refuse(*arguments: Any) -> None:
        if failing == "second rename" and str(arguments[1]).endswith("previous.pt"):
            return replace(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync" if failing == "fsync" else "replace", refuse)
        with pytest.raises(OSError, match=r"cannot write .*resume.pt: No space left on device"):
            save_resume(tmp_path, state(3))
    assert epoch_of(tmp_path) == 2
    assert {path.name for path in tmp_path.iterdir()} <= {"resume.pt", "resume.previous.pt"}


def seal(path: Path, data: bytes) -> Path:
    """Write it with the first line that it needs."""
    path.write_bytes(f"pose-resume-1 {len(data):020} {hashlib.sha256(data).hexdigest()}\n".encode() + data)
    return path


def test_what_grows_in_memory_is_refused(tmp_path: Path) -> None:
    """Compressed archives, and the one function left to a pickle that makes as much as it is told to."""
    small, packed = io.BytesIO(), io.BytesIO()
    torch.save({"position": {}, "x": torch.zeros(1000)}, small)
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with pytest.raises(ValueError, match="the archive is compressed"):
        load_resume(seal(tmp_path / "resume.pt", packed.getvalue()))
    for value in ({"position": bytearray(10)}, bytearray(10)):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        with pytest.raises(ValueError, match="it makes arrays of bytes"):
            load_resume(seal(tmp_path / "resume.pt", buffer.getvalue()))


@pytest.mark.parametrize("value", [[], "text", 3, None, [("a", 1)]])
def test_a_state_is_a_dict(tmp_path: Path, value: Any) -> None:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with pytest.raises(ValueError, match="is no resume file: it holds a"):
        load_resume(seal(tmp_path / "resume.pt", buffer.getvalue()))
