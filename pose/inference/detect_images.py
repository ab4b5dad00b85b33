"""`pose detect`: from images to a JSON of the boxes of their people."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pose.images.files import ImageInput, check_names
from pose.images.read import read_header
from pose.inference.detector import CheckedDetector, Detector
from pose.inference.image_loop import ImageLoop, Progress
from pose.inference.memory import check_batch_size
from pose.runtime.errors import DataError
from pose.runtime.files import write_json
from pose.runtime.paths import user_path
from pose.runtime.text import first_few, plural

KEYS = {"image_id", "file_name", "category_id", "bbox", "score"}


@dataclass(frozen=True)
class DetectSummary:
    """What `detect_images` did.

    Attributes:
        images: how many were searched.
        people: how many were found in them.
        images_without_people: images without a detection.
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
        notes += (
            [f"{plural(self.images_without_people, 'image')} without people"] if self.images_without_people else []
        )
        notes += [f"{plural(len(self.broken), 'unreadable file')} skipped"] if self.broken else []
        people = plural(self.people, "person", "people")
        return f"{people} in {plural(self.images, 'image')} ({', '.join(notes)}): {self.out}"


def detect_images(
    detector: Detector,
    images: Sequence[ImageInput],
    *,
    out: Path,
    image_ids: Sequence[int] | None = None,
    category_id: int = 1,
    batch_size: int = 8,
    workers: int = 0,
    progress: Progress | None = None,
) -> DetectSummary:
    """Search images for people and write their boxes, in pixels as stored, as COCO's are.

    Args:
        images: what `find_images` makes of files, folders or arrays.
        out: a JSON file of {image_id, file_name, category_id, bbox: [x, y, width, height], score}, whole or not at
            all. Only boxes are overwritten. If the work ends early, what is done goes into NAME.partial.json.
        image_ids: of each image; without them the records have none.
        batch_size: images at a time.
        workers: threads that read files ahead; 0 reads each when its turn comes.
        progress: called with the numbers of images done and in all.
    Raises:
        DataError: `out` holds something else; images of several folders have one name; or an image is broken: one
            that was named, or every one. A broken image of a folder is skipped with a warning.
        OSError: `out` cannot be written.
    """
    out = user_path(out)
    check_target(out)
    check_names(images)
    check_batch_size(batch_size)
    records: list[dict[str, Any]] = []
    empty = 0
    finder = CheckedDetector(detector)
    loop = ImageLoop(images, upright=False, workers=workers, progress=progress)
    each = iter(loop)
    done = 0
    try:
        while batch := list(islice(each, batch_size)):
            for (index, _), (boxes, scores) in zip(batch, finder([pixels for _, pixels in batch]), strict=True):
                about: dict[str, Any] = {"file_name": images[index].name, "category_id": category_id}
                if image_ids is not None:
                    about = {"image_id": image_ids[index], **about}
                empty += not len(boxes)
                records += _records(boxes, scores, about)
            done = batch[-1][0] + 1
            loop.tell(done)
        write_json(out, records, indent=None)
    except BaseException:
        _keep_partial(records, out, done=done, total=len(images))
        raise
    finder.warn()
    broken = loop.finish(out)
    return DetectSummary(
        images=len(images) - len(broken),
        people=len(records),
        images_without_people=empty,
        broken=broken,
        detector=detector.name,
        out=out,
    )


def _records(boxes: NDArray[Any], scores: NDArray[Any], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each box (N, 4) and score (N) of an image, with what is known of the image."""
    return [
        {**about, "bbox": [round(v, 2) for v in box], "score": round(score, 5)}
        for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
    ]


def _keep_partial(records: list[dict[str, Any]], out: Path, *, done: int, total: int) -> None:
    """Write the boxes of the first images beside `out`, where nobody takes them for all."""
    partial = out.with_name(f"{out.stem}.partial.json")
    if not records:
        return
    try:
        check_target(partial)
        write_json(partial, records, indent=None)
    except (OSError, DataError):
        return
    warnings.warn(
        f"ended early: {partial} has the boxes of the first {done} of {plural(total, 'image')}", stacklevel=3
    )


def check_target(out: Path) -> None:
    """Make sure that nothing but earlier boxes is overwritten.

    Raises:
        DataError: it is no .json, or a file that holds something else.
    """
    if out.suffix.lower() != ".json" or out.is_dir():
        raise DataError(f"--out {out} is no file of boxes; name it with .json")
    if not out.exists():
        return
    try:
        data = json.loads(out.read_bytes())
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, list) or not all(
        isinstance(r, dict) and KEYS - {"image_id"} <= r.keys() <= KEYS for r in data
    ):
        raise DataError(f"{out} exists and does not hold boxes of `pose detect`; give another --out")


def warn_if_turned(images: Sequence[ImageInput]) -> None:
    """Say which images viewers show turned: boxes in a file are for the pixels as stored."""
    turned = [image.name for image in images if image.path is not None and read_header(image.path)[1] != 1]
    if turned:
        count = plural(len(turned), "image is", "images are")
        warnings.warn(
            f"{count} stored turned ({first_few(turned, 3)}) and searched so: "
            f"boxes in a file are for the pixels as stored; `pose predict --boxes detect` turns images upright",
            stacklevel=2,
        )
