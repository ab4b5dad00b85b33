"""The category of a COCO file that has keypoints: which one it is, and the skeleton that it describes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose.data.foreign import refuse_foreign
from pose.data.records import is_int, read_id
from pose.keypoints.skeletons import Skeleton
from pose.runtime.errors import DataError
from pose.runtime.text import did_you_mean, plural

_EXAMPLE = '{"id": 1, "name": "dog", "keypoints": ["nose", "left_ear", "right_ear"], "skeleton": [[1, 2], [1, 3]]}'


@dataclass(frozen=True)
class Category:
    """One entry of `categories`, or several with the same keypoints that are read as one.

    Attributes:
        name: that of the entry, or their names.
        keypoint_names: empty where the file does not say.
        edges: pairs of names, of the first.
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]
    keypoint_names: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]

    @property
    def id(self) -> int:
        """The first one's."""
        return self.ids[0]

    @property
    def name(self) -> str:
        return ", ".join(self.names)


def find_category(
    path: Path, categories: Any, annotations: Sequence[Any] | None, *, name: str | Sequence[str] | None = None
) -> Category | None:
    """Find the category that has keypoints.

    Args:
        path: named in messages.
        categories: the file's list; None or empty where it has none.
        annotations: they tell the category's id where `categories` does not.
        name: the category to take, or several (`data.category`); by default those with keypoints.
    Returns:
        None where nothing in the file has keypoints.
    Raises:
        DataError: several have different keypoints, none is called `name`, or the entry is malformed.
    """
    if not isinstance(categories or [], list):
        raise DataError(f"{path}: 'categories' is no list but {categories!r:.40}; expected e.g. [{_EXAMPLE}]")
    rows = [c for c in categories or [] if isinstance(c, dict)]
    listed = {i: c for c in rows if (i := read_id(c.get("id"))) is not None}
    if name is not None and listed:
        wanted = [name] if isinstance(name, str) else list(name)
        if not wanted:
            raise DataError(f"{path}: data.category is an empty list; name a category, or leave it out")
        return _as_one(path, [_by_name(path, listed, each) for each in dict.fromkeys(wanted)])
    found = [c for c in listed.values() if names_keypoints(c)]
    if found:
        return _as_one(path, found)
    _warn_of_text(path, listed.values())
    used = [read_id(a.get("category_id", 1)) for a in annotations or [] if isinstance(a, dict) and "keypoints" in a]
    ids = sorted({i for i in used if i is not None})
    if len(ids) > 1:
        raise DataError(
            f"{path} has keypoints in several categories, {ids}, and no 'categories' that name them; a model is for "
            "one: add categories and choose one by data.category=NAME, or split the file"
        )
    return _read(path, listed.get(ids[0], {"id": ids[0]})) if ids else None


def same_keypoints(categories: Sequence[dict[str, Any]]) -> bool:
    """Say whether all have the same keypoints in the same order, so that they can be read as one."""
    return all(c.get("keypoints") == categories[0].get("keypoints") for c in categories)


def _by_name(path: Path, listed: dict[int, dict[str, Any]], name: str) -> dict[str, Any]:
    found = [c for c in listed.values() if _name(c) == name]
    if len(found) != 1:
        names = [_name(c) for c in listed.values()]
        raise DataError(
            f"{path} has {len(found)} categories named '{name}' (data.category); {did_you_mean(name, names)}"
        )
    return found[0]


def _as_one(path: Path, found: Sequence[dict[str, Any]]) -> Category:
    """Read categories as one.

    Raises:
        DataError: their keypoints differ.
    """
    if not same_keypoints(found):
        names = [f"'{_name(c)}'" for c in found]
        raise DataError(
            f"{path} has keypoints in several categories, {', '.join(names)}, and they are not the same; a model is "
            f"for one: choose it by data.category={_name(found[0])}, or a list of those with the same keypoints"
        )
    parts = [_read(path, c, edges=c is found[0]) for c in found]
    all_ids, all_names = tuple(part.id for part in parts), tuple(part.name for part in parts)
    return Category(all_ids, all_names, parts[0].keypoint_names, parts[0].edges)


def names_keypoints(category: dict[str, Any]) -> bool:
    """Text or a number under `keypoints`, as of tools that write a note there, names none."""
    names = category.get("keypoints")
    return bool(names) and not isinstance(names, str | int | float)


def _warn_of_text(path: Path, categories: Iterable[dict[str, Any]]) -> None:
    for category in categories:
        if category.get("keypoints"):
            warnings.warn(
                f"{path}: category '{_name(category)}' has keypoints {category['keypoints']!r:.60}, which is no list "
                "of names; they are taken in the order of the skeleton",
                stacklevel=4,
            )


def read_category(path: Path, data: Any, *, name: str | Sequence[str] | None = None) -> Category:
    """Find the category that describes a skeleton in the content of a COCO file.

    Raises:
        DataError: as `find_category`, or nothing names keypoints.
    """
    refuse_foreign(path, data)
    data = data if isinstance(data, dict) else {}
    annotations = data.get("annotations")
    found = find_category(
        path, data.get("categories"), annotations if isinstance(annotations, list) else None, name=name
    )
    if found is None or not found.keypoint_names:
        got = [str(c.get("name")) for c in data.get("categories") or [] if isinstance(c, dict)]
        raise DataError(
            f"{path} has no category with keypoint names (categories: {', '.join(got) or 'none'}); expected one such "
            f"as {_EXAMPLE}. Add it to the file, or list data.skeleton.keypoint_names in the config; for `pose "
            "score` give --skeleton"
        )
    return found


def check_names(path: Path, category: Category, skeleton: Skeleton) -> None:
    """Compare the names that a file gives its keypoints with the skeleton's, and warn of other spellings.

    Raises:
        DataError: another number of keypoints, or the same names in another order.
    """
    names, expected = category.keypoint_names, skeleton.keypoint_names
    if not names or names == expected:
        return
    what = f"{path}: category '{category.name}'"
    fix = "set data.skeleton to from_annotations, or to the keypoints of this file"
    if len(names) != len(expected):
        raise DataError(
            f"{what} has {plural(len(names), 'keypoint')} ({_listed(names)}), skeleton '{skeleton.name}' has "
            f"{len(expected)} ({_listed(expected)}); {fix}"
        )
    if set(names) == set(expected):
        first = next(i for i, pair in enumerate(zip(names, expected, strict=True)) if pair[0] != pair[1])
        raise DataError(
            f"{what} has the keypoints of skeleton '{skeleton.name}' in another order: number {first + 1} is "
            f"'{names[first]}' in the file and '{expected[first]}' in the skeleton; {fix}"
        )
    differ = [f"'{a}' for '{b}'" for a, b in zip(names, expected, strict=True) if a != b]
    warnings.warn(
        f"{what} calls {plural(len(differ), 'keypoint')} otherwise than skeleton '{skeleton.name}': "
        f"{_listed(differ)}; they are taken in the file's order",
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


def _read(path: Path, record: dict[str, Any], *, edges: bool = True) -> Category:
    name = _name(record)
    names = record.get("keypoints") or []
    if isinstance(names, str | int | float):  # it was warned of
        names = []
    pairs = (record.get("skeleton") or []) if edges and names else []
    where = f"{path}: category '{name}'"
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        raise DataError(f"{where} has keypoints {names!r:.80}; expected a list of names, e.g. {_EXAMPLE}")
    count = len(names)
    joined: list[tuple[str, str]] = []
    left_out: list[Any] = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if edge_fits(pair, count):
            joined.append((names[pair[0] - 1], names[pair[1] - 1]))
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
    return Category((number,), (name,), tuple(names), tuple(joined))


def _name(record: dict[str, Any]) -> str:
    return str(record.get("name", record["id"]))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
