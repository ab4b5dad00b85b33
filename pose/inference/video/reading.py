"""Frames of a video file or a camera."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose.images.names import explain_missing
from pose.images.types import Image
from pose.runtime.errors import DataError
from pose.runtime.paths import user_path

FPS_LIMITS = (1.0, 480.0)  # what lies outside is not a rate but a broken header
USUAL_FPS = 30.0
MAX_UNREADABLE = 300  # frames in a row, after which a damaged file is taken to have ended
MAX_GAP = 3600.0  # seconds between two frames; more is a broken time


@dataclass
class VideoSource:
    """An open video; close it with `close`.

    Attributes:
        name: file or "camera 0", for messages and headers.
        size: (height, width) of the frames, turned upright.
        fps: frames per second, on average; 30 where the source does not say.
        frames: how many frames the file claims to hold, which may be an estimate from its length and rate; None if
            it does not say, and for cameras.
        live: whether it is a camera, whose frames are taken as they come, by the clock.
        late: how many frames the first one is late, at `fps`; an estimate of `frames` counts them too.
        unreadable: frames so far that could not be read, though later ones could.
    """

    name: str
    size: tuple[int, int]
    fps: float
    frames: int | None
    live: bool
    _capture: Any
    _first: Image
    _first_time: float = 0.0  # of the file's clock
    late: float = 0.0
    unreadable: int = 0

    def __iter__(self) -> Iterator[tuple[int, float, Image]]:
        """Give each frame's number, seconds from the first one, and pixels (H, W, 3) uint8 RGB, until the file ends.

        Frames that cannot be read keep their number; the first of them is warned of. The seconds are each frame's
        own. Where they do not rise, the rest is counted at the rate `fps`, with a warning.
        """
        started, number, at = time.monotonic(), 0, 0.0
        counted_from: tuple[int, float] | None = None  # the last frame whose own time was good
        frame: Image | None = self._first
        while frame is not None:
            yield number, at, frame
            frame, number = self._next(number + 1)
            if frame is None:
                return
            if frame.shape != self._first.shape:
                raise DataError(f"{self.name}: frame {number} has another size than the first; convert the video")
            if self.live:
                at = time.monotonic() - started
                continue
            own = _own_time(self._capture) - self._first_time
            if counted_from is None and not 0 < own - at <= MAX_GAP:
                counted_from = number - 1, at
                warnings.warn(
                    f"{self.name}: the file has no usable time of frame {number} ({own:.3f} s after {at:.3f} s); "
                    f"from there on {self.fps:g} frames/s are assumed",
                    stacklevel=2,
                )
            at = own if counted_from is None else counted_from[1] + (number - counted_from[0]) / self.fps

    def _next(self, number: int) -> tuple[Image | None, int]:
        """The next frame that can be read, from that number on, and its number; None at the end."""
        last = number if self.frames is None else min(self.frames - 1, number + MAX_UNREADABLE)
        for later in range(number, max(last, number) + 1):
            frame = _read(self._capture)
            if frame is None:
                continue
            if later > number and not self.unreadable:
                warnings.warn(
                    f"{self.name}: frame {number} cannot be read, and is left out; others like it are counted at the "
                    f"end",
                    stacklevel=3,
                )
            self.unreadable += later - number
            return frame, later
        return None, number

    def close(self) -> None:
        self._capture.release()


def open_video(path: Path) -> VideoSource:
    """Open a file.

    Raises:
        FileNotFoundError: no such file.
        DataError: not a video that can be decoded here.
    """
    path = user_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no video {path}; {explain_missing(path)}")
    capture = cv2.VideoCapture(str(path))
    frame = _read(capture) if capture.isOpened() else None
    if frame is None:
        capture.release()
        raise DataError(
            f"cannot read {path}: broken, empty, no video, or in a codec that OpenCV has not got here, as AV1 may "
            "be; expected e.g. H.264 in .mp4"
        )
    across, down = (capture.get(key) for key in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
    if across > 0 and down > 0 and across != down:
        warnings.warn(
            f"{path}: its pixels are not square ({across:g}:{down:g}); frames are taken, and drawn, as they are "
            "stored",
            stacklevel=2,
        )
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    frames = int(count) if math.isfinite(count) and 0 < count < 1e9 else None
    return _source(str(path), capture, frame, frames=frames, live=False)


def open_camera(number: int) -> VideoSource:
    """Open a camera.

    Raises:
        DataError: there is none, or it gives no image.
    """
    capture = cv2.VideoCapture(number)
    frame = _read(capture) if capture.isOpened() else None
    if frame is None:
        capture.release()
        raise DataError(f"camera {number} is not there or gives no image; try another number, or close what uses it")
    return _source(f"camera {number}", capture, frame, frames=None, live=True)


def _source(name: str, capture: Any, frame: Image, *, frames: int | None, live: bool) -> VideoSource:
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    if not FPS_LIMITS[0] <= fps <= FPS_LIMITS[1]:  # also NaN
        if not live:
            warnings.warn(
                f"{name}: its header says {fps:g} frames/s, so the times of its frames are used alone", stacklevel=3
            )
        fps, frames = USUAL_FPS, None  # the number is computed from the rate
    size = frame.shape[0], frame.shape[1]
    if live:
        return VideoSource(name, size, fps, frames, live, capture, frame)
    late = float(capture.get(cv2.CAP_PROP_PTS)) if hasattr(cv2, "CAP_PROP_PTS") else 0.0  # since OpenCV 4.11
    return VideoSource(name, size, fps, frames, live, capture, frame, _own_time(capture), max(0.0, late))


def _own_time(capture: Any) -> float:
    """Seconds of the frame that was read last, by the clock of the file."""
    return float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000


def _read(capture: Any) -> Image | None:
    try:
        done, frame = capture.read()
    except cv2.error:
        return None
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8) if done and frame is not None else None
