"""A JSON file of boxes for the frames of a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pose.data.box_habits import warn_of_empty_boxes, warn_of_odd_boxes
from pose.data.boxes import Boxes, check_box, confident, is_empty, load_box_file
from pose.inference.video.reading import VideoSource
from pose.runtime.errors import DataError

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
    if source.frames is not None and beyond >= source.frames:
        raise DataError(
            f"{path} has a box on frame {beyond}, but {source.name} has {source.frames} frames, from 0 to "
            f"{source.frames - 1}"
        )
    boxes = np.concatenate([xywh for xywh, _ in boxes_of.values()])
    warn_of_odd_boxes(boxes, np.broadcast_to(source.size, (len(boxes), 2)).astype(np.float64), str(path))
    nobody = (np.zeros((0, 4)), np.zeros(0))
    return lambda number: confident(boxes_of.get(number, nobody), min_score)


def read_frame_boxes(path: Path) -> dict[int, Boxes]:
    """By frame, counted from 0: (N, 4) xywh and (N,) scores, 1 where the file gives none.

    Boxes of size 0 are left out with a warning.

    Raises:
        FileNotFoundError: no such file.
        DataError: a record is malformed, or all boxes are empty.
    """
    records = load_box_file(path, example=_EXAMPLE)
    if not isinstance(records, list) or not records:
        raise DataError(f"{path} holds no list of boxes; for a video expected are records such as {_EXAMPLE}")
    rows: dict[int, list[list[float]]] = {}
    empty: list[int] = []
    for index, record in enumerate(records):
        frame = record.get("frame") if isinstance(record, dict) else None
        if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
            raise DataError(f"{path}: record {index} needs a frame, 0 or more, got {record!r:.80}; e.g. {_EXAMPLE}")
        box, score = check_box(f"{path}: record {index}", record)
        if is_empty(box):
            empty.append(index)
        else:
            rows.setdefault(frame, []).append([*box, score])
    if not rows:
        raise DataError(f"no box of {path} has a width and a height; e.g. {_EXAMPLE}")
    warn_of_empty_boxes(empty, str(path))
    arrays = {frame: np.array(found, dtype=np.float64) for frame, found in rows.items()}
    return {frame: (array[:, :4], array[:, 4]) for frame, array in arrays.items()}
