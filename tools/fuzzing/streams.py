"""Streams of messages that break: their reader ends, their terminal is closed, their disk is full."""

from __future__ import annotations

import fcntl
import io
import os
from typing import IO

KINDS = ("gone", "terminal", "full", "stuck", "none")
_PIECE = 4096  # no more than what a pipe takes at once, so that nobody has to read meanwhile


def broken_stream(kind: str, after: int) -> IO[str] | None:
    """A stream as Python makes its own, with a file of the system below it.

    Args:
        kind: "gone" is a pipe and "terminal" a terminal, whose other end is closed `after` so many bytes; "full" is a
            disk without room, "stuck" a pipe that does not wait for its reader, who never reads; "none" is what
            Python has where the stream was closed before its start.
    """
    if kind == "none":
        return None
    if kind == "full":
        raw = _Ending(os.open("/dev/full", os.O_WRONLY), None, 0)
    elif kind == "terminal":
        other, own = os.openpty()
        raw = _Ending(own, other, after)
    else:
        other, own = os.pipe()
        if kind == "stuck":
            fcntl.fcntl(own, fcntl.F_SETPIPE_SZ, _PIECE)
            os.set_blocking(own, False)
        raw = _Ending(own, None if kind == "stuck" else other, after)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", line_buffering=True)


class _Ending(io.RawIOBase):
    """Writes to a file whose other end reads with it, and is closed after so many bytes."""

    def __init__(self, own: int, other: int | None, after: int) -> None:
        self.own, self.other, self.left = own, other, after
        self._end_if_due()

    def fileno(self) -> int:
        return self.own

    def isatty(self) -> bool:
        return os.isatty(self.own)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        written = os.write(self.own, bytes(data)[:_PIECE])  # type: ignore[call-overload]
        if self.other is not None:
            os.read(self.other, 2 * _PIECE)
            self.left -= written
            self._end_if_due()
        return written

    def _end_if_due(self) -> None:
        if self.other is not None and self.left <= 0:
            os.close(self.other)
            self.other = None

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        os.close(self.own)
        if self.other is not None:
            os.close(self.other)
