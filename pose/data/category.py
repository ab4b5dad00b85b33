"""The category of a COCO file that has keypoints: which one it is, and the skeleton that it describes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose.data.records import is_int, read_id
from pose.keypoints.skeletons import Skeleton
from pose.runtime.text import did_you_mean

_EXAMPLE = '{"id": 1, "name": "dog", "keypoints": ["nose", "left_ear", "right_ear"], "skeleton": [[1, 2], [1, 3]]}'


@dataclass(frozen=True)
class Category:
    """One entry of `categories`.

    Attributes:
        keypoint_names: empty where the file does not say.
        edges: pairs of names.
    """

    id: int
    name: str
    keypoint_names: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]


def find_category(
    path: Path, categories: Any, annotations: Sequence[Any] | None, *, name: str | None = None
) -> Category | None:
    """Find the category that has keypoints.

    Args:
        path: named in messages.
        categories: the file's list; None or empty where it has none.
        annotations: they tell the category's id where `categories` does not.
        name: the category to take (`data.category`); by default the only one with keypoints.
    Returns:
        None where nothing in the file has keypoints.
    Raises:
        ValueError: several have keypoints, none is called `name`, or the entry is malformed.
    """
    if not isinstance(categories or [], list):
        raise ValueError(f"{path}: 'categories' is no list but {categories!r:.40}; expected e.g. [{_EXAMPLE}]")
    rows = [c for c in categories or [] if isinstance(c, dict)]
    listed = {i: c for c in rows if (i := read_id(c.get("id"))) is not None}
    if name is not None and listed:
        found = [c for c in listed.values() if _name(c) == name]
        if len(found) != 1:
            names = [_name(c) for c in listed.values()]
            raise ValueError(
                f"{path} has {len(found)} categories named '{name}' (data.category); {did_you_mean(name, names)}"
            )
        return _read(path, found[0])
    found = [c for c in listed.values() if c.get("keypoints")]
    if len(found) > 1:
        names = [f"'{_name(c)}'" for c in found]
        raise ValueError(
            f"{path} has keypoints in several categories, {', '.join(names)}; a model is for one: choose it by "
            f"data.category={_name(found[0])}"
        )
    if found:
        return _read(path, found[0])
    used = [read_id(a.get("category_id", 1)) for a in annotations or [] if isinstance(a, dict) and "keypoints" in a]
    ids = sorted({i for i in used if i is not None})
    if len(ids) > 1:
        raise ValueError(
            f"{path} has keypoints in several categories, {ids}, and no 'categories' that name them; a model is for "
            "one: add categories and choose one by data.category=NAME, or split the file"
        )
    return _read(path, listed.get(ids[0], {"id": ids[0]})) if ids else None


def read_category(path: Path, data: Any, *, name: str | None = None) -> Category:
    """Find the category that describes a skeleton in the content of a COCO file.

    Raises:
        ValueError: as `find_category`, or nothing names keypoints.
    """
    data = data if isinstance(data, dict) else {}
    annotations = data.get("annotations")
    found = find_category(
        path, data.get("categories"), annotations if isinstance(annotations, list) else None, name=name
    )
    if found is None or not found.keypoint_names:
        got = [str(c.get("name")) for c in data.get("categories") or [] if isinstance(c, dict)]
        raise ValueError(
            f"{path} has no category with keypoint names (categories: {', '.join(got) or 'none'}); expected one such "
            f"as {_EXAMPLE}. Add it to the file, or list data.skeleton.keypoint_names in the config"
        )
    return found


def check_names(path: Path, category: Category, skeleton: Skeleton) -> None:
    """Compare the names that a file gives its keypoints with the skeleton's, and warn of other spellings.

    Raises:
        ValueError: another number of keypoints, or the same names in another order.
    """
    names, expected = category.keypoint_names, skeleton.keypoint_names
    if not names or names == expected:
        return
    what = f"{path}: category '{category.name}'"
    fix = "set data.skeleton to from_annotations, or to the keypoints of this file"
    if len(names) != len(expected):
        raise ValueError(
            f"{what} has {len(names)} keypoints ({_listed(names)}), skeleton '{skeleton.name}' has {len(expected)} "
            f"({_listed(expected)}); {fix}"
        )
    if set(names) == set(expected):
        first = next(i for i, pair in enumerate(zip(names, expected, strict=True)) if pair[0] != pair[1])
        raise ValueError(
            f"{what} has the keypoints of skeleton '{skeleton.name}' in another order: number {first + 1} is "
            f"'{names[first]}' in the file and '{expected[first]}' in the skeleton; {fix}"
        )
    differ = [f"'{a}' for '{b}'" for a, b in zip(names, expected, strict=True) if a != b]
    warnings.warn(
        f"{what} calls {len(differ)} keypoints otherwise than skeleton '{skeleton.name}': {_listed(differ)}; they "
        "are taken in the file's order",
        stacklevel=4,
    )


def edge_fits(pair: Any, count: int) -> bool:
    """Say whether an entry of a category's skeleton joins two of its `count` keypoints."""
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(is_int(i) and 0 < i <= count for i in pair)
        and pair[0] != pair[1]
    )


def _read(path: Path, record: dict[str, Any]) -> Category:
    name = _name(record)
    names, pairs = record.get("keypoints") or [], record.get("skeleton") or []
    where = f"{path}: category '{name}'"
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        raise ValueError(f"{where} has keypoints {names!r:.80}; expected a list of names, e.g. {_EXAMPLE}")
    count = len(names)
    edges: list[tuple[str, str]] = []
    left_out: list[Any] = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if edge_fits(pair, count):
            edges.append((names[pair[0] - 1], names[pair[1] - 1]))
        else:
            left_out.append(pair)
    if left_out:
        warnings.warn(
            f"{where}: {len(left_out)} edges of its skeleton are left out, e.g. {left_out[0]!r:.80}; expected two "
            f"numbers from 1 to {count}, which count its keypoints from 1 (edges are only drawn)",
            stacklevel=4,
        )
    number = read_id(record["id"])
    assert number is not None  # it was read to find the record
    return Category(number, name, tuple(names), tuple(edges))


def _name(record: dict[str, Any]) -> str:
    return str(record.get("name", record["id"]))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
