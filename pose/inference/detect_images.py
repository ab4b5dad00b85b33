"""`pose detect`: from images to a JSON of the boxes of their people."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pose.images.files import ImageFile, read_ahead
from pose.images.read import is_turned, read_image
from pose.images.types import Image
from pose.inference.detector import Detector
from pose.runtime.files import write_json

KEYS = {"image_id", "file_name", "category_id", "bbox", "score"}


@dataclass(frozen=True)
class DetectSummary:
    """What `detect_files` did.

    Attributes:
        images: number searched.
        people: number found in them.
        images_without_people: number searched in vain.
        broken: images that could not be read.
        detector: its name.
    """

    images: int
    people: int
    images_without_people: int
    broken: tuple[Path, ...]
    detector: str
    out: Path

    def __str__(self) -> str:
        notes = [f"found by {self.detector}"]
        notes += [f"{self.images_without_people} images without people"] if self.images_without_people else []
        notes += [f"{len(self.broken)} unreadable files skipped"] if self.broken else []
        return f"{self.people} people in {self.images} images ({', '.join(notes)}): {self.out}"


def detect_files(
    detector: Detector,
    images: Sequence[ImageFile],
    *,
    out: Path,
    image_ids: Sequence[int] | None = None,
    category_id: int = 1,
    batch_size: int = 8,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> DetectSummary:
    """Search images for people and write their boxes, in pixels as stored, as COCO's are.

    Args:
        out: a JSON file of {image_id, file_name, category_id, bbox: [x, y, width, height], score}, whole or not at
            all. Only boxes are overwritten.
        image_ids: of each image; without them the records have none.
        batch_size: images at a time.
        workers: threads that read images ahead; 0 reads each when its turn comes.
        progress: called with the numbers of images done and in all.
    Raises:
        ValueError: `out` holds something else; or an image is broken: one that was named, or every one. A broken
            image of a folder is skipped with a warning.
        OSError: `out` cannot be written.
    """
    check_target(out)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    records: list[dict[str, Any]] = []
    broken: list[ImageFile] = []
    empty = done = 0
    waiting = zip(range(len(images)), read_ahead([item.path for item in images], read_image, workers), strict=True)
    while chunk := list(islice(waiting, batch_size)):
        read: list[tuple[int, Image]] = []
        for index, get_image in chunk:
            try:
                read.append((index, get_image()))
            except (ValueError, OSError) as error:
                broken.append(images[index])
                warnings.warn(f"skipped: {error}", stacklevel=2)
        for (index, _), (boxes, scores) in zip(read, detector([image for _, image in read]), strict=True):
            about: dict[str, Any] = {"file_name": images[index].name, "category_id": category_id}
            if image_ids is not None:
                about = {"image_id": image_ids[index], **about}
            empty += not len(boxes)
            for box, score in zip(boxes.tolist(), scores.tolist(), strict=True):
                records.append({**about, "bbox": [round(v, 2) for v in box], "score": round(score, 5)})
        done += len(chunk)
        if progress is not None:
            progress(done, len(images))
    write_json(out, records, indent=None)
    fatal = broken if len(broken) == len(images) else [item for item in broken if item.named]
    if fatal:
        raise ValueError(
            f"cannot read {', '.join(str(item.path) for item in fatal[:5])}{', ...' * (len(fatal) > 5)}: broken, or "
            f"not images; replace the files ({len(images) - len(broken)} other images are done, in {out})"
        )
    return DetectSummary(
        images=len(images) - len(broken),
        people=len(records),
        images_without_people=empty,
        broken=tuple(item.path for item in broken),
        detector=detector.name,
        out=out,
    )


def check_target(out: Path) -> None:
    """Make sure that nothing but earlier boxes is overwritten.

    Raises:
        ValueError: it is no .json, or a file that holds something else.
    """
    if out.suffix.lower() != ".json" or out.is_dir():
        raise ValueError(f"--out {out} is no file of boxes; name it with .json")
    if not out.exists():
        return
    try:
        data = json.loads(out.read_bytes())
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, list) or not all(
        isinstance(r, dict) and KEYS - {"image_id"} <= r.keys() <= KEYS for r in data
    ):
        raise ValueError(f"{out} exists and does not hold boxes of `pose detect`; give another --out")


def warn_if_turned(images: Sequence[ImageFile]) -> None:
    """Say which images viewers show turned: boxes in a file are for the pixels as stored."""
    turned = [item.name for item in images if is_turned(item.path)]
    if turned:
        warnings.warn(
            f"{len(turned)} images are stored turned ({', '.join(turned[:3])}{', ...' * (len(turned) > 3)}) and are "
            f"searched so, because boxes in a file are for the pixels as stored; `pose predict --boxes detect` turns "
            f"them upright",
            stacklevel=2,
        )
