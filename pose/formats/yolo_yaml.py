"""The data.yaml of YOLO-pose: the keypoints of each class, their names, pairs and edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose.data.records import read_id
from pose.formats.labels import Notes, ObjectKind, read_edges
from pose.keypoints.skeletons import COCO17, guess_flip_pairs
from pose.runtime.errors import DataError, require

MOST_KEYPOINTS = 10_000


def find_yaml(path: Path) -> Path | None:
    """The data.yaml itself, or the one file of a folder that is one."""
    files = [path] if path.is_file() else sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    found = [file for file in files if file.suffix.lower() in (".yaml", ".yml") and b"kpt_shape" in file.read_bytes()]
    return found[0] if len(found) == 1 else None


def require_yaml() -> None:
    """Check for PyYAML, which an install without PyTorch may lack; no other format needs it.

    Raises:
        MissingPackage: with the command that installs it.
    """
    require("YOLO-pose, whose data.yaml is YAML,", yaml="PyYAML")


def load_yaml(file: Path) -> dict[str, Any]:
    """Read a data.yaml.

    Raises:
        DataError: it is no YAML with keys, or grows by its aliases.
        MissingPackage: as `require_yaml`.
    """
    require_yaml()
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        config = yaml.safe_load(text)
    except Exception as error:  # PyYAML fails in many ways, on tags and odd dates
        raise DataError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if _written_out(config) > 10 * len(text):
        raise DataError(f"{file} repeats parts of itself by aliases (*), which no data.yaml needs; write them out")
    if not isinstance(config, dict):
        raise DataError(f"{file} is no YOLO-pose data.yaml; expected kpt_shape, names, train and val")
    return config


def keypoint_shape(file: Path, config: dict[str, Any]) -> tuple[int, int]:
    """How many keypoints an object has, and values a keypoint, 2 or 3.

    Raises:
        DataError: kpt_shape says neither.
    """
    shape = config.get("kpt_shape")
    if not (
        isinstance(shape, list)
        and len(shape) == 2
        and all(type(v) is int for v in shape)
        and 0 < shape[0] <= MOST_KEYPOINTS
        and shape[1] in (2, 3)
    ):
        raise DataError(f"{file}: kpt_shape is {shape!r:.40}; expected [K, 2] or [K, 3], K up to {MOST_KEYPOINTS}")
    return shape[0], shape[1]


def _written_out(value: Any) -> int:
    """How many values there are, those of aliases each time that they stand there."""
    known: dict[int, int] = {}

    def count(part: Any) -> int:
        if not isinstance(part, dict | list | tuple | set):
            return 1
        if id(part) not in known:
            known[id(part)] = 1  # of what holds itself
            known[id(part)] = 1 + sum(map(count, part.values() if isinstance(part, dict) else part))
        return known[id(part)]

    return count(value)


def read_kinds(
    file: Path, config: dict[str, Any], count: int, keypoints: tuple[str, ...] | None, notes: Notes
) -> dict[int, ObjectKind]:
    """The kinds of objects by their number in the rows.

    Raises:
        DataError: classes without numbers, or names of another number of keypoints than `count`.
    """
    names = config.get("names")
    classes = (
        dict(enumerate(names)) if isinstance(names, list) else names if isinstance(names, dict) else {0: "person"}
    )
    listed = config.get("kpt_names")
    kinds = {}
    for key, name in classes.items():
        number = read_id(key)
        if number is None:
            raise DataError(f"{file}: names has the class {key!r:.40}; classes are numbered, 0: dog")
        own: Any = (
            keypoints or (listed.get(number) if isinstance(listed, dict) else listed) or config.get("node_names")
        )
        if own is None:
            own = COCO17.keypoint_names if count == 17 else [f"keypoint_{i + 1}" for i in range(count)]
            what = "COCO's 17" if count == 17 else " to ".join(dict.fromkeys([own[0], own[-1]]))
            notes.remark(
                f"guessed: the names of the keypoints are {what}, as {file.name} has none; or give --keypoints"
            )
        if not isinstance(own, list | tuple) or len(own) != count or not all(isinstance(n, str) for n in own):
            raise DataError(f"{file}: kpt_shape has {count} keypoints, and their names are {own!r:.80}")
        pairs = _pairs(config.get("flip_idx"), own, notes)
        kinds[number] = ObjectKind(str(name), tuple(own), _edges(config, own), pairs, number + 1)
    return kinds


def _edges(config: dict[str, Any], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The skeleton that sleap-io writes, counted from 0; COCO's where the names are COCO's."""
    found = read_edges(config.get("skeleton"), len(names))
    return found or (COCO17.edges if tuple(names) == COCO17.keypoint_names else ())


def _pairs(flip_idx: Any, names: Sequence[str], notes: Notes) -> tuple[tuple[int, int], ...] | None:
    """Pairs of flip_idx; None where it is missing, or pairs nothing though the names have sides."""
    if not isinstance(flip_idx, list) or sorted(map(str, flip_idx)) != sorted(map(str, range(len(names)))):
        return None
    if any(flip_idx[j] != i for i, j in enumerate(flip_idx)):
        notes.remark("left out: flip_idx, which pairs no keypoints both ways")
        return None
    index = {name: i for i, name in enumerate(names)}
    guessed = {(index[a], index[b]) for a, b in guess_flip_pairs(names)}
    pairs = {(i, j) for i, j in enumerate(flip_idx) if i < j}
    if guessed and not pairs:
        notes.remark("left out: flip_idx, which pairs nothing though the names have sides (as sleap-io writes it)")
        return None
    if {frozenset(p) for p in pairs} == {frozenset(p) for p in guessed}:
        return tuple(sorted(guessed))
    return tuple(sorted(pairs))
