"""A JSON file of boxes for the frames of a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.boxes import Boxes

_EXAMPLE = '{"frame": 0, "bbox": [x, y, width, height], "score": 0.9}'


def read_frame_boxes(path: Path) -> dict[int, Boxes]:
    """By frame, counted from 0: (N, 4) xywh and (N,) scores, 1 where the file gives none.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a record is malformed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no boxes {path}; give a JSON file of boxes, or 'whole'")
    try:
        records = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); expected a list of records such as {_EXAMPLE}") from None
    if not isinstance(records, list) or not records:
        raise ValueError(f"{path} holds no list of boxes; for a video expected are records such as {_EXAMPLE}")
    rows: dict[int, list[list[float]]] = {}
    for index, record in enumerate(records):
        frame = record.get("frame") if isinstance(record, dict) else None
        if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
            raise ValueError(f"{path}: record {index} needs a frame, 0 or more, got {record!r:.80}; e.g. {_EXAMPLE}")
        box, score = record.get("bbox"), record.get("score", 1.0)
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)) or min(box[2:]) <= 0:
            raise ValueError(
                f"{path}: record {index} has bbox {box!r:.80}; expected [x, y, width, height] in pixels, width and "
                f"height positive"
            )
        if not _is_number(score):
            raise ValueError(f"{path}: record {index} has score {score!r:.40}; expected a number, or none for 1")
        rows.setdefault(frame, []).append([*map(float, box), float(score)])
    arrays = {frame: np.array(found, dtype=np.float64) for frame, found in rows.items()}
    return {frame: (array[:, :4], array[:, 4]) for frame, array in arrays.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
