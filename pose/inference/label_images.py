"""`pose label`: annotations by a model, for a person to correct in an annotation tool."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pose.formats.convert import UPRIGHT, complete, describe_notes
from pose.formats.image_files import turn
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind
from pose.formats.recognize import FORMATS
from pose.formats.write import write
from pose.formats.yolo_yaml import require_yaml
from pose.images.files import ImageInput, find_images
from pose.inference.base import PredictorBase
from pose.inference.box_source import BoxSource, box_source, boxes_of_images
from pose.inference.image_loop import ImageLoop, Progress, in_groups
from pose.inference.results import People
from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Floats
from pose.runtime.errors import ConfigError, DataError
from pose.runtime.paths import user_path
from pose.runtime.text import did_you_mean, plural

# What is written into the folder; None where the format is a folder of its own, with copies of the images.
FILES: dict[str, str | None] = {
    "coco": "annotations.json",
    "cvat": "annotations.xml",
    "labelstudio": "tasks.json",
    "labelme": None,
    "yolo": None,
}
_NOT_PEOPLE = {"hand21": "hand", "ap10k17": "animal"}  # what the known skeletons are of, where not of people


@dataclass(frozen=True)
class LabelSummary:
    """What `label_images` did.

    Attributes:
        images, people: how many were labeled.
        empty: images on which nobody was found.
        labeled, keypoints: how many keypoints were labeled, of how many of these people.
        threshold: that a keypoint's score had to reach.
        broken: images that could not be read.
        target: the format.
        root: the folder that the names of the images are below.
        notes: what was left out, guessed, or cannot be held by the format, in lines.
        written: the files, or the folder.
        copied: images that were copied beside their labels; None for a format that leaves them where they are.
    """

    images: int
    people: int
    empty: int
    labeled: int
    keypoints: int
    threshold: float
    broken: tuple[Path, ...]
    target: str
    root: Path
    notes: tuple[str, ...]
    written: tuple[Path, ...]
    copied: int | None

    def __str__(self) -> str:
        low = self.keypoints - self.labeled
        lines = [f"labeled: {plural(self.people, 'person', 'people')} in {plural(self.images, 'image')}"]
        lines += [f"not labeled: keypoints that score less than {self.threshold:g}, or lie outside: {low:,}"]
        if not self.labeled:
            lines.append("no keypoint is labeled, only boxes; give a lower --threshold, or another model")
        lines += [f"images with nobody: {self.empty:,}"] if self.empty else []
        lines += [f"left out: images that cannot be read: {len(self.broken):,}"] if self.broken else []
        copied = [] if self.copied is None else [f"images copied: {self.copied:,}"]
        return "\n".join([*lines, *self.notes, *copied, f"written: {', '.join(map(str, self.written))}"])


def label_images(
    predictor: PredictorBase,
    images: Sequence[Path],
    *,
    target: str,
    out: Path,
    boxes: Path | str = "whole",
    threshold: float = 0.2,
    min_box_score: float = 0.0,
    workers: int = 0,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> LabelSummary:
    """Find the people of images, and write them as annotations of a format.

    Args:
        images: files, and folders that are searched with their sub-folders.
        target: a key of `FILES`.
        out: the folder to write; it must not be there.
        boxes: "whole", "detect" or a file, as of `predict_images`. A whole image is no person's box, so that of the
            labeled keypoints is written instead.
        threshold: keypoints that score less are not labeled.
        min_box_score: boxes that score less are left out.
        workers: threads that read files ahead; 0 reads each when its turn comes.
        progress, tell: as of `predict_images`.
    Raises:
        FileNotFoundError: an input or the boxes are missing.
        ConfigError: no such format.
        DataError: `out` is there, two images would share the file of their labels, or nobody was found. A broken
            image is as in `predict_images`. Whatever ends the work, what was done by then is written.
    """
    out = user_path(out)
    check_target(out, target)
    inputs = find_images(images, out=out, tell=tell)
    read = partial(boxes_of_images, images=inputs, skeleton=predictor.skeleton, min_score=min_box_score, tell=tell)
    source = box_source(predictor, boxes, what="image", read=read, min_score=min_box_score)
    upright = source.file is None
    loop = ImageLoop(inputs, upright=upright, workers=workers, progress=progress)
    labeler = _Labeler(inputs, kind_of(predictor.skeleton), threshold=threshold, keep_boxes=boxes != "whole")
    if FILES[target] is None:
        labeler.check_names(inputs)
    try:
        labeler.label(predictor, loop, source)
    except BaseException:
        if labeler.labels.people:
            labeler.write(out, target, upright=upright)
            done = plural(len(labeler.labels.images), "image")
            warnings.warn(
                f"ended early: {out} has the {done} done by then; to label all of them give another --out",
                stacklevel=2,
            )
        raise
    source.warn()
    if not labeler.labels.people:
        loop.finish(out)
        raise DataError(
            f"nobody was found in {plural(len(labeler.labels.images), 'image')}, so nothing is written; give a lower "
            "--min-box-score, or --boxes FILE"
        )
    written, copied = labeler.write(out, target, upright=upright)
    broken = loop.finish(out)
    return labeler.summary(target, written, copied if FILES[target] is None else None, broken=broken)


def check_target(out: Path, target: str) -> None:
    """Check that annotations can be written, before the work.

    Raises:
        ConfigError: no such format.
        DataError: something is there.
        MissingPackage: a library of the format is not installed.
    """
    if target not in FILES:
        raise ConfigError(f"cannot label for '{target}'; {did_you_mean(target, FILES)}")
    if os.path.lexists(out):
        raise DataError(f"{out} exists already; corrections may be in it, so give another --out")
    if target == "yolo":
        require_yaml()


def kind_of(skeleton: Skeleton) -> ObjectKind:
    """The category to write: it has the name of a skeleton from annotations, else of what a known one is of."""
    name = _NOT_PEOPLE.get(skeleton.name, "person") if skeleton.name in SKELETONS else skeleton.name
    return ObjectKind(name, skeleton.keypoint_names, skeleton.edges, skeleton.flip_pairs)


class _Labeler:
    """Collects the people of images as annotations."""

    def __init__(self, inputs: Sequence[ImageInput], kind: ObjectKind, *, threshold: float, keep_boxes: bool) -> None:
        self.kind, self.threshold, self.keep_boxes = kind, threshold, keep_boxes
        # Names below one folder: those of inputs are below the folder of each.
        files = [os.path.abspath(image.path) for image in inputs if image.path is not None]
        self.root = os.path.commonpath([os.path.dirname(file) for file in files])
        self.labels = LabelSet([], [], Path(self.root))
        self.notes = Notes()
        if ", " in kind.name:  # see `pose.data.category.Category.name`
            self.notes.remark(f"all are of the category '{kind.name}', which the model has learned as one")
        self.keypoints = self.labeled = 0

    def _name(self, image: ImageInput) -> str:
        assert image.path is not None
        return Path(os.path.relpath(os.path.abspath(image.path), self.root)).as_posix()

    def check_names(self, inputs: Sequence[ImageInput]) -> None:
        """Check, before the work, that each image has a name of its own for its labels, which have another suffix.

        Raises:
            DataError: two have the same.
        """
        seen: dict[str, str] = {}
        for name in map(self._name, inputs):
            other = seen.setdefault(str(Path(name).with_suffix("")), name)
            if other != name:
                raise DataError(
                    f"the labels of {other} and {name} would have one name; give the images different ones"
                )

    def label(self, predictor: PredictorBase, loop: ImageLoop, source: BoxSource) -> None:
        """Find the people of all images."""
        for group in in_groups(loop.requests(source), predictor.batch_size):
            found = predictor.stream([request for _, request in group])
            for (index, _), people in zip(group, found, strict=True):
                self.add(loop.images[index], people)
                loop.tell(index + 1)

    def add(self, image: ImageInput, people: People) -> None:
        """The people of one image, the best first; somebody without a labeled keypoint stays as a box."""
        record = LabeledImage(self._name(image), size=people.image_size)
        self.labels.images.append(record)
        for index in np.argsort(-people.person_scores, kind="stable").tolist():
            points = self._visibility(people.keypoints[index], people.scores[index], people.image_size)
            labeled = int((points[:, 2] > 0).sum())
            self.labeled += labeled
            self.keypoints += len(points)
            if not labeled:
                self.notes.guessed["people without a labeled keypoint, as a box alone"] += 1
            box = None
            if self.keep_boxes or not labeled:
                box = _inside(people.boxes[index].astype(np.float64), people.image_size)
            self.labels.people.append(LabeledPerson(record, self.kind, points, box))

    def _visibility(self, points: Floats, scores: Floats, size: tuple[int, int]) -> Floats:
        """(K, 3) x, y, and 2 for what is sure and in the image, else zeros."""
        inside = ((points >= 0) & (points <= np.array([size[1], size[0]]) - 1)).all(axis=1)
        sure = inside & (scores > self.threshold)  # as in drawings; at 0 there is no peak, so no place
        rows = np.concatenate([points, np.full((len(points), 1), 2)], axis=1).astype(np.float64)
        rows[~sure] = 0
        return rows

    def write(self, out: Path, target: str, *, upright: bool) -> tuple[tuple[Path, ...], int]:
        """Bring them to disk, in the pixels that the tool shows; see `pose.formats.write.write`."""
        if upright != (target in UPRIGHT):
            turn(self.labels, upright=target in UPRIGHT, notes=self.notes)
        complete(self.labels, target, self.notes)
        file = FILES[target]
        place = out if file is None else out / file
        return write(self.labels, place, target, self.notes, description="labeled by pose label")

    def summary(
        self, target: str, written: tuple[Path, ...], copied: int | None, *, broken: tuple[Path, ...]
    ) -> LabelSummary:
        return LabelSummary(
            images=len(self.labels.images),
            people=len(self.labels.people),
            empty=sum(not people for people in self.labels.people_by_image().values()),
            labeled=self.labeled,
            keypoints=self.keypoints,
            threshold=self.threshold,
            broken=broken,
            target=target,
            root=Path(self.root),
            notes=tuple(describe_notes(self.notes, FORMATS[target].split(":")[0])),
            written=written,
            copied=copied,
        )


def _inside(box: Floats, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a box that lies in the image; tools refuse or hide others. One outside stays."""
    x, y, w, h = box.tolist()
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, float(size[1])), min(y + h, float(size[0]))
    return (left, top, right - left, bottom - top) if right > left and bottom > top else (x, y, w, h)
