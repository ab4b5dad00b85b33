"""Which image a record means by a file name, of which either side may have more folders, or by an id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any


def image_number(stem: str) -> int | None:
    """Find the image id that is a file's name, as in COCO: 785 of 000000000785."""
    number = re.fullmatch(r"(?:COCO_[a-z]+\d*_)?(\d+)", stem)  # COCO 2014 has the split in front
    return int(number[1]) if number else None


def contradicts(said: Any, listed: str) -> bool:
    """Say whether a record's own file_name is another than the one that its image_id stands for."""
    return isinstance(said, str) and PureWindowsPath(said).stem != PureWindowsPath(listed).stem


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
        name = PureWindowsPath(file_name).as_posix()
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
