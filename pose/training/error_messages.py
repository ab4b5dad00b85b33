"""Explain what a system refuses to a long training: one message with the setting to change."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import cv2
import torch

from pose.runtime.distributed import lost_contact
from pose.runtime.text import resume_command
from pose.training.resume import NAME


@contextlib.contextmanager
def explained(run: Path) -> Iterator[None]:
    """Turn the failures that `explain` knows into an `OSError` with its message."""
    try:
        yield
    except (OSError, RuntimeError, MemoryError, cv2.error) as error:
        message = explain(error)
        if message is None:
            raise
        saved = f"the last checkpoint is {run / NAME}" if (run / NAME).is_file() else "there is no checkpoint yet"
        raise OSError(f"{message}; {saved}. Go on with: {resume_command(run)}") from error


def explain(error: BaseException) -> str | None:
    """The message for an error of memory, disk or loader processes; None for other errors."""
    text = str(error)
    if lost := lost_contact(error):
        return lost
    lowered = text.lower()

    def says(*parts: str) -> bool:
        return any(part in lowered for part in parts)

    if isinstance(error, torch.cuda.OutOfMemoryError):
        return (
            "the GPU's memory is full: lower train.batch_size or model.input_size, or eval.batch_size if it was "
            f"evaluating ({_first_line(text)})"
        )
    # Before the shared memory: torch also says "unable to open shared memory object ...: Too many open files".
    if says("too many open files"):
        return "too many files are open: raise the limit (ulimit -n 65536) or lower train.workers"
    # Before the next ones: a full /dev/shm also shows as "No space left" or as a worker that died of a bus error. An
    # error without a file's name is from a semaphore of the loader processes.
    nameless = isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None
    if nameless or says("shared memory", "bus error", "</torch_", "/dev/shm"):
        return (
            "the shared memory through which loader processes hand over batches (/dev/shm) is full: make it larger "
            "(docker run --shm-size=8g), or lower train.workers or train.batch_size; train.workers=0 uses none"
        )
    if isinstance(error, MemoryError) or says("allocate memory", "not enough memory", "insufficient memory"):
        return "the memory is full: lower train.workers, then train.batch_size and eval.batch_size"
    if "DataLoader worker" in text and says("killed by signal", "exited unexpectedly"):
        return (
            "a loader process died, mostly because the system's memory was full: lower train.workers or "
            f"train.batch_size; train.workers=0 has none that could die ({_first_line(text)})"
        )
    if says("no space left on device", "disk quota exceeded"):
        return _first_line(text)
    return None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0].rstrip(" .")
