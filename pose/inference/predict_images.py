"""`pose predict`: from files and folders to drawings and predictions.json."""

from __future__ import annotations

import contextlib
import glob
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from pose.data.image_entries import leaves_folder
from pose.drawing.sheets import draw_heatmaps
from pose.images.files import ImageInput, find_images
from pose.images.types import Image
from pose.images.write import WRITABLE_SUFFIXES, write_image
from pose.inference.base import CropHeatmaps, PredictorBase
from pose.inference.box_source import box_source, boxes_of_images
from pose.inference.image_loop import ImageLoop, Progress, in_groups
from pose.inference.inputs import PredictRequest
from pose.inference.results import People, nothing_to_draw
from pose.runtime.errors import DataError
from pose.runtime.files import write_json
from pose.runtime.folder_lock import lock_output
from pose.runtime.outputs import holds_json_of
from pose.runtime.paths import portable, user_path
from pose.runtime.text import plural

PREDICTIONS = "predictions.json"
FORMAT = "pose-predictions-1"
WRITE_SECONDS = 5.0  # between two writings of what is done, against loss by a killed process or a full disk


@dataclass(frozen=True)
class PredictSummary:
    """What `predict_images` did.

    Attributes:
        images: how many were written.
        people: how many were found in them.
        images_without_boxes: images with nobody on them.
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
        notes += [f"{plural(self.images_without_boxes, 'image')} without boxes"] if self.images_without_boxes else []
        notes += [f"{plural(len(self.broken), 'unreadable file')} skipped"] if self.broken else []
        people = plural(self.people, "person", "people")
        return f"{people} in {plural(self.images, 'image')} ({', '.join(notes)}): {self.out}"


def predict_images(
    predictor: PredictorBase,
    images: Sequence[Path] | Mapping[str, Image],
    *,
    out: Path,
    boxes: Path | str = "whole",
    heatmaps: bool = False,
    threshold: float = 0.2,
    min_box_score: float = 0.0,
    workers: int = 0,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> PredictSummary:
    """Draw the people of images, and write all that was found into predictions.json.

    Args:
        images: files, and folders that are searched with their sub-folders, which `out` keeps; nothing hidden and
            nothing below `out` is read. Or arrays (H, W, 3) of uint8 in RGB by their names.
        out: gets one drawn image for each input (bmp and tiff become png) and predictions.json. Only files of an
            earlier prediction are overwritten, never an input.
        boxes: "whole" takes each image as one person, upright by its EXIF orientation; "detect" searches such images
            by the predictor's detector; or a JSON file of boxes in the pixels as stored, see `read_boxes`.
        heatmaps: also write each person's heatmaps, `street.jpg.heatmaps-0.jpg` for the first.
        threshold: keypoints that score less are not drawn; the JSON has them all.
        min_box_score: boxes that score less are left out.
        workers: threads that read files ahead; 0 reads each when its turn comes.
        progress: called with the numbers of images done and in all.
        tell: gets a line of what is used of folders, see `find_images`.
    Raises:
        FileNotFoundError: an input or the boxes are missing.
        DataError: nothing to do, an input would be overwritten, or boxes are malformed or of other images. A broken
            image in a folder is skipped with a warning; one that was named, or every one of a folder, is an
            error once the rest is written. Whatever ends the work, what was done by then stays.
        OSError: `out` cannot be written to, or another command writes there.
    """
    out = user_path(out)
    inputs = find_images(images, out=out, tell=tell)
    read = partial(boxes_of_images, images=inputs, skeleton=predictor.skeleton, min_score=min_box_score, tell=tell)
    source = box_source(predictor, boxes, what="image", read=read, min_score=min_box_score)
    _check_targets(inputs, out, protected=[] if source.file is None else [source.file], heatmaps=heatmaps)
    earlier = _earlier_files(out)
    document = _Document(out, predictor, boxes=source.label)
    drawing = _Drawing(out, threshold=threshold, boxes=boxes != "whole")
    loop = ImageLoop(inputs, upright=source.file is None, workers=workers, progress=progress)
    with document:
        for group in in_groups(loop.requests(source), predictor.batch_size):
            for (index, request), (people, maps) in zip(group, _predict(predictor, group, heatmaps), strict=True):
                document.add(inputs[index], people)
                drawing.draw(inputs[index], request.image, people, maps)
                loop.tell(index + 1)
    source.warn()
    drawing.warn()
    _warn_of_earlier(earlier - drawing.written, out)
    return document.summary(broken=loop.finish(out))


def _predict(
    predictor: PredictorBase, group: list[tuple[int, PredictRequest]], heatmaps: bool
) -> Iterator[tuple[People, list[CropHeatmaps]]]:
    requests = [request for _, request in group]
    if heatmaps:
        return predictor.stream_with_heatmaps(requests)
    return ((people, []) for people in predictor.stream(requests))


class _Document:
    """predictions.json, which marks the folder as ours from the start, also if this run is cut off.

    Inside `with` it is written now and then, and at the end: whatever ends the work, the images done by then are in
    it, with `complete` false.
    """

    def __init__(self, out: Path, predictor: PredictorBase, *, boxes: str) -> None:
        self.out, self.boxes = out, boxes
        self.header = {
            "format": FORMAT,
            "checkpoint": portable(predictor.source),  # the file may be handed on
            "boxes": portable(boxes),
            "flip_test": predictor.flip_test,
            "keypoint_names": list(predictor.skeleton.keypoint_names),
        }
        self.images: list[dict[str, Any]] = []
        self.next_write = 0.0

    def __enter__(self) -> _Document:
        self.lock = lock_output(self.out)
        with contextlib.ExitStack() as stack:
            stack.push(self.lock)
            self._write(complete=False)
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self.lock:
            if error is None:
                self.lock.check()
                self._write(complete=True)
                return
            done, place = plural(len(self.images), "image"), self.lock.moved()
            if place == "":
                warnings.warn(f"ended early: {self.out} is gone, with the {done} done by then", stacklevel=2)
                return
            self.out = self.out if place is None else Path(place)
            with contextlib.suppress(OSError):  # the disk may be full; what was written before stays
                self._write(complete=False)
            warnings.warn(f"ended early: {self.out / PREDICTIONS} has the {done} done by then", stacklevel=2)

    def add(self, image: ImageInput, people: People) -> None:
        self.lock.check()
        size = list(people.image_size)
        self.images.append({"file_name": image.name, "image_size": size, "people": people.to_records()})
        if time.monotonic() >= self.next_write:
            self._write(complete=False)

    def _write(self, *, complete: bool) -> None:
        begin = time.monotonic()
        write_json(self.out / PREDICTIONS, {**self.header, "complete": complete, "images": self.images}, indent=None)
        end = time.monotonic()
        self.next_write = end + max(WRITE_SECONDS, 50 * (end - begin))  # of many images this takes a while

    def summary(self, *, broken: tuple[Path, ...]) -> PredictSummary:
        return PredictSummary(
            images=len(self.images),
            people=sum(len(image["people"]) for image in self.images),
            images_without_boxes=sum(not image["people"] for image in self.images),
            broken=broken,
            out=self.out,
            boxes=self.boxes,
        )


class _Drawing:
    """The drawn images, those on which nothing is drawn, and those that cannot be drawn."""

    def __init__(self, out: Path, *, threshold: float, boxes: bool) -> None:
        self.out, self.threshold, self.boxes = out, threshold, boxes
        self.images = self.bare = 0
        self.written: set[Path] = set()

    def draw(self, image: ImageInput, pixels: Image, people: People, heatmaps: Sequence[CropHeatmaps]) -> None:
        target = _target(image, self.out)
        try:
            write_image(target, people.draw(pixels, threshold=self.threshold, boxes=self.boxes))
            self.written.add(target)
        except ValueError as error:  # more pixels than the format holds: this image's trouble alone
            warnings.warn(f"not drawn, but in {PREDICTIONS}: {error}", stacklevel=2)
            return
        for person, (crop, maps) in enumerate(heatmaps):
            drawn = draw_heatmaps(crop, maps, people.skeleton)
            maps_target = target.with_name(f"{target.name}.heatmaps-{person}.jpg")
            write_image(maps_target, drawn)
            self.written.add(maps_target)
        self.images += 1
        self.bare += nothing_to_draw(people, self.threshold)

    def warn(self) -> None:
        if self.bare:
            warnings.warn(
                f"no keypoint of anybody scores more than {self.threshold:g} on {self.bare} of "
                f"{plural(self.images, 'image')}, so none is drawn there; a lower threshold draws them, and "
                f"{PREDICTIONS} has them all",
                stacklevel=3,
            )


def _target(image: ImageInput, out: Path) -> Path:
    """Where an image is drawn to."""
    return out / (image.name if Path(image.name).suffix.lower() in WRITABLE_SUFFIXES else f"{image.name}.png")


def _earlier_files(out: Path) -> set[Path]:
    """The drawings and heatmaps of an earlier prediction in the folder."""
    if not holds_json_of(out / PREDICTIONS, format=FORMAT):
        return set()
    listed = json.loads((out / PREDICTIONS).read_bytes()).get("images")
    names = [image.get("file_name") for image in listed or [] if isinstance(image, dict)]
    targets = [
        _target(ImageInput(name, None, True), out)
        for name in names
        if isinstance(name, str) and not leaves_folder(name)
    ]
    found = {target for target in targets if target.is_file()}
    for target in targets:
        found.update(target.parent.glob(f"{glob.escape(target.name)}.heatmaps-*.jpg"))
    return found


def _warn_of_earlier(files: set[Path], out: Path) -> None:
    """Of files that do not belong to predictions.json any more."""
    if files:
        warnings.warn(
            f"{plural(len(files), 'file')} of an earlier prediction {'is' if len(files) == 1 else 'are'} still in "
            f"{out}, e.g. {min(files).name}; {PREDICTIONS} has only what was found now",
            stacklevel=3,
        )


def _check_targets(images: Sequence[ImageInput], out: Path, *, protected: Sequence[Path], heatmaps: bool) -> None:
    """Make sure that nothing is written over an input, over another result, or over files that are not ours."""
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file; give a folder")
    files = [image.path for image in images if image.path is not None]
    inputs = {path.resolve() for path in (*files, *protected)}
    ours = holds_json_of(out / PREDICTIONS, format=FORMAT)
    sources: dict[Path, str] = {}
    targets = [(_target(image, out), str(image.path or image.name)) for image in images]
    for target, source in [*targets, (out / PREDICTIONS, "")]:
        if target.resolve() in inputs:
            raise DataError(f"{target} is an input and would be overwritten; give another --out than {out}")
        if target.exists() and not ours:
            raise DataError(f"{target} exists and is not of an earlier prediction; give another --out than {out}")
        if target in sources:
            raise DataError(
                f"{sources[target]} and {source} would both be written to {target}; give the folder that holds both, "
                f"or predict them into two folders"
            )
        sources[target] = source
    if heatmaps:
        _check_heatmaps(set(sources), out, inputs=inputs, ours=ours)


def _check_heatmaps(targets: set[Path], out: Path, *, inputs: set[Path], ours: bool) -> None:
    """The same for the names that heatmaps would get, of which nobody knows yet how many there will be."""
    for target in sorted(targets):
        found = re.fullmatch(r"(.+)\.heatmaps-\d+\.jpg", target.name)
        if found and target.with_name(found[1]) in targets:
            raise DataError(
                f"{target} would be both a drawn image and the heatmaps of {found[1]}; rename the image, or "
                "predict it into another folder"
            )
        for there in target.parent.glob(f"{glob.escape(target.name)}.heatmaps-*.jpg"):
            if there.resolve() in inputs:
                raise DataError(f"{there} is an input and would be overwritten; give another --out than {out}")
            if not ours:
                raise DataError(f"{there} exists and is not of an earlier prediction; give another --out than {out}")
