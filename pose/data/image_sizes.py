"""Heights and widths that an annotation file gives its images, compared with those of the image files.

People are cropped from the pixels that are there, so the files' sizes are right; boxes are clipped to them. Where
boxes and keypoints seem to be of an image of another size, nothing can be taken instead, and the work stops.
Shapes: N images; sizes (height, width), NaN where unknown; points (x, y).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pose.images.header import image_size
from pose.images.read import read_header
from pose.runtime.arrays import Array, Bools
from pose.runtime.errors import DataError
from pose.runtime.system import processors

if TYPE_CHECKING:
    from pose.data.coco import CocoFile

WRONG = "images whose height and width in the file are not those of the image"
MISSING = "images without height and width"
OTHER = "images of another size than their boxes and keypoints"
MEND = "restore the images that were annotated, or scale boxes and keypoints to these"
_HEAD, _LONG_HEAD = 2**11, 2**17  # bytes in which the size stands, mostly, and behind a large preview
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class SizeJudgement:
    """What to think of each of N images.

    Attributes:
        missing: the annotation file gives no size, the image has one.
        wrong: boxes and keypoints fit the image, but not the given size or not only that: it may be replaced.
        other: boxes and keypoints may be of an image of another size.
    """

    missing: Bools
    wrong: Bools
    other: Bools


def judge_sizes(given: Array, stored: Array, reach: Array, *, turned: Bools) -> SizeJudgement:
    """Judge the given sizes (N, 2) by the stored ones and by what is annotated.

    Args:
        reach: (N, 2) the largest x and y of boxes and labeled keypoints; -inf without.
        turned: (N,) EXIF says that the image is not stored as it is shown.
    """
    known = np.isfinite(stored).all(axis=1)
    missing = known & ~np.isfinite(given).all(axis=1)
    differs = known & ~missing & (given != stored).any(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding differs between tools, and boxes may reach out of their image a little.
        close = (np.abs(given - stored) <= 2).all(axis=1)
        beyond = (reach[:, ::-1] > 1.05 * stored + 1).any(axis=1)
        beyond_given = (reach[:, ::-1] > 1.05 * given + 1).any(axis=1)
        factors = stored / given
        resized = (np.abs(factors[:, 0] / factors[:, 1] - 1) < 0.02) & ~beyond_given
    other = differs & (turned | ~close & (beyond | resized))
    return SizeJudgement(np.asarray(missing), np.asarray(differs & ~other), np.asarray(other))


def with_file_sizes(coco: CocoFile, images_dir: Path | str, image_ids: Iterable[int]) -> CocoFile:
    """Take the sizes of image files where an annotation file gives others or none, with a warning.

    Args:
        image_ids: the images to look at, all of which must be there.
    Raises:
        FileNotFoundError: naming the first five that are missing, and how many.
        DataError: boxes and keypoints seem to be of images of another size.
    """
    ids = list(dict.fromkeys(image_ids))
    infos = [coco.images[i] for i in ids]
    paths = [Path(images_dir, info.file_name) for info in infos]
    sizes = stored_sizes(paths)
    rows = [
        row for row, (info, size) in enumerate(zip(infos, sizes, strict=True)) if size not in (None, info.image_size)
    ]
    if not rows:
        return coco
    chosen = [infos[row] for row in rows]
    given, stored = _as_array(info.image_size for info in chosen), _as_array(sizes[row] for row in rows)
    reach = _reach(coco, {info.id: place for place, info in enumerate(chosen)})
    turned = np.array([read_header(paths[row])[1] != 1 for row in rows], dtype=bool)
    judged = judge_sizes(given, stored, reach, turned=turned)
    names = [info.file_name for info in chosen]
    if judged.other.any():
        told = tell_sizes(OTHER, judged.other, len(ids), names, given, stored)
        raise DataError(f"{coco.path}: {told}; {MEND}")
    for what, which in ((WRONG, judged.wrong), (MISSING, judged.missing)):
        if which.any():
            told = tell_sizes(what, which, len(ids), names, given, stored)
            warnings.warn(f"{coco.path}: {told}; taken from the image files", stacklevel=3)
    fresh = dict(coco.images)
    for place in np.flatnonzero(judged.wrong | judged.missing).tolist():
        info = chosen[place]
        fresh[info.id] = replace(info, image_size=(int(stored[place, 0]), int(stored[place, 1])))
    return replace(coco, images=fresh)


def stored_sizes(paths: Sequence[Path]) -> list[tuple[int, int] | None]:
    """Read the (height, width) of each image file from its first bytes; None of what is no image.

    Raises:
        FileNotFoundError: naming the first five that are missing, and how many.
    """
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    with ThreadPoolExecutor(min(8, 2 * processors())) as pool:
        found = [
            size for sizes in pool.map(lambda chunk: [_stored_size(path) for path in chunk], chunks) for size in sizes
        ]
    missing = [str(path) for path, size in zip(paths, found, strict=True) if size == ()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(paths)} images are missing: {', '.join(missing[:5])}"
            f"{', ...' * (len(missing) > 5)}; check the images folder, or see `pose check`"
        )
    return [size or None for size in found]


def _stored_size(path: Path) -> tuple[int, int] | tuple[()] | None:
    """() if there is no such file."""
    try:
        with path.open("rb", buffering=0) as opened:
            head = opened.read(_HEAD)
            size = image_size(head) or image_size(head + opened.read(_LONG_HEAD))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ()
    except OSError:  # such as a lack of permission: whoever reads the image says so
        return None
    return read_header(path)[0] if size is None else size


def _as_array(sizes: Iterable[tuple[int, int] | None]) -> Array:
    return np.array([(np.nan, np.nan) if size is None else size for size in sizes], dtype=np.float64).reshape(-1, 2)


def _reach(coco: CocoFile, places: Mapping[int, int]) -> Array:
    """Find the largest x and y (N, 2) of what is annotated in images, given by their ids and places."""
    reach = np.full((len(places), 2), -np.inf)
    columns = coco.columns
    rows = np.flatnonzero(np.isin(columns.image_ids, list(places)))
    here = [places[image_id] for image_id in columns.image_ids[rows].tolist()]
    points = columns.keypoints_img[rows]
    far = np.where(points[..., 2:] > 0, points[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    boxes = columns.boxes_xywh[rows]
    np.maximum.at(reach, here, np.maximum(boxes[:, :2] + boxes[:, 2:], far))
    return reach


def tell_sizes(what: str, which: Bools, total: int, names: Sequence[str], given: Array, stored: Array) -> str:
    """Count the images for which `which` (N,) holds, and give the first of them with both sizes (N, 2)."""
    rows = np.flatnonzero(which).tolist()
    examples = []
    for row in rows[:3]:
        said = f", not {given[row, 1]:g} x {given[row, 0]:g}" if np.isfinite(given[row]).all() else ""
        examples.append(f"{names[row]} is {stored[row, 1]:g} x {stored[row, 0]:g}{said}")
    more = f" and {len(rows) - len(examples):,} more" if len(rows) > len(examples) else ""
    return f"{len(rows):,} of {total:,} {what} ({'; '.join(examples)}{more})"
