"""A JSON file of boxes for the frames of a video."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pose.data.box_habits import fit_only_turned, warn_of_odd_boxes
from pose.data.boxes import Boxes, confident, read_box, read_box_records
from pose.data.left_out import Unusable, warn_left_out
from pose.data.records import read_whole
from pose.inference.video.reading import VideoSource, open_video
from pose.runtime.errors import DataError
from pose.runtime.text import plural

_EXAMPLE = '{"frame": 0, "bbox": [x, y, width, height], "score": 0.9}'


def boxes_of_frames(path: Path, source: VideoSource, *, min_score: float) -> Callable[[int], Boxes]:
    """What gives the boxes of a file by the number of the frame, from 0.

    Args:
        source: the video that they are for.
        min_score: boxes that score less are left out.
    Raises:
        FileNotFoundError, DataError: see `read_frame_boxes`; or a box is beyond the last frame.
    """
    boxes_of = read_frame_boxes(path)
    beyond = max(boxes_of)
    if source.frames is not None and beyond >= source.frames and beyond >= (count := _count_frames(source)):
        raise DataError(
            f"{path} has a box on frame {beyond}, but {source.name} has {plural(count, 'frame')}, from 0 to "
            f"{count - 1}"
        )
    boxes = np.concatenate([xywh for xywh, _ in boxes_of.values()])
    sizes = np.broadcast_to(source.size, (len(boxes), 2)).astype(np.float64)
    warn_of_odd_boxes(boxes, sizes, str(path))
    turned = fit_only_turned(boxes, sizes)
    if turned.sum() > 0.1 * len(boxes):
        height, width = source.size
        warnings.warn(
            f"{path}: {turned.sum()} of {plural(len(boxes), 'box', 'boxes')} reach out of the frames, which are "
            f"{width} x {height} as players show them, but would fit {height} x {width}; boxes are for them as shown",
            stacklevel=3,
        )
    nobody = (np.zeros((0, 4)), np.zeros(0))
    return lambda number: confident(boxes_of.get(number, nobody), min_score)


def _count_frames(source: VideoSource) -> int:
    """Count by reading all of the file: its header's number may be an estimate."""
    again = open_video(Path(source.name))
    with contextlib.closing(again), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is odd about the file is told when it is predicted
        return 1 + max(number for number, _, _ in again)


def read_frame_boxes(path: Path) -> dict[int, Boxes]:
    """By frame, counted from 0: (N, 4) xywh and (N,) scores, 1 where the file gives none.

    Records that cannot be read, and boxes of size 0, are left out with a warning.

    Raises:
        FileNotFoundError: no such file.
        DataError: it is no list of boxes, or no box is left.
    """
    records = read_box_records(path, example=_EXAMPLE)
    if not isinstance(records, list) or not records:
        raise DataError(f"{path} holds no list of boxes; for a video expected are records such as {_EXAMPLE}")
    rows: dict[int, list[list[float]]] = {}
    problems: list[Unusable] = []
    for index, record in enumerate(records):
        where = f"record {index}"
        frame = read_whole(record.get("frame")) if isinstance(record, dict) else None
        try:
            if frame is None:
                message = f"{where} needs a frame, 0 or more, got {record!r:.80}; e.g. {_EXAMPLE}"
                raise Unusable("without a frame", message)
            box, score = read_box(where, record)
        except Unusable as problem:
            problems.append(problem)
        else:
            rows.setdefault(frame, []).append([*box, score])
    warn_left_out(path, "boxes", problems, len(records), advice="")
    arrays = {frame: np.array(found, dtype=np.float64) for frame, found in rows.items()}
    return {frame: (array[:, :4], array[:, 4]) for frame, array in arrays.items()}
