"""resume.pt: all that training needs to go on, in a file that says itself whether it is whole.

The first line holds the length and the SHA-256 of what follows, so that a torn or foreign file is recognised before
anything in it is believed. The file before it stays as resume.previous.pt until the next one is whole on the disk.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

from pose.runtime.files import write_atomic
from pose.runtime.safe_torch import read_torch

NAME, PREVIOUS = "resume.pt", "resume.previous.pt"
_MAGIC = "pose-resume-1"
_HEADER = len(f"{_MAGIC} {0:020} {'0' * 64}\n")


def save_resume(run: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain Python data to RUN/resume.pt, atomically; the one before becomes the previous.

    Raises:
        OSError: not writable or disk full; what was there is as it was.
    """
    buffer = io.BytesIO()
    buffer.write(bytes(_HEADER))
    torch.save(state, buffer)
    data = buffer.getbuffer()
    data[:_HEADER] = _header(data[_HEADER:])
    write_atomic(run / NAME, data, previous=run / PREVIOUS)


def load_resume(path: Path) -> dict[str, Any]:
    """Read a file that `save_resume` wrote; nothing in it can run code.

    Raises:
        FileNotFoundError, ValueError: missing, foreign or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; a run has it from its first checkpoint on")
    with path.open("rb") as file:
        header, size = file.read(_HEADER), path.stat().st_size - _HEADER
        if not header.startswith(_MAGIC.encode()):
            raise ValueError(f"{path} is no resume file of this version of `pose train`, or a damaged one")
        if header.split()[1:2] != [f"{size:020}".encode()]:
            raise ValueError(f"{path} is damaged: its length is not the one in its first line")
        data = file.read()
    if header != _header(data):
        raise ValueError(f"{path} is damaged: its content does not have the SHA-256 in its first line")
    state = read_torch(data, what="resume file", name=path)
    if not isinstance(state, dict):
        raise ValueError(f"{path} is no resume file: it holds a {type(state).__name__}")
    return state


def load_latest(run: Path) -> tuple[dict[str, Any] | None, str]:
    """The newest whole state of a run. A damaged resume.pt is moved to resume.pt.bad if the previous one is whole.

    Returns:
        The state, or None for a run that was killed before its first checkpoint; and a line for the user where it is
        not what resume.pt should give, else an empty one.
    Raises:
        FileNotFoundError, ValueError: there is no whole state, though there was one.
    """
    path, previous = run / NAME, run / PREVIOUS
    try:
        return load_resume(path), ""
    except FileNotFoundError:
        if not previous.exists():
            if (run / "last.safetensors").exists():
                raise FileNotFoundError(
                    f"no {path}, but the run has trained weights; start another with model.init={run}"
                ) from None
            return None, f"{run} has no checkpoint yet; it starts from the beginning"
        # Killed between the two renames.
        return load_resume(previous), f"no {path}; going on from {previous}, the checkpoint before"
    except ValueError as error:
        try:
            state = load_resume(previous)
        except (FileNotFoundError, ValueError):
            raise ValueError(
                f"{error}. No whole {previous} is there to use instead; to start from the beginning, remove both"
            ) from None
        aside = path.with_name(f"{path.name}.bad")
        os.replace(path, aside)
        return state, f"{error}. It is now {aside}; going on from {previous}, the checkpoint before"


def _header(data: bytes | memoryview) -> bytes:
    return f"{_MAGIC} {len(data):020} {hashlib.sha256(data).hexdigest()}\n".encode()
