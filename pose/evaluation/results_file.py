"""Results of any program as COCO's tools take them: a list of {image_id, category_id, keypoints, score}."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.coco import CocoFile
from pose.data.detections import check_file_name, find_ids
from pose.data.json_file import read_json
from pose.data.left_out import Unusable, warn_left_out
from pose.data.records import read_number, read_numbers
from pose.data.usage import Usage
from pose.runtime.errors import DataError
from pose.runtime.text import first_few, plural

KEYS = ("image_id", "category_id", "keypoints", "score")
EXAMPLE = '{"image_id": 785, "category_id": 1, "keypoints": [x, y, score, ...], "score": 0.9}'


@dataclass(frozen=True)
class Results:
    """The records that count, and how many of the file's these are."""

    records: list[dict[str, Any]]
    usage: Usage


def read_results(path: Path, coco: CocoFile, *, num_keypoints: int) -> Results:
    """Read a results file against its annotations.

    Records of other categories are left out; those that cannot be used are left out with a warning.

    Raises:
        FileNotFoundError: no such file.
        DataError: it is no list of records, or none of them is left.
    """
    content = read_json(path, what="results", missing="check the path", expected=f"expected a list of {EXAMPLE}")
    if not isinstance(content, list):
        raise DataError(f"{path} holds a {type(content).__name__}; results are a list of {EXAMPLE}")
    records: list[dict[str, Any]] = []
    problems: list[Unusable] = []
    reasons: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for index, record in enumerate(content):
        try:
            found = _read(record, index, coco, num_keypoints)
        except Unusable as problem:
            problems.append(problem)
            continue
        if found is None:
            reasons["of other categories"] += 1
            others[str(record["category_id"])] += 1
        else:
            records.append(found)
    if not records:
        first = f"; {first_few([f'{n:,} of category {name}' for name, n in others.items()])}" if others else ""
        first += f"; the first: {problems[0]}" if problems else ""
        wanted = " or ".join(map(str, coco.category_ids))
        raise DataError(
            f"{path} has no record of category {wanted} that can be used, of {len(content)}{first}; "
            f"expected {EXAMPLE} for the images in {coco.path}"
        )
    reasons.update(warn_left_out(path, "results", problems, len(content), advice=""))
    _warn_of_habits(path, records)
    return Results(records, Usage(len(content), len(records), dict(reasons), what="results"))


def _warn_of_habits(path: Path, records: list[dict[str, Any]]) -> None:
    """Warn of what makes AP low although the keypoints were found."""
    points = np.array([record["keypoints"] for record in records]).reshape(len(records), -1, 3)[..., :2]
    found = points[points.any(axis=2)]  # (0, 0) is how many write a keypoint that they did not find
    if len(found) and (np.abs(found - 0.5).max(axis=1) <= 1).mean() > 0.95:  # some lie outside their image
        warnings.warn(
            f"{path}: keypoints lie between 0 and 1, as if divided by the image's size; results are in pixels",
            stacklevel=3,
        )
    twice = len(records) - len({(record["image_id"], *record["keypoints"]) for record in records})
    if twice:
        warnings.warn(
            f"{path}: {plural(twice, 'result')} of {len(records):,} are there twice: same image, same keypoints; "
            "each counts as a person found where nobody is",
            stacklevel=3,
        )


def _read(record: Any, index: int, coco: CocoFile, num_keypoints: int) -> dict[str, Any] | None:
    """Read a record; None if it is of another category.

    Raises:
        Unusable: it cannot be used.
    """
    where = f"result {index}"
    ids = find_ids(record, where, coco, keys=KEYS)
    if ids is None:
        return None
    image_id, category_id = ids
    check_file_name(record, where, image_id, coco.images[image_id].file_name)
    score, keypoints = read_number(record["score"]), read_numbers(record["keypoints"])
    if score is None:
        raise Unusable("without a number as score", f"{where} has score {record['score']!r:.40}")
    if keypoints is None or len(keypoints) != 3 * num_keypoints:
        got = record["keypoints"]
        what = f"{len(got)} values" if isinstance(got, list) else f"{got!r:.40}"
        message = f"{where} has {what} as keypoints; expected {3 * num_keypoints} numbers, x, y and score of each"
        raise Unusable("with other keypoints", message)
    return {"image_id": image_id, "category_id": category_id, "keypoints": keypoints.tolist(), "score": score}
