"""What `pose new` chooses by the annotations: the input's size, the batch and the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pose.data.records import read_flag, read_number
from pose.keypoints.skeletons import COCO17
from pose.runtime.text import plural

AREA = 224 * 160  # pixels of the demo model's input, which its weights know
SIDES = range(64, 289, 32)
MIN_STEPS = 320  # few images need as many steps as more do
MIN_EPOCHS = 12
FEW = 20  # people to validate on, below which the best of several evaluations is the luckiest


@dataclass(frozen=True)
class Recipe:
    """What suits a number of people and the shape of their boxes.

    Attributes:
        people: with a labeled keypoint.
        validated: people with one to validate on. Fewer than `FEW` are evaluated at the end alone, as the best
            weights by few people were worse than the last ones (docs/own_data.md).
        aspect: the median width of their boxes divided by the height.
        input_size: (height, width).
        known: the keypoints are those that the demo model finds already. The rate is lower then, the weights are
            averaged and the Gaussians are those that it learned, so that it keeps more of what it knows
            (docs/own_data.md has the measurements).
    """

    people: int
    validated: int
    aspect: float
    input_size: tuple[int, int]
    batch_size: int
    epochs: int
    known: bool

    @property
    def steps(self) -> int:
        """Of all epochs."""
        return self.epochs * math.ceil(self.people / self.batch_size)

    def entries(self) -> dict[str, Any]:
        """The keys of a config, by their last name."""
        return {
            "input_size": list(self.input_size),
            "sigma": 1.5 if self.known else 1,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": 0.0005 if self.known else 0.002,
            "ema": 0.995 if self.known else None,
            "milestones": sorted({max(1, round(share * self.epochs)) for share in (0.75, 0.92)}),
            "every": self.epochs if self.validated < FEW else max(1, self.epochs // 5),
        }

    def __str__(self) -> str:
        height, width = self.input_size
        return (
            f"{plural(self.people, 'person', 'people')} with keypoints, in boxes {self.aspect:.2f} times as wide as "
            f"high: input {height} x {width}, {plural(self.epochs, 'epoch')} of batches of {self.batch_size}, "
            f"{self.steps:,} steps{', at a low rate as the demo model knows these keypoints' if self.known else ''}"
            f"{', evaluated once, as few are there to choose weights by' if self.validated < FEW else ''}"
        )


def suit(document: dict[str, Any], val: dict[str, Any], *, keypoint_names: Sequence[str] | None) -> Recipe:
    """Choose by the annotations; what cannot be read in them is for `pose check` to tell.

    Args:
        document, val: what the files to train on and to validate on hold.
        keypoint_names: of the skeleton to learn; None where it is not known yet.
    """
    people = _with_keypoints(document)
    shapes = [aspect for a in people if (aspect := _aspect(a.get("bbox"))) is not None]
    aspect = median(shapes) if shapes else 0.75
    count = max(1, len(people))
    batch = next((size for size in (16, 8) if count >= 4 * size), 4)
    epochs = max(MIN_EPOCHS, math.ceil(MIN_STEPS / math.ceil(count / batch)))
    known = keypoint_names is not None and list(keypoint_names) == list(COCO17.keypoint_names)
    return Recipe(len(people), len(_with_keypoints(val)), aspect, input_size_of(aspect), batch, epochs, known)


def _with_keypoints(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations with a labeled keypoint."""
    records = document.get("annotations")
    given = [a for a in records if isinstance(a, dict)] if isinstance(records, list) else []
    return [a for a in given if read_flag(a.get("iscrowd")) is not True and _has_keypoints(a.get("keypoints"))]


def input_size_of(aspect: float) -> tuple[int, int]:
    """The (height, width) in multiples of 32 that is nearest to a box's width / height, and to the demo's area."""
    sizes = [(height, width) for height in SIDES for width in SIDES]

    def away(size: tuple[int, int]) -> float:
        height, width = size
        return abs(math.log(width / height / aspect)) + 0.5 * abs(math.log(height * width / AREA))

    return min(sizes, key=away)


def _has_keypoints(values: Any) -> bool:
    return isinstance(values, list) and any(read_number(v) in (1, 2) for v in values[2::3])


def _aspect(box: Any) -> float | None:
    """Width / height of a box; None of what is none."""
    if not isinstance(box, list) or len(box) != 4:
        return None
    width, height = read_number(box[2]), read_number(box[3])
    return width / height if width and height and min(width, height) > 0 else None
