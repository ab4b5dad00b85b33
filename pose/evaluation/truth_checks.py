"""What is known of COCO's numbers before they are counted: that nobody counts, or that some count as missed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pose.data.coco import CocoFile
from pose.keypoints.oks import MAX_DETECTIONS
from pose.runtime.errors import DataError
from pose.runtime.text import plural

_told: set[str] = set()  # what `warn_of_many` warned of


def check_somebody_counts(
    coco: CocoFile, *, image_ids: Iterable[int] | None = None, person_ids: Iterable[int] | None = None
) -> None:
    """Look for a person whom COCO's AP counts; without one it is -1, which is no result.

    Raises:
        DataError: there are annotations, and none of them counts.
    """
    if coco.annotations is not None and not _counting(coco, image_ids, person_ids).any():
        raise DataError(
            f"{coco.path} has nobody to count AP with: none of its {len(coco.annotations)} annotations on the images "
            "evaluated has a labeled keypoint and is no crowd; give the annotated file, or one without a list "
            "'annotations' to write results only"
        )


def warn_of_many(
    coco: CocoFile,
    most: int,
    *,
    image_ids: Iterable[int] | None = None,
    person_ids: Iterable[int] | None = None,
) -> None:
    """Warn of images with more people than the `most` answers that count; once, as a training evaluates often.

    Arguments as of `evaluate_coco`.
    """
    counted = coco.columns.image_ids[_counting(coco, image_ids, person_ids)]
    in_image = np.unique(counted, return_counts=True)[1]
    many = in_image[in_image > most]
    if not len(many):
        return
    top, standard = many.max(), "COCO's " if most == MAX_DETECTIONS else ""
    text = (
        f"{coco.path}: {plural(len(many), 'image has', 'images have')} more than {most} annotated, up to {top}; AP "
        f"counts {standard}{most} best answers of an image, so "
        f"{(many - most).sum()} of {len(counted)} count as missed whatever the model finds; max_detections={top} "
        f"counts them (in a config eval.max_detections={top}, with `pose score` --max-detections {top})"
    )
    if text not in _told:
        _told.add(text)
        warnings.warn(text, stacklevel=3)


def _counting(coco: CocoFile, image_ids: Iterable[int] | None, person_ids: Iterable[int] | None) -> NDArray[np.bool_]:
    """Which of the annotations COCO's AP counts, of these images and people."""
    columns = coco.columns
    counting = ~columns.crowds & (columns.counts > 0) & (columns.areas >= 0) & (columns.areas <= 1e10)  # COCOeval's
    if image_ids is not None:
        counting &= np.isin(columns.image_ids, list(image_ids))
    if person_ids is not None:
        counting &= np.isin(columns.ids, list(person_ids))
    return counting
