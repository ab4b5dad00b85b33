"""Messages are not the work: a stream that cannot be written goes quiet instead of ending what prints to it."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, TextIO

from pose.runtime.text import visible

READER_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # its reader has ended, its terminal is closed


class LastingStream:
    """A text stream that drops what it cannot write, and writes control characters as their escapes.

    All else is that of the stream below.

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
        if not isinstance(text, str):  # by this, libraries find out that the stream is one of text
            raise TypeError(f"expected text, got {type(text).__name__}")
        return self.write_as_it_is(visible(text, keep="\n\t"))

    def write_as_it_is(self, text: str) -> int:
        """Write colors and moves of the cursor too."""
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


class TerminalStream:
    """A stream for who draws on a terminal, with colors and moves of the cursor; it lasts too."""

    def __init__(self, stream: TextIO) -> None:
        self.lasting = stream if isinstance(stream, LastingStream) else LastingStream(stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lasting, name)

    def write(self, text: str) -> int:
        """Write the text as it is, if that is possible."""
        return self.lasting.write_as_it_is(text)
