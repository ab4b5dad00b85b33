"""COCO keypoint annotations, read and checked.

Images are found by `file_name` and carried by their id. Imports neither torch nor albumentations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.annotation_columns import AnnotationColumns
from pose.data.annotations import Annotation, of_category, read_annotations
from pose.data.category import check_names, find_category
from pose.data.image_entries import ImageInfo, read_images
from pose.data.json_file import read_document
from pose.data.ordinary import OrdinaryFile, read_ordinary
from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Array
from pose.runtime.errors import DataError


@dataclass(frozen=True, eq=False)
class CocoFile:
    """A checked COCO keypoint file.

    Attributes:
        images: by image id, in the file's order, each id once.
        annotations: those of the categories; None if the file has none at all (test-dev).
        category_ids: of the categories that are read as one; COCO's 1, person, where the file does not say.
        left_out: why annotations of the file are not among these, and how many.
        categories: their names, where there are several.
    """

    path: Path
    images: dict[int, ImageInfo]
    annotations: Sequence[Annotation] | None
    category_ids: tuple[int, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    categories: tuple[str, ...] = ()

    @property
    def category_id(self) -> int:
        """The first category."""
        return self.category_ids[0]

    @cached_property
    def columns(self) -> AnnotationColumns:
        """The annotations as arrays; empty where there are none."""
        return AnnotationColumns.of(self.annotations or ())

    @cached_property
    def sizes(self) -> Array:
        """(N, 2) height and width of the image of each of `columns`, NaN where they are unknown."""
        rows, places = np.unique(self.columns.image_ids, return_inverse=True)
        known = [self.images[i].image_size or (np.nan, np.nan) for i in rows.tolist()]
        return np.array(known, dtype=np.float64).reshape(-1, 2)[places.reshape(-1)]


def load_coco(
    path: Path | str,
    skeleton: Skeleton,
    *,
    category: str | Sequence[str] | None = None,
    need_annotations: bool = True,
) -> CocoFile:
    """Read and check a COCO keypoint file.

    What is safe to mend is mended, with one warning: a missing `area` becomes the box's width * height, missing
    or empty `keypoints` are taken as not labeled, `num_keypoints` is counted, and ids that are missing, 0 or
    doubled are renumbered from 1 (COCOeval counts a match with id 0 as none). An image listed twice counts once.
    Images and annotations that cannot be read are left out, and counted in the warning, as are annotations that are
    just the outline of another (see `find_outlines`).

    Args:
        category: name of the category to read, or names of several that are read as one; by default those with
            keypoints, which must be the same in all.
        need_annotations: False allows a file with images only, to write results for.
    Raises:
        FileNotFoundError: no such file.
        DataError, ValueError: not a COCO keypoint file for this skeleton, or no entry of it can be read; the message
            names the first and what it lacks.
    """
    path = Path(path)
    ordinary = read_ordinary(path, skeleton.num_keypoints)
    if ordinary is not None:
        return _of_category(path, ordinary, skeleton, category)
    data = read_document(path)
    if not isinstance(data, dict):
        kind = "list (detections?)" if isinstance(data, list) else type(data).__name__
        raise DataError(f"{path} holds a {kind}, not a COCO file; it needs an object with images and annotations")
    given: Any = data.get("annotations")
    wanted = ["images", "annotations"] if need_annotations or given is not None else ["images"]
    for key in wanted:
        if not isinstance(data.get(key), list):
            raise DataError(f"{path} has no list '{key}'; a COCO keypoint file needs images and annotations")
    images = read_images(path, data["images"])
    found = find_category(path, data.get("categories"), given, name=category)
    category_ids = found.ids if found else (1,)  # COCO's person: test-dev lists no keypoints
    if found:
        check_names(path, found, skeleton)
    names = found.names if found and len(found.ids) > 1 else ()
    if given is None:
        return CocoFile(path, images, None, category_ids, categories=names)
    records = [(i, a) for i, a in enumerate(given) if not isinstance(a, dict) or of_category(a, category_ids)]
    left_out = Counter({"of other categories": len(given) - len(records)})
    annotations = read_annotations(path, records, images, skeleton, left_out, category_id=category_ids[0])
    return CocoFile(path, images, annotations, category_ids, +left_out, names)


def _of_category(
    path: Path, ordinary: OrdinaryFile, skeleton: Skeleton, category: str | Sequence[str] | None
) -> CocoFile:
    found = find_category(path, ordinary.categories, None, name=category)
    assert found is not None  # one of them names keypoints
    check_names(path, found, skeleton)
    annotations = ordinary.annotations
    wanted = np.isin(annotations.category_ids, found.ids)
    left_out = {}
    if not wanted.all():
        left_out = {"of other categories": int((~wanted).sum())}
        annotations = annotations.take(np.flatnonzero(wanted))
    names = found.names if len(found.ids) > 1 else ()
    return CocoFile(path, ordinary.images, annotations, found.ids, left_out, names)
