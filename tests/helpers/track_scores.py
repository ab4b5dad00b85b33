"""How well people are told apart through a video, against true tracks.

Source: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose.keypoints.geometry import iou
from pose.runtime.arrays import Array

Frame = tuple[Sequence[int], Array]  # numbers of N people, and their boxes (N, 4) x, y, width, height


@dataclass(frozen=True)
class TrackScores:
    """Counts over all frames.

    Attributes:
        people: true boxes.
        missed: of them, without a found one (IoU of 0.5 and more).
        false: found boxes of nobody.
        switches: true people whose found number is not that of when they were last found.
    """

    people: int
    missed: int
    false: int
    switches: int

    @property
    def mota(self) -> float:
        """1 less the errors for each true box."""
        return 1 - (self.missed + self.false + self.switches) / max(self.people, 1)


def score_tracks(truth: Sequence[Frame], found: Sequence[Frame], *, min_iou: float = 0.5) -> TrackScores:
    """Compare frame by frame; who was matched in the last frame stays so while the boxes overlap."""
    people = missed = false = switches = 0
    last: dict[int, int] = {}  # the found number of each true person
    for (who, true_boxes), (numbers, boxes) in zip(truth, found, strict=True):
        overlap = iou(true_boxes, boxes)
        pairs: dict[int, int] = {}
        for i, person in enumerate(who):
            j = list(numbers).index(last[person]) if last.get(person) in numbers else -1
            if j >= 0 and overlap[i, j] >= min_iou and j not in pairs.values():
                pairs[i] = j
        for flat in np.argsort(-overlap, axis=None, kind="stable"):
            i, j = divmod(int(flat), max(len(numbers), 1))
            if overlap[i, j] < min_iou:
                break
            if i not in pairs and j not in pairs.values():
                pairs[i] = j
        for i, j in pairs.items():
            switches += last.get(who[i], numbers[j]) != numbers[j]
            last[who[i]] = numbers[j]
        people += len(who)
        missed += len(who) - len(pairs)
        false += len(numbers) - len(pairs)
    return TrackScores(people, missed, false, switches)
