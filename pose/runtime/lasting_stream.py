"""Messages are not the work: a stream that cannot be written goes quiet instead of ending what prints to it."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, TextIO

READER_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # the reader has ended, the terminal is closed, nobody listens


class LastingStream:
    """A text stream that drops what it cannot write; all else is that of the stream below.

    Attributes:
        error: why something was dropped; None if nothing was.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write the text if that is possible."""
        try:
            return self.stream.write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        """Pass on what is held back if that is possible."""
        try:
            self.stream.flush()
        except OSError as error:
            self._drop(error)

    def silence(self) -> None:
        """Send all that is written from now on, and what is still held back, to nowhere."""
        with contextlib.suppress(OSError, ValueError):  # a stream without a file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def _drop(self, error: OSError) -> None:
        self.error = self.error or error
        if error.errno in READER_GONE:  # a full disk may have room again
            self.silence()
