"""`pose predict`: from files and folders to drawings and predictions.json."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.boxes import confident, read_boxes
from pose.drawing.sheets import draw_heatmaps
from pose.images.files import ImageFile, find_images, read_ahead
from pose.images.read import read_image, read_upright, warn_if_cut_off
from pose.images.types import Image
from pose.images.write import WRITABLE_SUFFIXES, write_image
from pose.inference.base import PredictorBase
from pose.inference.inputs import whole_box
from pose.runtime.files import write_json

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
        boxes: "whole image", the detector, or the file of the boxes.
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
    predictor: PredictorBase,
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
        boxes: "whole" takes each image as one person, upright by its EXIF orientation; "detect" searches such images
            by the predictor's detector. A JSON file gives boxes in
            the pixels as stored, as COCO's are: a list of {bbox: [x, y, width, height], score (1 if left out),
            file_name or image_id}, or COCO annotations. `file_name` is the path below the input folder, or the
            end of it where that is unambiguous; an `image_id` that no `images` explain is the number in the file's
            name (785 for 000000000785.jpg). Left out are other images, crowds, and
            all but one category: that with the skeleton's name, with keypoints, COCO's 1 for people, or the only one.
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
    whole, detect = str(boxes) == "whole", str(boxes) == "detect"
    from_file = not whole and not detect
    found = find_images(inputs, out=out)
    names = [item.name for item in found]
    boxes_of = (
        read_boxes(Path(boxes), names, skeleton=predictor.skeleton, min_score=min_box_score) if from_file else {}
    )
    _check_targets(found, out, protected=[Path(boxes)] if from_file else [])
    detector = predictor.detector if detect else None
    if whole:
        warnings.warn(
            "each whole image is taken as one person; for several give --boxes detect or FILE", stacklevel=2
        )
    header = {
        "format": FORMAT,
        "checkpoint": predictor.source,
        "boxes": "whole image" if whole else f"found by {detector.name}" if detector else str(boxes),
        "flip_test": predictor.flip_test,
        "keypoint_names": list(predictor.skeleton.keypoint_names),
    }
    records: list[dict[str, Any]] = []
    broken: list[ImageFile] = []
    # Shows at once if `out` is not writable, and marks the folder as ours if this run is cut off.
    write_json(out / PREDICTIONS, {**header, "complete": False, "images": []})
    images = read_ahead([item.path for item in found], read_image if from_file else read_upright, workers)
    for index, (item, get_image) in enumerate(zip(found, images, strict=True)):
        if progress is not None:
            progress(index, len(found))
        try:
            image = get_image()
        except (ValueError, OSError) as error:
            broken.append(item)
            warnings.warn(f"skipped: {error}", stacklevel=2)
            continue
        warn_if_cut_off(item.path)
        if whole:
            xywh, scores = whole_box(image), np.ones(1)
        elif detector is not None:
            xywh, scores = confident(detector([image])[0], min_box_score)
        else:
            xywh, scores = boxes_of[item.name]
        target = _target(item, out)
        people = replace(predictor.predict(image, xywh, box_scores=scores), image_path=item.path)
        write_image(target, people.draw(image, threshold=threshold, boxes=not whole))
        if heatmaps:
            for person, drawn in enumerate(_drawn_heatmaps(predictor, image, xywh)):
                write_image(target.with_name(f"{target.name}.heatmaps-{person}.jpg"), drawn)
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


def _drawn_heatmaps(predictor: PredictorBase, image: Image, boxes: NDArray[np.float64]) -> Iterator[Image]:
    for start in range(0, len(boxes), predictor.batch_size):
        crops, maps = predictor.heatmaps(image, boxes[start : start + predictor.batch_size])
        for crop, each in zip(crops, maps if isinstance(maps, np.ndarray) else maps.cpu().numpy(), strict=True):
            yield draw_heatmaps(crop, each, predictor.skeleton)


def _target(item: ImageFile, out: Path) -> Path:
    """Where an image is drawn to."""
    return out / (item.name if item.path.suffix.lower() in WRITABLE_SUFFIXES else f"{item.name}.png")


def _check_targets(found: Sequence[ImageFile], out: Path, *, protected: Sequence[Path]) -> None:
    """Make sure that nothing is written over an input, over another result, or over files that are not ours."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; give a folder")
    inputs = {path.resolve() for path in (*(item.path for item in found), *protected)}
    ours = (out / PREDICTIONS).exists()
    sources: dict[Path, Path] = {}
    for target, path in [*((_target(item, out), item.path) for item in found), (out / PREDICTIONS, Path())]:
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
