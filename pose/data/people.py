"""Who is cropped: people with annotated boxes, or detected ones.

Frames: `_img` is the original image's pixels. Points are (x, y), sizes (height, width), boxes (left, top,
width, height). Imports neither torch nor albumentations.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pose.data.annotation_columns import AnnotationColumns
from pose.data.coco import CocoFile
from pose.data.image_entries import ImageInfo
from pose.data.usage import Usage
from pose.images.names import CHECK_THE_PATH, explain_missing
from pose.keypoints.geometry import clean_boxes
from pose.runtime.arrays import Array
from pose.runtime.errors import DataError
from pose.runtime.text import plural

POINTS = "whose box has no size"
_OUTSIDE = "with an empty box, or one outside the image"
_UNSIZED = "in images without height and width"


@dataclass(frozen=True, eq=False)
class Person:
    """One box to crop.

    Attributes:
        id: annotation id, or the index of the detection in its file.
        path: the image file.
        box_xywh: image pixels; cleaned if it comes from an annotation.
        keypoints_img: (K, 3) float32 x, y, visibility; None for a detection.
        image_size: (height, width) of the image.
        area: of the annotation; of the box for a detection. Square pixels.
        score: of the detection; 1 for an annotation.
        category_id: of either.
    """

    id: int
    image_id: int
    path: Path
    box_xywh: tuple[float, float, float, float]
    keypoints_img: NDArray[np.float32] | None
    image_size: tuple[int, int]
    area: float
    score: float = 1.0
    category_id: int = 1


@dataclass(frozen=True, eq=False)
class People(Sequence[Person]):
    """Annotated people as arrays, and as a sequence that makes a `Person` where one is asked for.

    Attributes:
        columns: their annotations.
        boxes_xywh: (N, 4), cleaned.
        sizes: (N, 2) height and width of their images.
        images: by id.
        images_dir: where the files are.
    """

    columns: AnnotationColumns
    boxes_xywh: Array
    sizes: Array
    images: Mapping[int, ImageInfo]
    images_dir: Path

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, index: int) -> Person: ...
    @overload
    def __getitem__(self, index: slice) -> list[Person]: ...
    def __getitem__(self, index: int | slice) -> Person | list[Person]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        x, y, w, h = self.boxes_xywh[index].tolist()
        height, width = self.sizes[index].tolist()
        columns, image_id = self.columns, int(self.columns.image_ids[index])
        return Person(
            id=int(columns.ids[index]),
            image_id=image_id,
            path=Path(self.images_dir, self.images[image_id].file_name),
            box_xywh=(x, y, w, h),
            keypoints_img=columns.keypoints_img[index],
            image_size=(int(height), int(width)),
            area=float(columns.areas[index]),
            category_id=int(columns.category_ids[index]),
        )

    def __iter__(self) -> Iterator[Person]:
        return (self[i] for i in range(len(self)))


@dataclass(frozen=True, eq=False)
class _Choice:
    """Which annotations (N,) are used.

    Attributes:
        boxes_xywh: (N, 4), cleaned; NaN without.
        why_not: (N,) place in `reasons`, or -1 for those that are used.
    """

    boxes_xywh: Array
    why_not: NDArray[np.int64]
    reasons: tuple[str, ...]


def _choose(coco: CocoFile, *, min_keypoints: int, min_area: float) -> _Choice:
    """Choose whom to use, and clean their boxes."""
    columns = coco.columns
    labeled = (columns.keypoints_img[..., 2] > 0).sum(axis=1)
    boxes = clean_boxes(columns.boxes_xywh, coco.sizes)
    no_box = np.isnan(boxes[:, 0])
    rules = {  # the first that holds is told
        "crowd": columns.crowds,
        "without labels": labeled < min(min_keypoints, 1),
        _UNSIZED: np.isnan(coco.sizes[:, 0]),
        POINTS: no_box & (columns.boxes_xywh[:, 2:].min(axis=1, initial=np.inf) <= 0),
        _OUTSIDE: no_box,
        "with area 0": columns.areas <= 0,
        f"with an area below {min_area:g}": columns.areas < min_area,
        f"with fewer than {min_keypoints} labeled keypoints": labeled < min_keypoints,
    }
    why_not = np.full(len(columns), -1, dtype=np.int64)
    for place, holds in reversed(list(enumerate(rules.values()))):
        why_not[holds] = place
    return _Choice(boxes, why_not, tuple(rules))


def count_usage(coco: CocoFile, *, limit: int | None = None, min_keypoints: int = 1, min_area: float = 0.0) -> Usage:
    """Count whom `ground_truth_people` lists with the same arguments, and why it leaves out the others."""
    choice = _choose(coco, min_keypoints=min_keypoints, min_area=min_area)
    places, first, counts = np.unique(choice.why_not, return_index=True, return_counts=True)
    in_order = sorted(zip(first.tolist(), places.tolist(), counts.tolist(), strict=True))
    left_out = {choice.reasons[place]: count for _, place, count in in_order if place >= 0} | dict(coco.left_out)
    used = int((choice.why_not < 0).sum())
    if limit is not None and used > limit:
        left_out["beyond the limit"] = used - limit
        used = limit
    return Usage(used + sum(left_out.values()), used, left_out, categories=coco.categories)


def images_to_look_at(
    coco: CocoFile,
    looked_at: Collection[int],
    *,
    limit: int | None = None,
    min_keypoints: int = 1,
    min_area: float = 0.0,
) -> set[int]:
    """Find further images of whom `ground_truth_people` lists with the same arguments, or would with right sizes.

    Args:
        looked_at: ids of images whose sizes are right.
    """
    choice = _choose(coco, min_keypoints=min_keypoints, min_area=min_area)
    depends = [choice.reasons.index(reason) for reason in (POINTS, _OUTSIDE, _UNSIZED)]
    known = np.isin(coco.columns.image_ids, list(looked_at))
    wanted = (choice.why_not < 0) | (np.isin(choice.why_not, depends) & ~known)
    order = np.argsort(coco.columns.ids, kind="stable")
    rows = order[wanted[order]][:limit]
    return set(coco.columns.image_ids[rows].tolist()).difference(looked_at)


def ground_truth_people(
    coco: CocoFile,
    images_dir: Path | str,
    *,
    limit: int | None = None,
    min_keypoints: int = 1,
    min_area: float = 0.0,
) -> People:
    """List annotated people with their boxes cleaned (see `clean_boxes`), by annotation id.

    Left out are
    crowds, people with fewer than `min_keypoints` labeled keypoints, with area 0 or less than `min_area`
    (square pixels), and those whose box lies outside the image.

    Args:
        limit: keep only the first so many, after the filters.
    Raises:
        DataError: the file has no annotations.
    """
    if coco.annotations is None:
        raise DataError(f"{coco.path} has no annotations; give detected boxes instead")
    choice = _choose(coco, min_keypoints=min_keypoints, min_area=min_area)
    order = np.argsort(coco.columns.ids, kind="stable")
    rows = order[choice.why_not[order] < 0][:limit]
    columns = coco.columns.take(rows)
    return People(columns, choice.boxes_xywh[rows], coco.sizes[rows], coco.images, Path(images_dir))


def with_grown_boxes(coco: CocoFile, *, share: float, pixels: float) -> CocoFile:
    """Grow annotated boxes on each side by `share` of their longer side and by `pixels`.

    That is for boxes which are just the extent of the keypoints, down to single points without any size. Areas of 0
    of people with keypoints become those of the grown boxes, with a warning, since AP depends on them.
    """
    if coco.annotations is None or not (share or pixels):
        return coco
    columns = coco.columns
    sides = np.maximum(columns.boxes_xywh[:, 2:], 0)
    margin = (share * sides.max(axis=1, initial=0) + pixels)[:, None]
    boxes = np.concatenate([columns.boxes_xywh[:, :2] - margin, sides + 2 * margin], axis=1)
    without_area = (columns.areas <= 0) & (columns.counts > 0)
    areas = np.where(without_area, boxes[:, 2] * boxes[:, 3], columns.areas)
    zero = int(without_area.sum())
    if zero:
        warnings.warn(
            f"{coco.path}: {plural(zero, 'person has', 'people have')} area 0; taken is that of their grown boxes "
            "(data.grow_boxes), in proportion to which AP forgives errors",
            stacklevel=3,
        )
    return replace(coco, annotations=replace(columns, boxes_xywh=boxes, areas=areas))


def grown_truth(coco: CocoFile, grown: CocoFile) -> CocoFile:
    """The people of a file as they are to be scored: as annotated, but for what only grown boxes give them.

    That is an area instead of 0, and a box instead of a point. On the boxes depend COCO's rule for people without
    labels, PCK and crowding.
    """
    if coco.annotations is None:
        return grown
    boxes, columns = coco.columns.boxes_xywh, grown.columns
    sized = (boxes[:, 2:] > 0).all(axis=1, keepdims=True)
    return replace(grown, annotations=replace(columns, boxes_xywh=np.where(sized, boxes, columns.boxes_xywh)))


def check_images_exist(paths: Iterable[Path]) -> None:
    """Look for all images before hours are spent; a path may be given more than once.

    Raises:
        FileNotFoundError: naming the first five that are missing, and how many.
    """
    different = list(dict.fromkeys(paths))
    missing = [str(path) for path in different if not path.is_file()]
    if missing:
        why = explain_missing(missing[0])
        raise FileNotFoundError(
            f"{len(missing)} of {len(different)} images are missing: {', '.join(missing[:5])}"
            f"{', ...' * (len(missing) > 5)}; "
            f"{'check the images folder' if why == CHECK_THE_PATH else why}, or see `pose check`"
        )
