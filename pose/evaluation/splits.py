"""From a config's `data` section to the people to train on and to evaluate."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose.config.keypoints import DataConfig, SplitConfig
from pose.data.coco import CocoFile, load_coco
from pose.data.people import (
    Person,
    Usage,
    check_images_exist,
    count_usage,
    detected_people,
    ground_truth_people,
)
from pose.evaluation.coco import check_somebody_counts
from pose.keypoints.oks import MAX_DETECTIONS
from pose.runtime.errors import DataError


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Who is trained on, and how many of the file's annotations these are."""

    people: list[Person]
    usage: Usage


@dataclass(frozen=True, eq=False)
class ValidationSet:
    """What is evaluated.

    Attributes:
        people: the boxes to look into.
        boxes: "gt", or the detections file.
        image_ids: images that count.
        person_ids: annotations that count; None for all.
        usage: of the annotations, where they give the boxes; else None.
    """

    coco: CocoFile
    people: list[Person]
    boxes: str
    image_ids: list[int]
    person_ids: list[int] | None
    usage: Usage | None = None


def make_figures(
    data: DataConfig, *, to_train: bool = True, progress: Callable[[int, int], None] | None = None
) -> None:
    """Generate the images of `data.figures`, unless they are there already or are not asked for.

    Args:
        to_train: those of the training split too.
    """
    if data.figures is None:
        return
    from pose.synthetic.dataset import generate

    wanted = data.figures
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
    people, usage = _annotated(data, split, coco)
    check_images_exist(person.path for person in people)
    return TrainingSet(people, usage)


def validation_set(
    data: DataConfig, *, boxes: str | None = None, only_images_with_boxes: bool = False
) -> ValidationSet:
    """People of the validation split.

    Args:
        boxes: "gt" or a detections file, instead of the config's.
        only_images_with_boxes: leave out images in which there is no box.
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
    usage: Usage | None = None
    if source == "gt":
        people, usage = _annotated(data, split, coco)
        if split.limit or split.min_keypoints > 1 or split.min_area:
            person_ids = [person.id for person in people]
    else:
        # A file named in the config lies in the dataset, one given on the command line where the user is.
        file = Path(data.root, source) if boxes is None else Path(source)
        people = detected_people(file, coco, Path(data.root, split.images))
    check_images_exist(person.path for person in people)
    with_boxes = {person.image_id for person in people}
    image_ids = [i for i in coco.images if i in with_boxes or not only_images_with_boxes]
    check_somebody_counts(coco, image_ids=image_ids, person_ids=person_ids)
    _warn_of_many(coco)
    return ValidationSet(coco, people, source, image_ids, person_ids, usage)


def _warn_of_many(coco: CocoFile) -> None:
    """Warn of images with more people than COCO counts answers in."""
    in_image = Counter(a.image_id for a in coco.annotations or () if a.num_keypoints and not a.is_crowd)
    many = [count for count in in_image.values() if count > MAX_DETECTIONS]
    if many:
        beyond = sum(count - MAX_DETECTIONS for count in many)
        warnings.warn(
            f"{coco.path}: {len(many)} images have more than {MAX_DETECTIONS} annotated, up to {max(many)}; COCO's "
            f"AP counts the {MAX_DETECTIONS} best answers of an image, so {beyond} of {sum(in_image.values())} "
            "count as missed whatever the model finds",
            stacklevel=3,
        )


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


def _annotated(data: DataConfig, split: SplitConfig, coco: CocoFile) -> tuple[list[Person], Usage]:
    filters: dict[str, Any] = {"min_keypoints": split.min_keypoints, "min_area": split.min_area}
    usage = count_usage(coco, limit=split.limit, **filters)
    people = ground_truth_people(coco, Path(data.root, split.images), limit=split.limit, **filters)
    if not people:
        too_strict = count_usage(coco).used > 0
        advice = (
            "lower min_keypoints and min_area" if too_strict else "`pose check` shows which, and how to mend them"
        )
        raise DataError(f"{coco.path} has nobody to use ({usage}); {advice}")
    return people, usage
