"""`pose predict`: from files and folders to drawings and predictions.json."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.boxes import read_boxes
from pose.data.images import read_image, read_upright
from pose.files import write_json
from pose.inputs import whole_box
from pose.predictor import Predictor
from pose.sheets import draw_heatmaps
from pose.visualize import SUFFIXES, Image, write_image

IMAGE_SUFFIXES = (*SUFFIXES, ".bmp", ".tif", ".tiff")
PREDICTIONS = "predictions.json"
FORMAT = "pose-predictions-1"


@dataclass(frozen=True)
class PredictSummary:
    """What `predict_files` did.

    Attributes:
        images: number written.
        people: number found in them.
        images_without_boxes: number written with nobody on them.
        broken: images that could not be read.
        out: the folder written to.
        boxes: "whole image", or the file of the boxes.
    """

    images: int
    people: int
    images_without_boxes: int
    broken: tuple[Path, ...]
    out: Path
    boxes: str

    def __str__(self) -> str:
        notes = [f"boxes: {self.boxes}"]
        notes += [f"{self.images_without_boxes} images without boxes"] if self.images_without_boxes else []
        notes += [f"{len(self.broken)} unreadable files skipped"] if self.broken else []
        return f"{self.people} people in {self.images} images ({', '.join(notes)}): {self.out}"


def predict_files(
    predictor: Predictor,
    inputs: Sequence[Path],
    *,
    out: Path,
    boxes: Path | str = "whole",
    heatmaps: bool = False,
    threshold: float = 0.2,
    min_box_score: float = 0.0,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PredictSummary:
    """Draw the people of image files, and write all that was found into predictions.json.

    Args:
        inputs: images, and folders that are searched with their sub-folders, which `out` keeps. Nothing hidden
            and nothing below `out` is read.
        out: gets one drawn image for each input (bmp and tiff become png) and predictions.json. Only files of an
            earlier prediction are overwritten, never an input.
        boxes: "whole" takes each image as one person, upright by its EXIF orientation. A JSON file gives boxes in
            the pixels as stored, as COCO's are: a list of {bbox: [x, y, width, height], score (1 if left out),
            file_name or image_id}, or COCO annotations. `file_name` is the path below the input folder, or the
            end of it where that is unambiguous; an `image_id` that no `images` explain is the number in the file's
            name (785 for 000000000785.jpg). Left out are other images, crowds, and categories that are not people.
        heatmaps: also write each person's heatmaps, `street.jpg.heatmaps-0.jpg` for the first.
        threshold: keypoints that score less are not drawn; the JSON has them all.
        min_box_score: boxes that score less are left out.
        workers: threads that read images ahead; 0 reads each when its turn comes.
        progress: called with the numbers of images done and in all.
    Raises:
        FileNotFoundError: an input or the boxes are missing.
        ValueError: nothing to do, an input would be overwritten, or boxes are malformed or of other images. A broken
            image in a folder is skipped with a warning; one that was named, or every one of a folder, is an
            error once the rest is written.
    """
    whole = str(boxes) == "whole"
    found = _find_inputs(inputs, out)
    boxes_of = {} if whole else read_boxes(Path(boxes), [i.name for i in found], min_score=min_box_score)
    _check_targets(found, out, protected=[] if whole else [Path(boxes)])
    if whole:
        warnings.warn("each whole image is taken as one person; give --boxes for several", stacklevel=2)
    header = {
        "format": FORMAT,
        "checkpoint": predictor.source,
        "boxes": "whole image" if whole else str(boxes),
        "flip_test": predictor.flip_test,
        "keypoint_names": list(predictor.skeleton.keypoint_names),
    }
    records: list[dict[str, Any]] = []
    broken: list[_Input] = []
    # Shows at once if `out` is not writable, and marks the folder as ours if this run is cut off.
    write_json(out / PREDICTIONS, {**header, "complete": False, "images": []})
    images = _read_ahead([item.path for item in found], read_upright if whole else read_image, workers)
    for index, (item, get_image) in enumerate(zip(found, images, strict=True)):
        if progress is not None:
            progress(index, len(found))
        try:
            image = get_image()
        except (ValueError, OSError) as error:
            broken.append(item)
            warnings.warn(f"skipped: {error}", stacklevel=2)
            continue
        xywh, scores = (whole_box(image), np.ones(1)) if whole else boxes_of[item.name]
        people = replace(predictor.predict(image, xywh, box_scores=scores), image_path=item.path)
        write_image(item.target, people.draw(image, threshold=threshold, boxes=not whole))
        if heatmaps:
            for person, drawn in enumerate(_drawn_heatmaps(predictor, image, xywh)):
                write_image(item.target.with_name(f"{item.target.name}.heatmaps-{person}.jpg"), drawn)
        records.append({"file_name": item.name, "image_size": list(people.image_size), "people": people.to_records()})
    write_json(out / PREDICTIONS, {**header, "complete": True, "images": records}, indent=None)
    if progress is not None:
        progress(len(found), len(found))
    fatal = broken if not records else [item for item in broken if item.named]
    if fatal:
        raise ValueError(
            f"cannot read {', '.join(str(item.path) for item in fatal[:5])}{', ...' * (len(fatal) > 5)}: broken, or "
            f"not images; replace the files ({len(records)} other images are done, in {out})"
        )
    return PredictSummary(
        images=len(records),
        people=sum(len(record["people"]) for record in records),
        images_without_boxes=sum(not record["people"] for record in records),
        broken=tuple(item.path for item in broken),
        out=out,
        boxes=str(header["boxes"]),
    )


def _read_ahead(paths: Sequence[Path], read: Callable[[Path], Image], workers: int) -> Iterator[Callable[[], Image]]:
    """For each path what gives its image, or raises what `read` raises."""
    if workers == 0:
        yield from (partial(read, path) for path in paths)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Image]] = deque()
        for path in paths:
            waiting.append(pool.submit(read, path))
            if len(waiting) > workers:  # more would only fill the memory
                yield waiting.popleft().result
        while waiting:
            yield waiting.popleft().result


def _drawn_heatmaps(predictor: Predictor, image: Image, boxes: NDArray[np.float64]) -> Iterator[Image]:
    for start in range(0, len(boxes), predictor.batch_size):
        crops, maps = predictor.heatmaps(image, boxes[start : start + predictor.batch_size])
        for crop, each in zip(crops, maps.cpu().numpy(), strict=True):
            yield draw_heatmaps(crop, each, predictor.skeleton)


@dataclass(frozen=True)
class _Input:
    """An image to read: its name below `out`, its file, where it is drawn to, and whether the user named it."""

    name: str
    path: Path
    target: Path
    named: bool


def _find_inputs(inputs: Sequence[Path], out: Path) -> list[_Input]:
    """Each image once, those that were named first."""
    listed: list[tuple[str, Path, bool]] = []
    below_out = out.resolve()
    for given in map(Path, inputs):
        if given.is_dir():
            if below_out == given.resolve():
                raise ValueError(f"--out {out} is the folder of the images, which would be overwritten; give another")
            for path in sorted(given.rglob("*")):
                relative = path.relative_to(given)
                hidden = any(part.startswith(".") for part in relative.parts)
                # Results that lie in the folder are no input; a folder of images that lies in `out` is one.
                ours = given.resolve() in below_out.parents and below_out in path.resolve().parents
                if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not hidden and not ours:
                    listed.append((relative.as_posix(), path, False))
        elif given.is_file():
            if given.suffix.lower() not in IMAGE_SUFFIXES:
                raise ValueError(f"{given} is no image; expected {', '.join(IMAGE_SUFFIXES)}, or a folder")
            listed.append((given.name, given, True))
        else:
            raise FileNotFoundError(f"no image or folder {given}; check the path")
    if not listed:
        raise ValueError(
            f"no image in {', '.join(map(str, inputs)) or 'the list given'}; expected {', '.join(IMAGE_SUFFIXES)}"
        )
    found: dict[Path, _Input] = {}
    for name, path, named in sorted(listed, key=lambda entry: not entry[2]):
        target = out / (name if path.suffix.lower() in SUFFIXES else f"{name}.png")
        found.setdefault(path.resolve(), _Input(name, path, target, named))
    return list(found.values())


def _check_targets(found: Sequence[_Input], out: Path, *, protected: Sequence[Path]) -> None:
    """Make sure that nothing is written over an input, over another result, or over files that are not ours."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; give a folder")
    inputs = {path.resolve() for path in (*(item.path for item in found), *protected)}
    ours = (out / PREDICTIONS).exists()
    sources: dict[Path, Path] = {}
    for target, path in [*((item.target, item.path) for item in found), (out / PREDICTIONS, Path())]:
        if target.resolve() in inputs:
            raise ValueError(f"{target} is an input and would be overwritten; give another --out than {out}")
        if target.exists() and not ours:
            raise ValueError(f"{target} exists and is not of an earlier prediction; give another --out than {out}")
        if target in sources:
            raise ValueError(
                f"{sources[target]} and {path} would both be written to {target}; give the folder that holds both, "
                f"or predict them into two folders"
            )
        sources[target] = path
