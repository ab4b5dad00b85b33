"""resume.pt holds all that training needs to go on, and tells by itself whether it is whole.

The first line holds the length and the SHA-256 of what follows, so that a torn or foreign file is recognized before
anything in it is used. The file before it is kept as resume.previous.pt.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

from pose.runtime.errors import CheckpointError
from pose.runtime.files import write_atomic
from pose.runtime.safe_torch import read_torch
from pose.training.learner import Learner
from pose.training.state import TrainState

NAME, PREVIOUS = "resume.pt", "resume.previous.pt"
# Keys that a resumed run may change: how long it goes on, how it is kept, and where its data lie or are broken.
CHANGEABLE = (
    "train.epochs",
    "train.minutes",
    "train.patience",
    "train.checkpoint_minutes",
    "train.max_skipped_batches",
    "train.workers",
    "eval.every",
    "data.root",
    "data.skip_unreadable",
    "data.cache",
    "data.cache_gb",
)
_MAGIC = "pose-resume-1"
_HEADER = len(f"{_MAGIC} {0:020} {'0' * 64}\n")


def save_resume(run: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain Python data to RUN/resume.pt, atomically; the file before becomes resume.previous.pt.

    Raises:
        OSError: not writable or disk full; the files are as they were.
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
        FileNotFoundError, CheckpointError: the file is missing, foreign or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; a run has it from its first checkpoint on")
    with path.open("rb") as file:
        header, size = file.read(_HEADER), path.stat().st_size - _HEADER
        if not header.startswith(_MAGIC.encode()):
            raise CheckpointError(f"{path} is no resume file of this version of `pose train`, or a damaged one")
        if header.split()[1:2] != [f"{size:020}".encode()]:
            raise CheckpointError(f"{path} is damaged: its length is not the one in its first line")
        data = file.read()
    if header != _header(data):
        raise CheckpointError(f"{path} is damaged: its content does not have the SHA-256 in its first line")
    state = read_torch(data, what="resume file", name=path)
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no resume file: it holds a {type(state).__name__}")
    return state


def load_latest(run: Path) -> tuple[dict[str, Any] | None, str]:
    """Read the newest whole state of a run; a damaged resume.pt is moved to resume.pt.bad if the one before is whole.

    Returns:
        The state, or None for a run that was killed before its first checkpoint; and a line for the user, which is
        empty if the state is that of resume.pt.
    Raises:
        FileNotFoundError, CheckpointError: there was a state, but none is whole.
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
    except CheckpointError as error:
        try:
            state = load_resume(previous)
        except (FileNotFoundError, CheckpointError):
            raise CheckpointError(
                f"{error}. No whole {previous} is there to use instead; to start from the beginning, remove both"
            ) from None
        aside = path.with_name(f"{path.name}.bad")
        os.replace(path, aside)
        return state, f"{error}. It is now {aside}; going on from {previous}, the checkpoint before"


def restore(
    run: Path, saved: dict[str, Any], learner: Learner, optimizer: torch.optim.Optimizer, *, batch_size: int
) -> TrainState:
    """Fill network and optimizer from what `load_latest` gave.

    Args:
        batch_size: of all processes together, of the steps to come.
    Returns:
        How far the run was.
    Raises:
        CheckpointError: it is of another network, optimizer or batch size.
    """
    try:
        learner.load_state_dict(saved)
        optimizer.load_state_dict(saved["optimizer"])
        state = TrainState.from_dict(saved["position"])
        if state.taken and state.batch_size not in (0, batch_size):
            raise ValueError(
                f"it is within an epoch of batches of {state.batch_size}, and they would go on with {batch_size}: "
                "train.batch_per_process needs as many processes as before until the epoch's end"
            )
        state.batch_size = batch_size
        return state
    except Exception as error:  # a forged state can make torch fail in any way
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"the checkpoint in {run} does not fit the config beside it ({reason}); was config.yaml changed? For "
            f"another network start a new run with model.init={run}"
        ) from None


def _header(data: bytes | memoryview) -> bytes:
    return f"{_MAGIC} {len(data):020} {hashlib.sha256(data).hexdigest()}\n".encode()
