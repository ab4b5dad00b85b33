"""The entries of `images` of a COCO file: names that stay below their folder, and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pose.data.left_out import Unusable, warn_left_out
from pose.data.records import LARGEST_ID, read_id, read_whole
from pose.runtime.errors import DataError


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One entry of `images`: the file's name below the images folder and its (height, width), None if not given."""

    id: int
    file_name: str
    image_size: tuple[int, int] | None


def leaves_folder(name: str) -> bool:
    """Say whether a name from someone else's file reaches outside of the folder it is put below, on any system."""
    windows = PureWindowsPath(name)
    return PurePosixPath(name).is_absolute() or bool(windows.anchor) or ".." in windows.parts or "\0" in name


def local_name(name: str) -> str:
    """A file's name below its folder as every system reads it: files written on Windows have backslashes."""
    return name.replace("\\", "/")


def read_images(path: Path, records: Sequence[Any]) -> dict[int, ImageInfo]:
    """Read the images by id, each once; those that cannot be read are left out with a warning.

    Raises:
        DataError: an id stands for two files, or none can be read.
    """
    images: dict[int, ImageInfo] = {}
    problems = []
    for index, record in enumerate(records):
        try:
            image = _read_image(record, f"images[{index}]")
        except Unusable as problem:
            problems.append(problem)
            continue
        if images.setdefault(image.id, image).file_name != image.file_name:
            names = f"{images[image.id].file_name} and {image.file_name}"
            raise DataError(f"{path}: image id {image.id} stands for two files, {names}")
    warn_left_out(path, "images", problems, len(records))
    return images


def _read_image(record: Any, where: str) -> ImageInfo:
    number = read_id(record.get("id")) if isinstance(record, dict) else None
    if number is None:
        raise Unusable(
            "without a readable id", f"{where} has no integer 'id' up to {LARGEST_ID}, got {record!r:.100}"
        )
    name = record.get("file_name")
    if not isinstance(name, str) or not name:
        raise Unusable("without a file_name", f"{where} (id {number}) has no 'file_name'")
    if leaves_folder(name):
        raise Unusable(
            "whose file_name leaves the images folder",
            f"{where}: file_name {name!r} leaves the images folder; give a path below it",
        )
    height, width = read_whole(record.get("height")), read_whole(record.get("width"))
    return ImageInfo(number, local_name(name), (height, width) if height and width else None)
