"""Safe repairs of an annotation file: what the file, or its images, say without doubt.

Nothing is guessed: where two readings are possible, the entry stays as it is and the check of the result says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pose.check.columns import Split, as_id, as_list, read_split
from pose.check.findings import Findings
from pose.check.image_files import FileProbe, judge_probes, sizes_taken
from pose.check.people import far_areas, outline_areas, outline_boxes, repeats
from pose.data.records import LARGEST_ID, is_int, plain_values, read_number, read_numbers


@dataclass
class Repair:
    """The mended document.

    Attributes:
        changes: by what was done, the names of what it was done to; names may be alike, and each stands for one.
    """

    document: dict[str, Any]
    changes: dict[str, list[int | str]] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)  # by what was done, the record that it was done to last

    def did(self, what: str, name: int | str, record: dict[str, Any] | None = None) -> None:
        """Note what was done; of a record that is given, once, however often it is done in a row."""
        if record is None or self._last.get(what) != id(record):
            self.changes.setdefault(what, []).append(name)
        self._last[what] = id(record)


def repair(split: Split, found: Findings, probes: Sequence[FileProbe | None] | None) -> Repair:
    """Mend what is safe to mend; the split and its document stay as they are.

    Args:
        found: the findings of this split; what has a deeper cause is left alone.
        probes: what `probe_files` gave; None leaves the sizes.
    """
    # A copy; unlike deepcopy it follows as deep a nesting as reading did.
    result = Repair(json.loads(json.dumps(split.document)))
    _write_plainly(result)
    _repair_images(result, split, probes)
    if not isinstance(result.document.get("annotations"), list):
        return result
    _repair_entries(result, split, found)
    _join_outlines(result, _read_again(result, split))
    people = _read_again(result, split)
    keep_boxes = found.has("boxes-xyxy", split.name) or found.has("coordinates-normalized", split.name)
    outlines = outline_boxes(people.people)
    for row, a in enumerate(people.people.records):
        _repair_keypoints(result, a, people.people.names[row], people)
        if not keep_boxes:
            size, name = people.people.sizes[row], people.people.names[row]
            _repair_box(result, a, name, size=size, outline=outlines[row])
    people = _read_again(result, split)
    if not keep_boxes:
        _repair_areas(result, people)
    _drop_repeats(result, people)
    if not found.has("ids-mixed-up", split.name):  # the ids are needed to swap them back
        _renumber(result)
    return result


def _read_again(result: Repair, split: Split) -> Split:
    return read_split(split.name, split.path, result.document, images_dir=split.images_dir, skeleton=split.skeleton)


def _write_plainly(result: Repair) -> None:
    """Write numbers of another type, such as "7" or true, as what training reads them as."""
    for key in ("images", "annotations", "categories"):
        for index, record in enumerate(as_list(result.document.get(key))):
            if isinstance(record, dict) and (values := plain_values(record)):
                record.update(values)
                name = record["id"] if is_int(record.get("id")) else f"{key}[{index}]"
                result.did("numbers written as plain numbers", name)


def _repair_images(result: Repair, split: Split, probes: Sequence[FileProbe | None] | None) -> None:
    """Take sizes from the files, make ids integers, and list no image twice."""
    document = result.document
    records = [entry for entry in document["images"] if isinstance(entry, dict)]
    if probes is not None:
        judged, sizes = judge_probes(split, probes), sizes_taken(split, probes)
        for row in np.flatnonzero(judged.missing | judged.wrong).tolist():
            records[row]["height"], records[row]["width"] = map(int, sizes[row].tolist())
            result.did("image sizes taken from the files", split.images.names[row])
    fresh = _largest(as_id(record.get("id")) for record in records)
    numbers: dict[Any, int] = {}
    for row, record in enumerate(records):
        key = as_id(record.get("id"))
        if is_int(key):
            continue  # written plainly above
        if key is not None and key in numbers:
            number = numbers[key]
        else:
            fresh += 1
            number = fresh
        if key is not None:
            numbers[key] = number
        record["id"] = number
        result.did("image ids made integers", split.images.names[row] or f"images[{row}]")
    for a in as_list(document.get("annotations")):
        key = as_id(a.get("image_id")) if isinstance(a, dict) else None
        if key is not None and key in numbers:
            a["image_id"] = numbers[key]
            result.did("image_id of annotations made integers", _name(a))
    kept: list[Any] = []
    first: set[tuple[Any, Any]] = set()
    for entry in document["images"]:
        pair = (entry.get("id"), entry.get("file_name")) if isinstance(entry, dict) else None
        if pair is not None and isinstance(pair[1], str) and pair in first:
            result.did("repeated entries of images dropped", pair[1])
            continue
        if pair is not None and isinstance(pair[1], str):
            first.add(pair)
        kept.append(entry)
    document["images"] = kept


def _repair_entries(result: Repair, split: Split, found: Findings) -> None:
    """Drop what belongs to no image, and give what each annotation needs besides its numbers."""
    document = result.document
    known = {
        record.get("id") for record in document["images"] if isinstance(record, dict) and is_int(record.get("id"))
    }
    mixed = found.has("ids-mixed-up", split.name)
    kept = []
    for index, a in enumerate(document["annotations"]):
        if not isinstance(a, dict):
            result.did("annotations that are no object dropped", f"annotations[{index}]")
        elif not mixed and (not is_int(a.get("image_id")) or a["image_id"] not in known):
            result.did("annotations of unknown images dropped", _name(a))
        else:
            kept.append(a)
            if a.get("iscrowd") is None:
                a["iscrowd"] = 0
                result.did("iscrowd set to 0", _name(a))
            if a.get("category_id") is None and len(split.category_ids) == 1:
                a["category_id"] = split.category_ids[0]
                result.did("category_id set to that of the people", _name(a))
    document["annotations"] = kept


def _join_outlines(result: Repair, split: Split) -> None:
    """Put an outline that is an annotation of its own into that of its person, if this has none."""
    gone = {id(outline) for outline, _ in split.outlines}
    for outline, person in split.outlines:
        if person.get("segmentation"):
            result.did("outlines of others dropped", _name(outline))
            continue
        result.did("outlines joined to their people, with box and area", _name(outline))
        person.update({key: outline[key] for key in ("segmentation", "bbox", "area") if outline.get(key)})
    result.document["annotations"] = [a for a in result.document["annotations"] if id(a) not in gone]


def _repair_keypoints(result: Repair, a: dict[str, Any], name: int | str, split: Split) -> None:
    k = split.skeleton.num_keypoints
    points = a.get("keypoints")
    if points is None or points == []:
        a["keypoints"] = points = [0] * (3 * k)
        result.did("keypoints set to not labeled", name)
    if not isinstance(points, list) or len(points) != 3 * k:
        return
    for i in range(0, 3 * k, 3):
        x, y, v = points[i : i + 3]
        if any(read_number(n) is None for n in (x, y, v)):
            result.did("keypoints without numbers set to not labeled", name, a)
        elif v == 0 and (x != 0 or y != 0):
            result.did("coordinates of unlabeled keypoints set to 0", name, a)
        elif v > 0 and x == 0 and y == 0:
            result.did("keypoints at (0, 0) set to not labeled", name, a)
        else:
            continue
        points[i : i + 3] = [0, 0, 0]
    count = sum(v > 0 for v in points[2::3])
    if not is_int(a.get("num_keypoints")) or a["num_keypoints"] != count:
        a["num_keypoints"] = count
        result.did("num_keypoints counted", name)


def _repair_box(result: Repair, a: dict[str, Any], name: int | str, *, size: np.ndarray, outline: np.ndarray) -> None:
    """Take a box from that of the segmentation (4) where there is none, and clip it to the image."""
    box: Any = a.get("bbox")
    numbers = read_numbers(box)
    if numbers is None or len(numbers) != 4 or min(box[2:]) <= 0:
        if not np.isfinite(outline).all():
            return
        box = a["bbox"] = outline.tolist()
        result.did("boxes taken from the segmentation", name)
    if not np.isfinite(size).all():
        return
    height, width = size.tolist()
    x, y, w, h = box
    if x >= -1 and y >= -1 and x + w <= width + 1 and y + h <= height + 1:
        return
    low_x, low_y = max(0, x), max(0, y)
    high_x, high_y = min(width, x + w), min(height, y + h)
    if high_x > low_x and high_y > low_y and low_x <= width - 1 and low_y <= height - 1:
        a["bbox"] = [low_x, low_y, high_x - low_x, high_y - low_y]
        result.did("boxes clipped to their image", name)


def _repair_areas(result: Repair, split: Split) -> None:
    people = split.people
    outlines = outline_areas(people)
    with np.errstate(invalid="ignore"):
        box_areas = people.boxes[:, 2] * people.boxes[:, 3]
        wrong = (
            np.isnan(people.areas) | (people.labeled.any(axis=1) & (people.areas <= 0)) | far_areas(people, outlines)
        )
    for row in np.flatnonzero(wrong):
        a = people.records[row]
        if outlines[row] > 0:
            a["area"] = round(float(outlines[row]), 4)
            result.did("areas taken from the segmentation", people.names[row])
        elif box_areas[row] > 0:
            a["area"] = round(float(box_areas[row]), 4)
            result.did("areas set to width * height of the box", people.names[row])


def _drop_repeats(result: Repair, split: Split) -> None:
    people = split.people
    gone = {id(people.records[row]) for row in np.flatnonzero(repeats(people, keypoints=True))}
    for a in result.document["annotations"]:
        if id(a) in gone:
            result.did("people annotated twice dropped", _name(a))
    result.document["annotations"] = [a for a in result.document["annotations"] if id(a) not in gone]


def _renumber(result: Repair) -> None:
    """Give new ids after the largest where they are missing, 0, or used before; all others stay."""
    annotations = result.document["annotations"]
    fresh = _largest(a.get("id") for a in annotations)
    seen: set[int] = set()
    for a in annotations:
        number = a.get("id")
        if is_int(number) and 0 < number <= LARGEST_ID and number not in seen:
            seen.add(number)
            continue
        fresh += 1
        result.did("annotations renumbered", f"{_name(a)}, now {fresh}")
        a["id"] = fresh
        seen.add(fresh)


def _largest(ids: Iterable[Any]) -> int:
    """Find the id after which new ones are given: the largest that leaves room for them."""
    return max((i for i in ids if is_int(i) and 0 < i < LARGEST_ID // 2), default=0)


def without_nan(value: Any) -> Any:
    """Replace NaN and infinities, which are no JSON, by None."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _name(a: dict[str, Any]) -> int | str:
    number = a.get("id")
    return number if is_int(number) or (isinstance(number, str) and number) else "without id"
