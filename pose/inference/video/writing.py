"""Write frames as an .mp4: H.264 by PyAV where it is installed, else mp4v by OpenCV, which browsers do not play."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from pose.images.types import Image

QUALITY = "20"  # x264's crf: lower is better and larger
TIME_BASE = Fraction(1, 90_000)  # seconds; fine enough for any rate, and for a camera's clock


def h264_by() -> str | None:
    """The encoder that is used for H.264; None without PyAV or where its build has none."""
    if importlib.util.find_spec("av") is None:
        return None
    import av

    return next((name for name in ("libx264", "libopenh264") if name in av.codecs_available), None)


class VideoWriter:
    """Inside `with`, frames go into a file beside `path`, which takes its place at the end, also after an exception.

    Args:
        path: ends in .mp4.
        size: (height, width); codecs want even ones, so an odd edge is doubled.
        fps: nominal; `write` takes each frame's own time. mp4v keeps the nominal rate, so frames that are shown
            for longer are repeated there.
    Raises:
        OSError: not writable, or the disk is full.
    """

    def __init__(self, path: Path, *, size: tuple[int, int], fps: float) -> None:
        self.path, self.size, self.fps = path, size, fps
        self.part = path.with_name(f".{path.name}.part.mp4")
        self.codec = h264_by()
        self.frames = 0
        self._failed = False  # nothing more can be written
        self._last = -1
        self._written = 0  # with those that were repeated
        self._container: Any = None
        self._stream: Any = None
        self._writer: Any = None
        self._image: Any = None  # what mp4v got last

    def __enter__(self) -> VideoWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        height, width = (side + side % 2 for side in self.size)
        if self.codec is None:
            four = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self.part), four, self.fps, (width, height))
            if not self._writer.isOpened():
                raise OSError(f"cannot write {self.part}; choose another folder, or install PyAV: pip install av")
            return self
        import av

        self._container = av.open(str(self.part), "w", format="mp4", options={"movflags": "+faststart"})
        try:
            self._stream = self._container.add_stream(self.codec, rate=Fraction(self.fps).limit_denominator(60_000))
            self._stream.height, self._stream.width = height, width
            self._stream.pix_fmt = "yuv420p"  # what every player takes
            self._stream.codec_context.time_base = TIME_BASE
            if self.codec == "libx264":
                self._stream.options = {"crf": QUALITY, "preset": "veryfast"}
        except BaseException:  # then there is no __exit__
            self._container.close()
            self.part.unlink(missing_ok=True)
            raise
        return self

    def write(self, image_rgb: Image, time: float) -> None:
        """Add a frame, shown from `time` seconds on."""
        with self._named():
            self._write(image_rgb, time)

    def _write(self, image_rgb: Image, time: float) -> None:
        height, width = self.size
        even: Any = np.ascontiguousarray(image_rgb)
        if height % 2 or width % 2:
            even = cv2.copyMakeBorder(even, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        if self._writer is not None:
            self._repeat_until(time)
            self._image = cv2.cvtColor(even, cv2.COLOR_RGB2BGR, self._image)
            self._writer.write(self._image)
            self._written += 1
        else:
            import av

            # OpenCV's conversion takes a fifth of the time of the encoder's own.
            yuv: Any = cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
            self._last = max(round(time / TIME_BASE), self._last + 1)
            frame.pts, frame.time_base = self._last, TIME_BASE
            self._container.mux(self._stream.encode(frame))
        self.frames += 1  # at the end: a file without any frame does not take the place of an earlier one

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Say of errors of the system which file they are of."""
        try:
            yield
        except OSError as error:
            self._failed = True
            raise OSError(f"cannot write {self.path}: {error.strerror or error}; free some space") from None

    def _repeat_until(self, time: float) -> None:
        """Show the last frame until `time`, at the rate that mp4v has."""
        for _ in range(self._written, round(time * self.fps) if self._written else 0):
            self._writer.write(self._image)
            self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with self._named():
                self._finish()
            if self.frames and not self._failed:
                os.replace(self.part, self.path)
        except OSError:
            if error is None:  # else that one is the first, and to be heard of
                raise
        finally:
            self.part.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        if self._writer is not None:
            self._writer.release()
            # OpenCV tells nobody that a disk is full.
            if self.frames and not cv2.VideoCapture(str(self.part)).isOpened():
                raise OSError(errno.ENOSPC, "the file cannot be opened again, so the disk may be full")
        elif self._container is not None:
            if self.frames and not self._failed:  # where it failed at the header, PyAV ends the process here
                self._container.mux(self._stream.encode(None))
            self._container.close()
