"""Which category's boxes are taken of a file, and the ids in such files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose.data.records import read_id
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.runtime.errors import DataError
from pose.runtime.text import first_few

PERSON = ("person", "persons", "people", "human", "pedestrian")  # names of categories of people


def choose_categories(path: Path, records: Sequence[Any], categories: Sequence[Any], skeleton: Skeleton) -> set[Any]:
    """Choose the ids of the category whose boxes are taken, among those that have some."""
    kinds = {as_key(r["category_id"]) for r in records if isinstance(r, dict) and is_id(r.get("category_id"))}
    listed = {as_key(c["id"]): c for c in categories if isinstance(c, dict) and is_id(c.get("id"))}
    people = skeleton.keypoint_names == COCO17.keypoint_names
    names = {i: str(c.get("name") or "") for i, c in listed.items() if i in kinds}
    named = {i for i, n in names.items() if n == skeleton.name or (people and n.lower() in PERSON)}
    posed = {i for i, c in listed.items() if i in kinds and c.get("keypoints")}
    if len(named) != 1 and posed and all(listed[i]["keypoints"] == list(skeleton.keypoint_names) for i in posed):
        return posed  # read as one in training too
    from_zero = {0, 1} <= kinds and not listed  # of a detector that counts its classes from 0, where 0 is the person
    person = {1} & kinds if people and not names.get(1) and not from_zero else set()
    wanted = named or posed or person or kinds
    if len(wanted) > 1:
        shown = [f"{i} {names[i]}" if names.get(i) else str(i) for i in sorted(wanted, key=str)]
        raise DataError(
            f"{path} has boxes of the categories {first_few(shown)}, and nothing tells which are meant; leave only "
            "those to predict" + (" (counted from 0, a person is 0; COCO's is 1)" if people and from_zero else "")
        )
    return wanted


def is_id(value: Any) -> bool:
    """Say whether a value can be an id: a text, or a number that is one."""
    return isinstance(value, str) or read_id(value) is not None


def as_key(value: Any) -> Any:
    """Read an id as a number where it is one, 785 of "785" and 785.0; other text stays."""
    number = read_id(value)
    if number is not None:
        return number
    return value if isinstance(value, str) else None
