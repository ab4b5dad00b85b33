"""A contact sheet of augmented crops with their keypoints: what a network would be taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose.check.checker import Checked
from pose.data.people import Person
from pose.data.transforms import Augment
from pose.drawing.sheets import draw_batch
from pose.images.types import Image

CROPS = 24


def draw_crops(
    checked: Checked,
    *,
    input_size: tuple[int, int],
    unbiased: bool = False,
    augment: Augment | None,
    extra: Sequence[Mapping[str, Any]] = (),
) -> Image | None:
    """Draw crops of people spread over the split; None if there is nobody to show.

    Args:
        input_size: (height, width) of a crop.
        unbiased, augment, extra: as training has them.
    """
    from pose.data.dataset import PeopleDataset

    people = _people(checked)
    if not people:
        return None
    places = np.unique(np.linspace(0, len(people) - 1, min(CROPS, len(people))).round().astype(int))
    chosen = [people[i] for i in places]
    skeleton = checked.split.skeleton
    dataset = PeopleDataset(chosen, skeleton, input_size=input_size, unbiased=unbiased, augment=augment, extra=extra)
    samples = [dataset[i] for i in range(len(chosen))]
    return draw_batch(
        np.stack([s.image for s in samples]),
        np.stack([s.keypoints_crop for s in samples]),
        np.stack([s.weights for s in samples]),
        skeleton=skeleton,
    )


def _people(checked: Checked) -> list[Person]:
    """List those who can be cropped: in an image that can be read, with a box and labeled keypoints."""
    split, probes = checked.split, checked.probes
    if probes is None or split.images_dir is None:
        return []
    people = split.people
    with np.errstate(invalid="ignore"):
        good = (
            (people.boxes[:, 2:] > 0).all(axis=1) & people.labeled.any(axis=1) & ~people.crowd & (people.image >= 0)
        )
    found = []
    for row in np.flatnonzero(good):
        image = int(people.image[row])
        probe = probes[image]
        if probe is None or probe.problem or probe.size is None:
            continue
        points = np.where(people.labeled[row][:, None], people.keypoints[row], 0).astype(np.float32)
        x, y, w, h = people.boxes[row].tolist()
        path = Path(split.images_dir, str(split.images.names[image]))
        found.append(Person(int(row), image, path, (x, y, w, h), points, probe.size, w * h))
    return found
