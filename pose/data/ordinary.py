"""The quick reader of ordinary COCO files: those in which nothing is to be told, mended or left out.

It decodes straight into arrays, without the outlines and whatever else is not used, in a fraction of the time and
memory. Of any other file it gives None; `pose.data.annotations` reads that, and says what is odd. What both read is
the same to the bit.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pose.data.annotation_columns import AnnotationColumns
from pose.data.category import names_keypoints
from pose.data.image_entries import ImageInfo, leaves_folder, local_name
from pose.data.records import LARGEST, LARGEST_ID, read_id

_CHUNK = 4096  # records that are objects at a time


@dataclass(frozen=True, eq=False)
class OrdinaryFile:
    """The content of a file; `categories` as they are, one of which names keypoints."""

    images: dict[int, ImageInfo]
    annotations: AnnotationColumns
    categories: list[Any]


class _Document(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[Any]


class _Image(msgspec.Struct, gc=False):
    id: int
    file_name: str
    height: int
    width: int


class _Annotation(msgspec.Struct, gc=False):
    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    iscrowd: int
    area: float
    num_keypoints: int
    keypoints: list[float]


class _Odd(Exception):
    """Something is out of the ordinary."""


def read_ordinary(path: Path, num_keypoints: int) -> OrdinaryFile | None:
    """Read a file if nothing in it is odd; None also where there is no such file, or it is no COCO file.

    Args:
        num_keypoints: that each annotation must have places for.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            return None
        content = _read_pages(path)
        document = msgspec.json.decode(content, type=_Document)
        if not any(
            isinstance(c, dict) and names_keypoints(c) and read_id(c.get("id")) is not None
            for c in document.categories
        ):
            return None
        images = _read_images(document.images, content)
        annotations = _read_annotations(document.annotations, num_keypoints, content)
        _check(annotations, images)
    except (OSError, ValueError, OverflowError, RecursionError, _Odd):  # msgspec's errors are ValueErrors
        return None
    return OrdinaryFile(images, annotations, document.categories)


def _read_pages(path: Path) -> mmap.mmap:
    """A file's content, in pages of which those that are done with can be given back while others are still read.

    It is a copy: if the file itself were mapped, its being shortened meanwhile would end the process.
    """
    with path.open("rb", buffering=0) as opened:
        size = os.fstat(opened.fileno()).st_size
        # Without MAP_PRIVATE, where there is one, pages that are given back would still be kept.
        flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        content = mmap.mmap(-1, size, **flags)
        with memoryview(content) as room:
            at = 0
            while count := opened.readinto(room[at:]):
                at += count
    return content  # zeros at its end, which are no JSON, if the file became shorter


def _let_go(content: mmap.mmap, records: list[msgspec.Raw]) -> None:
    """Give back the pages that hold nothing but these records, which follow each other and are not read again."""
    if records and hasattr(content, "madvise"):  # not on Windows
        start = _address(content)
        first = -((start - _address(records[0])) // mmap.PAGESIZE)
        last = (_address(records[-1]) + len(memoryview(records[-1])) - start) // mmap.PAGESIZE
        if last > first:
            content.madvise(mmap.MADV_DONTNEED, first * mmap.PAGESIZE, (last - first) * mmap.PAGESIZE)


def _address(data: mmap.mmap | msgspec.Raw) -> int:
    return int(np.frombuffer(data, dtype=np.uint8).__array_interface__["data"][0])


def _read_images(records: list[msgspec.Raw], content: mmap.mmap) -> dict[int, ImageInfo]:
    images: dict[int, ImageInfo] = {}
    decode = msgspec.json.Decoder(_Image).decode
    for start in range(0, len(records), _CHUNK):
        part = records[start : start + _CHUNK]
        for image in map(decode, part):
            name = image.file_name
            if ("\\" in name or ":" in name or ".." in name or name[:1] == "/" or "\0" in name) and leaves_folder(
                name
            ):
                raise _Odd
            if not name or image.height <= 0 or image.width <= 0 or max(image.height, image.width) > LARGEST:
                raise _Odd
            if image.id in images or abs(image.id) > LARGEST_ID:
                raise _Odd
            images[image.id] = ImageInfo(image.id, local_name(name), (image.height, image.width))
        _let_go(content, part)
    return images


def _read_annotations(records: list[msgspec.Raw], num_keypoints: int, content: mmap.mmap) -> AnnotationColumns:
    n = len(records)
    whole = np.zeros((n, 5), dtype=np.int64)  # id, image_id, category_id, iscrowd, num_keypoints
    real = np.zeros((n, 5))  # bbox, area
    keypoints = np.zeros((n, num_keypoints, 3), dtype=np.float32)
    decode = msgspec.json.Decoder(_Annotation).decode
    for start in range(0, n, _CHUNK):
        part = records[start : start + _CHUNK]
        chunk = [decode(record) for record in part]
        rows = slice(start, start + len(chunk))
        whole[rows] = [(a.id, a.image_id, a.category_id, a.iscrowd, a.num_keypoints) for a in chunk]
        real[rows] = [(*a.bbox, a.area) for a in chunk]  # a ValueError, unless there are four
        points = np.array([a.keypoints for a in chunk], dtype=np.float64)
        if points.shape != (len(chunk), 3 * num_keypoints) or not (np.abs(points) <= LARGEST).all():
            raise _Odd
        keypoints[rows] = points.reshape(-1, num_keypoints, 3)
        _let_go(content, part)
    ids, image_ids, category_ids, crowds, counts = whole.T.copy()
    if not ((crowds == 0) | (crowds == 1)).all() or (np.abs(whole) > LARGEST_ID).any():
        raise _Odd
    if not (np.abs(real) <= LARGEST).all():
        raise _Odd
    return AnnotationColumns(
        ids, image_ids, real[:, :4].copy(), real[:, 4].copy(), keypoints, counts, crowds == 1, category_ids
    )


def _check(annotations: AnnotationColumns, images: dict[int, ImageInfo]) -> None:
    """Look for what the other reader would tell or mend.

    Raises:
        _Odd: there is something.
    """
    a = annotations
    labeled = (a.keypoints_img[..., 2] > 0).sum(axis=1)
    if (
        not len(a)
        or (a.ids <= 0).any()
        or len(np.unique(a.ids)) < len(a)
        or (a.counts != labeled).any()
        or not np.isin(a.keypoints_img[..., 2], (0, 1, 2)).all()
        or ((a.areas <= 0) & (labeled > 0)).any()
        or not set(np.unique(a.image_ids).tolist()) <= images.keys()
    ):
        raise _Odd
