"""From a config's `data` section to the people to train on and to evaluate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose.config.keypoints import DataConfig, SplitConfig
from pose.data.box_habits import odd_boxes, reach_from_corner, warn_of_odd_boxes
from pose.data.coco import CocoFile, load_coco
from pose.data.detections import detected_people
from pose.data.image_sizes import with_file_sizes
from pose.data.people import (
    POINTS,
    People,
    Person,
    count_usage,
    ground_truth_people,
    grown_truth,
    images_to_look_at,
    with_grown_boxes,
)
from pose.data.usage import Usage
from pose.evaluation.truth_checks import check_somebody_counts, warn_of_many
from pose.keypoints.oks import MAX_DETECTIONS
from pose.runtime.errors import DataError


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Who is trained on, and how many of the file's annotations these are."""

    people: People
    usage: Usage


@dataclass(frozen=True, eq=False)
class ValidationSet:
    """What is evaluated.

    Attributes:
        people: the boxes to look into.
        boxes: "gt", or the detections file.
        image_ids: images that count.
        person_ids: annotations that count; None for all.
        usage: of the annotations, where they give the boxes; else of the detected boxes.
    """

    coco: CocoFile
    people: Sequence[Person]
    boxes: str
    image_ids: list[int]
    person_ids: list[int] | None
    usage: Usage


def make_figures(
    data: DataConfig, *, to_train: bool = True, progress: Callable[[int, int], None] | None = None
) -> None:
    """Generate the images of `data.figures`, unless they are there already or are not asked for.

    Args:
        to_train: those of the training split too.
    Raises:
        DataError: these are made while training (`stream`), or the folder holds something else.
    """
    if data.figures is None:
        return
    from pose.synthetic.dataset import generate

    wanted = data.figures
    if to_train and wanted.stream:
        raise DataError(
            "data.figures.stream=true makes the images to train on while training, so there are none to read; "
            "data.figures.stream=false makes them as files"
        )
    generate(
        data.root,
        level=wanted.level,
        train=wanted.train if to_train else 0,
        val=wanted.val,
        seed=wanted.seed,
        workers=2,
        progress=progress,
    )


def training_set(data: DataConfig) -> TrainingSet:
    """People of the training split.

    Raises:
        FileNotFoundError, DataError: a file is missing or wrong, or nobody is left.
    """
    split = data.train
    coco = load_coco(Path(data.root, split.annotations), data.resolve_skeleton(), category=data.category)
    _, people, usage = _annotated(data, split, coco)
    return TrainingSet(people, usage)


def validation_set(
    data: DataConfig,
    *,
    boxes: str | None = None,
    only_images_with_boxes: bool = False,
    max_detections: int = MAX_DETECTIONS,
) -> ValidationSet:
    """People of the validation split.

    Args:
        boxes: "gt" or a detections file, instead of the config's.
        only_images_with_boxes: leave out images in which there is no box.
        max_detections: answers of an image that count (`eval.max_detections`).
    Raises:
        FileNotFoundError, DataError: a file is missing or wrong, or nobody is left.
    """
    split = data.val
    path = Path(data.root, split.annotations)
    source = split.boxes if boxes is None else boxes
    _check_filters(split, source)
    coco = load_coco(path, data.resolve_skeleton(), category=data.category, need_annotations=False)
    if source == "gt" and coco.annotations is None:
        raise DataError(f"{path} has no annotations and so no boxes; give detected ones with --boxes FILE")
    person_ids: list[int] | None = None
    people: Sequence[Person]
    if source == "gt":
        grown, people, usage = _annotated(data, split, coco)
        coco = grown_truth(coco, grown)
        if split.limit or split.min_keypoints > 1 or split.min_area:
            person_ids = [person.id for person in people]
    else:
        # A file named in the config lies in the dataset, one given on the command line where the user is.
        file = Path(data.root, source) if boxes is None else Path(source)
        found = detected_people(file, coco, Path(data.root, split.images))
        coco = with_file_sizes(coco, Path(data.root, split.images), (p.image_id for p in found.people))
        # Those that are predicted in stay as they are; the truth is the same as with annotated boxes.
        coco = grown_truth(coco, with_grown_boxes(coco, share=data.grow_boxes.share, pixels=data.grow_boxes.pixels))
        people, usage = found.people, found.usage
    with_boxes = {person.image_id for person in people}
    image_ids = [i for i in coco.images if i in with_boxes or not only_images_with_boxes]
    check_somebody_counts(coco, image_ids=image_ids, person_ids=person_ids)
    warn_of_many(coco, max_detections, image_ids=image_ids, person_ids=person_ids)
    return ValidationSet(coco, people, source, image_ids, person_ids, usage)


def _check_filters(split: SplitConfig, source: str) -> None:
    """The config refuses this too, but does not know of boxes that are given instead of its own."""
    off = {"limit": "null", "min_keypoints": "1", "min_area": "0"}
    active = {"limit": split.limit, "min_keypoints": split.min_keypoints > 1, "min_area": split.min_area}
    unset = [f"data.val.{key}={off[key]}" for key, value in active.items() if value]
    if source != "gt" and unset:
        raise DataError(
            f"the config chooses among the annotated people, which needs boxes: gt; for the boxes of {source} add "
            f"{' '.join(unset)}"
        )


def _annotated(data: DataConfig, split: SplitConfig, coco: CocoFile) -> tuple[CocoFile, People, Usage]:
    """The people in annotated boxes, and the file with what the images and the config say otherwise."""
    filters: dict[str, Any] = {"min_keypoints": split.min_keypoints, "min_area": split.min_area}
    images_dir = Path(data.root, split.images)
    looked_at: set[int] = set()
    while fresh := images_to_look_at(coco, looked_at, limit=split.limit, **filters):
        coco = with_file_sizes(coco, images_dir, sorted(fresh))
        looked_at |= fresh
    coco = with_grown_boxes(coco, share=data.grow_boxes.share, pixels=data.grow_boxes.pixels)
    people = ground_truth_people(coco, images_dir, limit=split.limit, **filters)
    usage = count_usage(coco, limit=split.limit, **filters)
    if not people:
        raise DataError(f"{coco.path} has nobody to use ({usage}); {_advice(coco, usage)}")
    _warn_of_boxes(coco, people, data)
    return coco, people, usage


def _advice(coco: CocoFile, usage: Usage) -> str:
    if usage.left_out.get(POINTS):
        return (
            "the boxes are of points and have no size: data.grow_boxes.pixels=N makes boxes of 2 N pixels around "
            "them, in training and evaluation alike"
        )
    odd = odd_boxes(coco.columns.boxes_xywh, coco.sizes)
    if odd:
        return odd
    too_strict = count_usage(coco).used > 0
    return "lower min_keypoints and min_area" if too_strict else "`pose check` shows which, and how to mend them"


def _warn_of_boxes(coco: CocoFile, people: People, data: DataConfig) -> None:
    """Warn of annotated boxes that look like something else."""
    used = np.isin(coco.columns.ids, people.columns.ids)
    boxes = coco.columns.boxes_xywh[used]
    points = coco.columns.keypoints_img[used]
    if not (data.grow_boxes.share or data.grow_boxes.pixels):
        warn_of_odd_boxes(boxes, coco.sizes[used], str(coco.path))
    flat = (boxes[:, 2:] <= 0).any(axis=1)
    if flat.any():
        warnings.warn(
            f"{coco.path}: {flat.sum()} of {len(boxes)} boxes have no width or no height, e.g. "
            f"{boxes[flat][0].tolist()}, so their crops are guesses; boxes are x, y, width, height",
            stacklevel=3,
        )
    from_corner = reach_from_corner(boxes, points)
    if from_corner.any():
        warnings.warn(
            f"{coco.path}: {from_corner.sum()} of {len(boxes)} boxes reach from the corner (0, 0) of the image to "
            "the keypoints, as of an exporter that counts missing keypoints as lying there; take the boxes from the "
            "labeled keypoints",
            stacklevel=3,
        )
