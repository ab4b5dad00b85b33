"""`pose predict` on a video: frames in, drawn frames and JSON lines out."""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from pose.images.types import Image
from pose.inference.base import PredictorBase
from pose.inference.box_source import BoxSource, box_source
from pose.inference.image_loop import in_groups
from pose.inference.inputs import PredictRequest
from pose.inference.results import People, nothing_to_draw
from pose.inference.video.boxes import boxes_of_frames
from pose.inference.video.drawing import draw_tracks
from pose.inference.video.one_euro import OneEuro
from pose.inference.video.reading import VideoSource
from pose.inference.video.tracking import Tracker
from pose.inference.video.writing import VideoWriter
from pose.keypoints.skeletons import Skeleton
from pose.runtime.errors import DataError
from pose.runtime.folder_lock import lock_output
from pose.runtime.paths import portable, user_path
from pose.runtime.text import plural

FORMAT = "pose-video-1"
FRAMES_AT_ONCE = 8  # of one person each, fewer of several; of a file, as a camera's are wanted at once


@dataclass(frozen=True)
class VideoSummary:
    """What `predict_video` did.

    Attributes:
        frames: how many were written.
        missing: how many could not be read, of those that the file promises.
        tracks: how many people were told apart.
        codec: "H.264" or "mp4v".
        out, lines: the video, and the JSON lines beside it.
        boxes: "whole frame", the detector, or the file of the boxes.
        stopped: ended before the source did.
    """

    frames: int
    missing: int
    tracks: int
    frames_per_s: float
    codec: str
    out: Path
    lines: Path
    boxes: str
    stopped: bool

    def __str__(self) -> str:
        state = f", {plural(self.missing, 'frame')} unreadable" if self.missing else ""
        state += ", stopped" if self.stopped else ""
        return (
            f"{plural(self.frames, 'frame')}, {plural(self.tracks, 'track')}, {self.frames_per_s:.1f} frames/s, "
            f"{self.codec} (boxes: {self.boxes}{state}): {self.out}, {self.lines}"
        )


def predict_video(
    predictor: PredictorBase,
    source: VideoSource,
    *,
    out: Path,
    boxes: Path | str = "whole",
    threshold: float = 0.2,
    min_box_score: float = 0.0,
    smooth: bool = True,
    progress: Callable[[int, int | None, float], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> VideoSummary:
    """Find, track, smooth and draw the people of every frame.

    Args:
        source: is closed at the end.
        out: an .mp4; beside it goes out.jsonl, a header and then one line per frame. Only files of an earlier
            prediction are overwritten, and not before the first frame is done.
        boxes: "whole" takes each frame as one person, "detect" searches it by the predictor's detector; or a JSON
            file, see `read_frame_boxes`.
        threshold: keypoints that score less are not drawn, compared or smoothed; the JSON has them all.
        min_box_score: boxes that score less are left out.
        smooth: One-Euro filter on the keypoints of each track.
        progress: called with frames done, frames in all (None if unknown), frames/s.
        stop: asked after each frame; what is done by then is kept.
    Raises:
        FileNotFoundError, ValueError, OSError: boxes, targets or the source; frames written by then are kept.
    """
    out = user_path(out)
    with contextlib.closing(source):
        read = partial(boxes_of_frames, source=source, min_score=min_box_score)
        finder = box_source(predictor, boxes, what="frame", read=read, min_score=min_box_score)
        lines = _Lines(out.with_suffix(".jsonl"), _header(predictor, source, boxes=finder.label, smooth=smooth))
        _check_targets(out, lines.path, inputs=[Path(source.name), *([finder.file] if finder.file else [])])
        follow = _Followed(predictor.skeleton, threshold=threshold, smooth=smooth)
        with (
            lock_output(out.parent, name=out.name),
            VideoWriter(out, size=source.size, fps=source.fps) as writer,
            contextlib.closing(lines),
        ):
            course, stopped = _Course(source, progress), False
            for number, at, image, people, tracks in _predicted(predictor, source, finder, follow):
                writer.write(draw_tracks(image, people, tracks, threshold=threshold, boxes=boxes != "whole"), at)
                lines.write(number, at, people, tracks)
                course.step(at)
                if stopped := stop():
                    break
    finder.warn()
    follow.warn()
    return VideoSummary(
        frames=course.done,
        missing=_count_missing(source, course, stopped=stopped),
        tracks=follow.tracker.count,
        frames_per_s=course.pace,
        codec="H.264" if writer.codec else "mp4v",
        out=out,
        lines=lines.path,
        boxes=finder.label,
        stopped=stopped,
    )


class _Course:
    """How far a video is: frames done, frames/s, and the seconds at which the last two of them began."""

    def __init__(self, source: VideoSource, progress: Callable[[int, int | None, float], None] | None) -> None:
        self.source, self.progress = source, progress
        self.done, self.pace, self.started = 0, 0.0, time.monotonic()
        self.last = self.before = 0.0

    def step(self, at: float) -> None:
        self.done, self.before, self.last = self.done + 1, self.last, at
        self.pace = self.done / max(time.monotonic() - self.started, 1e-9)
        if self.progress is not None:
            self.progress(self.done, self.source.frames, self.pace)


def _predicted(
    predictor: PredictorBase, source: VideoSource, finder: BoxSource, follow: _Followed
) -> Iterator[tuple[int, float, Image, People, list[int]]]:
    """Each frame's number, time and pixels, its people and their tracks; a file's are predicted several at a time."""
    requests = (((number, at), PredictRequest(image, *finder.find(number, image))) for number, at, image in source)
    groups = ([each] for each in requests) if source.live else in_groups(requests, FRAMES_AT_ONCE)
    for group in groups:
        found = predictor.stream([request for _, request in group])
        for ((number, at), request), people in zip(group, found, strict=True):
            yield number, at, request.image, *follow(people, at)


def _count_missing(source: VideoSource, course: _Course, *, stopped: bool) -> int:
    """How many frames could not be read, or fewer there were than the file promises; warnings say so.

    Many files hold no number of frames: it is computed from their length and a rate, which frames at irregular times
    do not have. Then as many were read as there are if the last one reaches the promised length.
    """
    done = course.done + source.unreadable
    if source.unreadable:
        frames = plural(source.unreadable, "frame")
        warnings.warn(f"{source.name}: {frames} could not be read, with others after them", stacklevel=3)
    if stopped or source.frames is None or done == source.frames:
        return source.unreadable
    end = 2 * course.last - course.before  # of the last frame, if it lasts as long as the one before
    if done > source.frames or end >= (source.frames - source.late - 0.5) / source.fps:
        warnings.warn(
            f"{source.name} has {plural(done, 'frame')}; the {source.frames} of its header are an estimate",
            stacklevel=3,
        )
        return source.unreadable
    warnings.warn(
        f"{source.name} ended after {done} of its {source.frames} frames; the file may be damaged", stacklevel=3
    )
    return source.unreadable + source.frames - done


def _header(predictor: PredictorBase, source: VideoSource, *, boxes: str, smooth: bool) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "source": portable(source.name),  # the file may be handed on
        "checkpoint": portable(predictor.source),
        "boxes": portable(boxes),
        "fps": source.fps,
        "size": list(source.size),
        "flip_test": predictor.flip_test,
        "smoothed": smooth,
        "keypoint_names": list(predictor.skeleton.keypoint_names),
    }


class _Lines:
    """The JSON lines: a header, then a line for each frame. An earlier file stays until the first frame is there."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path, self.header = path, header
        self._file: TextIO | None = None

    def write(self, number: int, at: float, people: People, tracks: Sequence[int]) -> None:
        found = [{"track": track, **record} for track, record in zip(tracks, people.to_records(), strict=True)]
        line = json.dumps({"frame": number, "time": round(at, 4), "people": found}, allow_nan=False)
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8")
                self._file.write(json.dumps(self.header, allow_nan=False) + "\n")
            self._file.write(line + "\n")
            self._file.flush()  # what a crash leaves behind can be read
        except OSError as error:
            raise OSError(
                f"cannot write {self.path}: {error.strerror or error}; it has the frames before frame {number}. Free "
                "some space, or choose another folder"
            ) from None

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # on a full disk, of which `write` has told
                self._file.close()


class _Followed:
    """The people of frame after frame: their keypoints, smoothed if wanted, and the numbers of their tracks."""

    def __init__(self, skeleton: Skeleton, *, threshold: float, smooth: bool) -> None:
        self.threshold, self.smooth = threshold, smooth
        self.tracker = Tracker(skeleton.oks_sigmas, min_score=threshold)
        self.filters: dict[int, OneEuro] = {}  # by track
        self.found = self.bare = 0  # frames with people, and those of them on which nothing is drawn

    def __call__(self, people: People, at: float) -> tuple[People, list[int]]:
        tracks = self.tracker.update(
            people.boxes.astype(np.float64), people.keypoints.astype(np.float64), people.scores, at
        )
        self.found += len(people) > 0
        self.bare += nothing_to_draw(people, self.threshold)
        if not self.smooth:
            return people, tracks
        alive = self.tracker.alive
        self.filters = {track: kept for track, kept in self.filters.items() if track in alive}
        keypoints = people.keypoints.copy()
        for index, track in enumerate(tracks):
            smoothed = self.filters.setdefault(track, OneEuro())
            size = float(people.boxes[index, 2:].max())
            valid = people.scores[index] > self.threshold
            keypoints[index] = smoothed(people.keypoints[index].astype(np.float64), at, size=size, valid=valid)
        return replace(people, keypoints=keypoints), tracks

    def warn(self) -> None:
        """Say so if no keypoint is drawn on any frame."""
        if self.found and self.bare == self.found:
            warnings.warn(
                f"no keypoint of anybody scores more than {self.threshold:g} on any of "
                f"{plural(self.found, 'frame')} with people, so none is drawn; a lower threshold draws them",
                stacklevel=3,
            )


def _check_targets(out: Path, lines: Path, *, inputs: list[Path]) -> None:
    """Make sure that nothing is written over an input, or over files that are not ours."""
    if out.suffix.lower() != ".mp4":
        raise DataError(f"--out {out} is no video; name it with .mp4")
    if out.is_dir():
        raise DataError(f"--out {out} is a folder; name a file in it, e.g. {out / 'out.mp4'}")
    for target in (out, lines):
        if any(target.resolve() == path.resolve() for path in inputs):
            raise DataError(f"{target} is an input and would be overwritten; give another --out")
        if target.exists() and not _is_ours(lines):
            raise DataError(f"{target} exists and is not of an earlier prediction; give another --out")
    if not os.access(next(p for p in out.parents if p.exists()), os.W_OK):
        raise DataError(f"cannot write {out}: no permission, or a read-only disk; choose another --out")


def _is_ours(lines: Path) -> bool:
    try:
        with lines.open(encoding="utf-8") as file:
            return bool(json.loads(file.readline()).get("format") == FORMAT)
    except (OSError, ValueError, AttributeError):
        return False
