"""Detected boxes of a validation split: a list of {image_id, category_id, bbox: [x, y, width, height], score}."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.box_habits import warn_of_odd_boxes
from pose.data.boxes import read_box
from pose.data.coco import CocoFile
from pose.data.image_names import contradicts
from pose.data.json_file import read_document
from pose.data.left_out import Unusable, warn_left_out
from pose.data.people import Person
from pose.data.records import read_id
from pose.data.usage import Usage
from pose.runtime.errors import DataError

KEYS = ("image_id", "category_id", "bbox", "score")
_EXAMPLE = '{"image_id": 785, "category_id": 1, "bbox": [x, y, width, height], "score": 0.9}'
_MISSING = (
    "docs/train_on_coco.md tells where COCO's are; or take annotated boxes: "
    "data.val.boxes=gt, in `pose eval` --boxes gt"
)
UNKNOWN = "on images that are not listed"
CONTRADICTS = "whose file_name is not that of their image_id"


@dataclass(frozen=True)
class Detected:
    """The people to look for, and how many of the file's boxes these are."""

    people: list[Person]
    usage: Usage


def detected_people(
    detections: Path | str | Sequence[Any], coco: CocoFile, images_dir: Path | str, *, min_score: float = 0.0
) -> Detected:
    """List detected boxes as they are, neither clipped nor shrunk, in the file's order.

    Args:
        detections: a JSON file, or its content: a list of {image_id, category_id, bbox: [x, y, w, h], score}.
        min_score: boxes that score less are left out, as are other categories.

    Records that cannot be used are left out with a warning. Boxes that look like corners or shares of the image are
    warned of. The sizes of the images are those of `coco`; (0, 0) where it has none.

    Raises:
        FileNotFoundError: no such file.
        DataError: it is no list of records, or nothing is left.
    """
    if isinstance(detections, Path | str):
        source = str(detections)
        expected = f"expected a list of records such as {_EXAMPLE}"
        records = read_document(Path(detections), what="detections", missing=_MISSING, expected=expected)
    else:
        source, records = "detections", detections
    if not isinstance(records, list | tuple):
        raise DataError(f"{source} holds a {type(records).__name__}; detections are a list of records")
    people: list[Person] = []
    problems: list[Unusable] = []
    reasons: Counter[str] = Counter()
    for index, record in enumerate(records):
        try:
            person = _read(record, index, coco, Path(images_dir))
        except Unusable as problem:
            problems.append(problem)
            continue
        if person is None:
            reasons["of other categories"] += 1
        elif person.score < min_score:
            reasons[f"that score less than {min_score:g}"] += 1
        else:
            people.append(person)
    if not people:
        reasons.update(problem.reason for problem in problems)
        usage = Usage(len(records), 0, dict(reasons), what="boxes")
        first = f"; the first: {problems[0]}" if problems else ""
        wanted = " or ".join(map(str, coco.category_ids))
        raise DataError(
            f"{source} has no box of category {wanted} that scores at least {min_score:g} and can be used "
            f"({usage}){first}; give the detections of the images in {coco.path}"
        )
    reasons.update(warn_left_out(source, "boxes", problems, len(records), advice=""))
    sizes = np.array([coco.images[p.image_id].image_size or (np.nan, np.nan) for p in people], dtype=np.float64)
    warn_of_odd_boxes(np.array([p.box_xywh for p in people]), sizes, source)
    return Detected(people, Usage(len(records), len(people), dict(reasons), what="boxes"))


def check_file_name(record: Mapping[str, Any], where: str, image_id: int, listed: str) -> None:
    """Compare a record's own file_name, where it has one, with the one that its image_id stands for.

    Raises:
        Unusable: they are not of one image.
    """
    if contradicts(record.get("file_name"), listed):
        message = f"{where} has file_name {record['file_name']!r:.60}, but image_id {image_id} is {listed}"
        raise Unusable(CONTRADICTS, message)


def find_ids(record: Any, where: str, coco: CocoFile, *, keys: Sequence[str]) -> tuple[int, int] | None:
    """The ids of a record's image and category; None if it is of another category.

    Args:
        where: the record, for messages.
        keys: that it needs, image_id and category_id among them.
    Raises:
        Unusable: it lacks one of them, or is of an image that is not listed.
    """
    missing = [k for k in keys if not isinstance(record, Mapping) or record.get(k) is None]
    if missing:
        raise Unusable(f"without {', '.join(missing)}", f"{where} lacks {', '.join(missing)}, got {record!r:.100}")
    category_id = read_id(record["category_id"])
    if category_id is None or category_id not in coco.category_ids:
        return None
    image_id = read_id(record["image_id"])
    if image_id is None or image_id not in coco.images:
        message = f"{where} has image_id {record['image_id']!r:.40}, which {coco.path} does not list"
        raise Unusable(UNKNOWN, message)
    return image_id, category_id


def _read(record: Any, index: int, coco: CocoFile, images_dir: Path) -> Person | None:
    """Read a record; None if it is of another category.

    Raises:
        Unusable: it cannot be used.
    """
    where = f"detection {index}"
    ids = find_ids(record, where, coco, keys=KEYS)
    if ids is None:
        return None
    image_id, category_id = ids
    image = coco.images[image_id]
    check_file_name(record, where, image_id, image.file_name)
    (x, y, w, h), score = read_box(where, record)
    path, size = images_dir / image.file_name, image.image_size or (0, 0)
    return Person(index, image_id, path, (x, y, w, h), None, size, w * h, score, category_id)
