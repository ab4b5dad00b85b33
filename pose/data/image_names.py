"""Which image a record means by a file name, of which either side may have more folders, or by an id; and splits."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import takewhile
from pathlib import Path, PureWindowsPath
from typing import Any


def image_number(stem: str) -> int | None:
    """Find the image id that is a file's name, as in COCO: 785 of 000000000785."""
    number = re.fullmatch(r"(?:COCO_[a-z]+\d*_)?(\d+)", stem)  # COCO 2014 has the split in front
    return int(number[1]) if number else None


def normal_name(file_name: str) -> str:
    r"""Write / between folders: a/b.jpg of a\b.jpg."""
    return PureWindowsPath(file_name).as_posix()


def contradicts(said: Any, listed: str) -> bool:
    """Say whether a record's own file_name is another than the one that its image_id stands for."""
    return isinstance(said, str) and PureWindowsPath(said).stem != PureWindowsPath(listed).stem


def split_name(file: Path) -> str:
    """Find the split in the name of an annotation file; without one, it is all of the name.

    train2017 of person_keypoints_train2017.json, val of instances_val.json.
    """
    before, _, after = file.stem.rpartition("keypoints_")
    named = re.search(r"(?<![a-z])(train|val|valid|validation|test)\d*(-dev)?$", file.stem, re.IGNORECASE)
    return after if before or not named else named[0]


def meant_by(said: Collection[str], place: str) -> set[str]:
    """Choose among paths that all end in the name of one image file those that mean it.

    Those that the file's own path ends in; else the one with most folders in common with it, from the end.

    Args:
        said: with / between folders.
        place: the whole path of the file, as far as it is known.
    Returns:
        Empty where nothing tells which one is meant.
    """
    if len(said) <= 1:
        return set(said)
    shared = {path: shared_end(path.split("/"), place.split("/")) for path in said}
    whole = {path for path, count in shared.items() if count == len(path.split("/"))}
    best = {path for path, count in shared.items() if count == max(shared.values())}
    return whole or (best if len(best) == 1 else set())


def shared_end(a: Sequence[str], b: Sequence[str]) -> int:
    """Count the parts that two paths share from their ends."""
    pairs = zip(reversed(a), reversed(b), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


class ImageMatcher:
    """Finds the images that a record's file_name or image_id may mean.

    Args:
        names: of the images, with / between folders.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)
        self.by_end: dict[str, list[str]] = {}
        self.by_stem: dict[str | int, list[str]] = {}
        for name in names:
            for end in ends_of_path(name):
                self.by_end.setdefault(end, []).append(name)
            stem = Path(name).stem
            number = image_number(stem)
            self.by_stem.setdefault(stem, []).append(name)
            if number is not None:
                self.by_stem.setdefault(number, []).append(name)

    def by_name(self, file_name: str) -> list[str]:
        name = normal_name(file_name)
        if name in self.names:
            return [name]
        # Either may have more folders in front than the other.
        return self.by_end.get(name) or [end for end in ends_of_path(name) if end in self.names][:1]

    def by_id(self, image_id: str | int) -> list[str]:
        return self.by_stem.get(image_id, [])


def ends_of_path(name: str) -> list[str]:
    """List the ends of a path: a/b/c.jpg, b/c.jpg, c.jpg."""
    parts = name.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]
