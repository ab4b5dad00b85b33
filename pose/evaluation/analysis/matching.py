"""COCO's matching and average precision for many questions at once.

A view is one question to the same detections: all people, one keypoint, one group of people. It has its own OKS and
its own people to ignore. COCOeval would need a run of its own, in Python loops, for each of about forty views.

Shapes: V views, T thresholds, D detections, G annotated people of one image, R = 101 recalls.
Source: COCOeval (pycocotools), `evaluateImg` and `accumulate`; the tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose.evaluation.analysis.scenes import Bools, Floats

OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class Matches:
    """What matches what in one image.

    Attributes:
        person: (V, T, D) index of the annotated person, -1 for none.
        right: (V, T, D) is matched with one that counts.
        ignored: (V, T, D) is neither right nor wrong.
    """

    person: NDArray[np.int64]
    right: Bools
    ignored: Bools


def match(oks: Floats, ignore: Bools, *, crowds: Bools, outside: Bools, thresholds: Floats) -> Matches:
    """Give each detection, best first, the most similar person who is still free.

    Args:
        oks: (V, D, G), the detections best first.
        ignore: (V, G) people that a view does not ask for.
        crowds: (G,) those of them that stay free.
        outside: (V, D) detections that do not count in a view where they match nobody.
        thresholds: (T,) the least similarity of a match.
    """
    views, detections, people = oks.shape
    person = np.full((views, len(thresholds), detections), -1, dtype=np.int64)
    free = np.ones((views, len(thresholds), people), dtype=bool)
    asked = ~ignore[:, None]
    for d in range(detections if people else 0):
        similar = oks[:, d][:, None]
        possible = (similar >= thresholds[None, :, None]) & (free | crowds)
        wanted = possible & asked
        possible = np.where(wanted.any(axis=-1, keepdims=True), wanted, possible)
        # Of equals the last, as COCOeval.
        best = people - 1 - np.where(possible, similar, -1.0)[..., ::-1].argmax(axis=-1)
        found = possible.any(axis=-1)
        person[..., d] = np.where(found, best, -1)
        v, t = np.nonzero(found)
        free[v, t, best[v, t]] = False
    matched = person >= 0
    unwanted = np.zeros_like(matched)
    if people:
        unwanted = matched & np.take_along_axis(np.broadcast_to(~asked, free.shape), np.maximum(person, 0), axis=-1)
    return Matches(person, matched & ~unwanted, unwanted | (~matched & outside[:, None]))


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall of one view.

    Attributes:
        precision: (T, R) at 101 recalls; None if nobody counts.
        recall: (T,) of all detections.
        people: how many count.
    """

    precision: Floats | None
    recall: Floats | None
    people: int

    @property
    def ap(self) -> float | None:
        return None if self.precision is None else float(self.precision.mean())

    @property
    def ar(self) -> float | None:
        return None if self.recall is None else float(self.recall.mean())


def curve(scores: Floats, right: Bools, ignored: Bools, people: int) -> Curve:
    """Precision over recall of one view, all images together.

    Args:
        scores: (N,) of the detections of all images.
        right, ignored: (T, N)
        people: how many could be found.
    """
    if not people:
        return Curve(None, None, 0)
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(right[:, order], axis=1, dtype=np.float64)
    false = np.cumsum(~right[:, order] & ~ignored[:, order], axis=1, dtype=np.float64)
    precision = true / (true + false + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    at = np.zeros((len(right), len(RECALLS)))
    for row, (values, recalls) in enumerate(zip(precision, true / people, strict=True)):
        where = np.searchsorted(recalls, RECALLS, side="left")
        at[row, where < len(values)] = values[where[where < len(values)]]
    return Curve(at, true[:, -1] / people if len(scores) else np.zeros(len(right)), people)


def curves(scores: Sequence[Floats], matches: Sequence[Matches], people: Sequence[int]) -> list[Curve]:
    """The curve of each view.

    Args:
        scores: (D,) of each image.
        matches: of each image.
        people: of each view, how many count in all images.
    """
    all_scores = np.concatenate([np.zeros(0), *scores])
    result = []
    for view, count in enumerate(people):
        right = np.concatenate([m.right[view] for m in matches], axis=1)
        ignored = np.concatenate([m.ignored[view] for m in matches], axis=1)
        result.append(curve(all_scores, right, ignored, count))
    return result
