"""What a split holds, in numbers: keypoints by visibility, sizes of boxes, people in an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from pose.check.columns import Split, as_list

SIZES = (0, 32, 64, 96, 128, 192, 256, 384, 512)  # lower bounds of box sizes, square root of the area, pixels
CROWDS = (0, 1, 2, 3, 4, 5, 10, 20)


def count_split(split: Split) -> dict[str, Any]:
    """Count what a split holds, as plain data for the report.

    Returns:
        images, annotations, people (with labeled keypoints, no crowds), images_with_people;
        keypoints: for each name {visible, hidden, unlabeled}, over those people;
        box_sizes, people_per_image: {label: number}.
    """
    people = split.people
    counted = people.labeled.any(axis=1) & ~people.crowd
    visibility = people.keypoints[counted][..., 2]
    labeled = people.labeled[counted]
    keypoints = {
        name: {
            "visible": int(((visibility[:, k] == 2) & labeled[:, k]).sum()),
            "hidden": int(((visibility[:, k] != 2) & labeled[:, k]).sum()),
            "unlabeled": int((~labeled[:, k]).sum()),
        }
        for k, name in enumerate(split.skeleton.keypoint_names)
    }
    boxes = people.boxes[counted]
    with np.errstate(invalid="ignore"):
        good = (boxes[:, 2:] > 0).all(axis=1)
    sides = np.sqrt(boxes[good, 2] * boxes[good, 3])
    per_image = np.bincount(people.image[counted & (people.image >= 0)], minlength=len(split.images.records))
    return {
        "images": len(split.images.records),
        "annotations": len(as_list(split.document.get("annotations"))),
        "people": int(counted.sum()),
        "images_with_people": int((per_image > 0).sum()),
        "keypoints": keypoints,
        "box_sizes": _histogram(sides, SIZES),
        "people_per_image": _histogram(per_image, CROWDS),
    }


def _histogram(values: np.ndarray, lows: tuple[int, ...]) -> dict[str, int]:
    places = np.searchsorted(lows, values, side="right") - 1
    numbers = np.bincount(places, minlength=len(lows)).tolist()
    step = 1 if lows is CROWDS else 0  # people are counted, so 5 to 9; sizes are measured, so 32 to 64
    labels = [
        f"{low}+" if high is None else str(low) if high - low == step else f"{low}-{high - step}"
        for low, high in zip(lows, (*lows[1:], None), strict=True)
    ]
    return dict(zip(labels, numbers, strict=True))
