"""`pose predict` on a video: frames in, drawn frames and JSON lines out."""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose.data.boxes import confident
from pose.inference.base import PredictorBase
from pose.inference.inputs import whole_box
from pose.inference.results import People
from pose.inference.video.boxes import read_frame_boxes
from pose.inference.video.drawing import draw_tracks
from pose.inference.video.one_euro import OneEuro
from pose.inference.video.reading import VideoSource
from pose.inference.video.tracking import Tracker
from pose.inference.video.writing import VideoWriter

FORMAT = "pose-video-1"


@dataclass(frozen=True)
class VideoSummary:
    """What `predict_video` did.

    Attributes:
        frames: written.
        tracks: people told apart.
        codec: "H.264" or "mp4v".
        out, lines: the video, and the JSON lines beside it.
        boxes: "whole frame", the detector, or the file of the boxes.
        stopped: ended before the source did.
    """

    frames: int
    tracks: int
    frames_per_s: float
    codec: str
    out: Path
    lines: Path
    boxes: str
    stopped: bool

    def __str__(self) -> str:
        state = ", stopped" if self.stopped else ""
        return (
            f"{self.frames} frames, {self.tracks} tracks, {self.frames_per_s:.1f} frames/s, {self.codec} "
            f"(boxes: {self.boxes}{state}): {self.out}, {self.lines}"
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
        out: an .mp4; beside it goes out.jsonl, a header and then a line a frame. Only files of an earlier prediction
            are overwritten.
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
    whole, detect = str(boxes) == "whole", str(boxes) == "detect"
    from_file = not whole and not detect
    lines = out.with_suffix(".jsonl")
    with contextlib.closing(source):
        boxes_of = read_frame_boxes(Path(boxes)) if from_file else {}
        _check_targets(out, lines, inputs=[Path(source.name), *([Path(boxes)] if from_file else [])])
        beyond = max(boxes_of, default=-1)
        if source.frames is not None and beyond >= source.frames:
            raise ValueError(
                f"{boxes} has a box on frame {beyond}, but {source.name} has {source.frames} frames, from 0 to "
                f"{source.frames - 1}"
            )
        if whole:
            warnings.warn(
                "each whole frame is taken as one person; for several give --boxes detect or FILE", stacklevel=2
            )
        detector = predictor.detector if detect else None
        tracker = Tracker(predictor.skeleton.oks_sigmas, min_score=threshold)
        filters: dict[int, OneEuro] = {}
        number, numbers, stopped, pace = 0, set(), False, 0.0
        started = time.monotonic()
        nobody = (np.zeros((0, 4)), np.zeros(0))
        header = {
            "format": FORMAT,
            "source": source.name,
            "checkpoint": predictor.source,
            "boxes": "whole frame" if whole else f"found by {detector.name}" if detector else str(boxes),
            "fps": source.fps,
            "size": list(source.size),
            "flip_test": predictor.flip_test,
            "smoothed": smooth,
            "keypoint_names": list(predictor.skeleton.keypoint_names),
        }
        with VideoWriter(out, size=source.size, fps=source.fps) as writer, lines.open("w", encoding="utf-8") as file:
            file.write(json.dumps(header) + "\n")
            for at, image in source:
                if whole:
                    xywh, scores = whole_box(image), np.ones(1)
                else:
                    boxes_here = detector([image])[0] if detector else boxes_of.get(number, nobody)
                    xywh, scores = confident(boxes_here, min_box_score)
                people = predictor.predict(image, xywh, box_scores=scores)
                tracks = tracker.update(xywh, people.keypoints.astype(np.float64), people.scores, at)
                if smooth:
                    people = _smoothed(people, tracks, filters, at, threshold)
                writer.write(draw_tracks(image, people, tracks, threshold=threshold, boxes=not whole), at)
                found = [{"track": t, **r} for t, r in zip(tracks, people.to_records(), strict=True)]
                line = {"frame": number, "time": round(at, 4), "people": found}
                file.write(json.dumps(line) + "\n")
                file.flush()  # what a crash leaves behind can be read
                number += 1
                numbers.update(tracks)
                pace = number / max(time.monotonic() - started, 1e-9)
                if progress is not None:
                    progress(number, source.frames, pace)
                if stop():
                    stopped = True
                    break
    if not stopped and source.frames is not None and number < 0.9 * source.frames:
        warnings.warn(
            f"{source.name} ended after {number} of its {source.frames} frames; the file may be damaged", stacklevel=2
        )
    codec = "H.264" if writer.codec else "mp4v"
    return VideoSummary(number, len(numbers), pace, codec, out, lines, str(header["boxes"]), stopped)


def _smoothed(people: People, tracks: list[int], filters: dict[int, OneEuro], at: float, threshold: float) -> People:
    keypoints = people.keypoints.copy()
    for index, track in enumerate(tracks):
        one = filters.setdefault(track, OneEuro())
        size = float(people.boxes[index, 2:].max())
        valid = people.scores[index] > threshold
        keypoints[index] = one(people.keypoints[index].astype(np.float64), at, size=size, valid=valid)
    return replace(people, keypoints=keypoints)


def _check_targets(out: Path, lines: Path, *, inputs: list[Path]) -> None:
    """Make sure that nothing is written over an input, or over files that are not ours."""
    if out.suffix.lower() != ".mp4":
        raise ValueError(f"--out {out} is no video; name it with .mp4")
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder; name a file in it, e.g. {out / 'out.mp4'}")
    for target in (out, lines):
        if any(target.resolve() == path.resolve() for path in inputs):
            raise ValueError(f"{target} is an input and would be overwritten; give another --out")
        if target.exists() and not _is_ours(lines):
            raise ValueError(f"{target} exists and is not of an earlier prediction; give another --out")
    if not os.access(next(p for p in out.parents if p.exists()), os.W_OK):
        raise ValueError(f"cannot write {out}: no permission; choose another --out")


def _is_ours(lines: Path) -> bool:
    try:
        with lines.open(encoding="utf-8") as file:
            return bool(json.loads(file.readline()).get("format") == FORMAT)
    except (OSError, ValueError, AttributeError):
        return False
