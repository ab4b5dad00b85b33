"""A JSON file of boxes for the frames of a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose.data.boxes import Boxes, check_box, load_box_file

_EXAMPLE = '{"frame": 0, "bbox": [x, y, width, height], "score": 0.9}'


def read_frame_boxes(path: Path) -> dict[int, Boxes]:
    """By frame, counted from 0: (N, 4) xywh and (N,) scores, 1 where the file gives none.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a record is malformed.
    """
    records = load_box_file(path, example=_EXAMPLE)
    if not isinstance(records, list) or not records:
        raise ValueError(f"{path} holds no list of boxes; for a video expected are records such as {_EXAMPLE}")
    rows: dict[int, list[list[float]]] = {}
    for index, record in enumerate(records):
        frame = record.get("frame") if isinstance(record, dict) else None
        if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
            raise ValueError(f"{path}: record {index} needs a frame, 0 or more, got {record!r:.80}; e.g. {_EXAMPLE}")
        box, score = check_box(f"{path}: record {index}", record)
        rows.setdefault(frame, []).append([*box, score])
    arrays = {frame: np.array(found, dtype=np.float64) for frame, found in rows.items()}
    return {frame: (array[:, :4], array[:, 4]) for frame, array in arrays.items()}
