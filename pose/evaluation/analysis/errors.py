"""What is wrong with a keypoint: good, jitter, inversion, swap or miss.

Shapes: D detections, G annotated people of one image, K keypoints.
Source: Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation", ICCV 2017, section
3.1. For the point found for keypoint i of person p, with similarity ks (`scenes.similarity`):

- good: ks to its own place >= 0.85, what human annotators differ by.
- jitter: 0.5 <= ks < 0.85: near the right place.
- inversion: ks < 0.5, and ks >= 0.5 to the same part of the other side of the same person.
- swap: ks < 0.5, and ks >= 0.5 to the same part, of either side, of another person.
- miss: ks < 0.5 to all of these.

Where a point is both inversion and swap, the nearer one counts, as in the authors' code. That code also calls a
point with ks >= 0.5 to its own place an inversion or a swap if the wrong place is nearer; the paper's text does not,
nor does this.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pose.evaluation.analysis.scenes import Bools, Floats, Scene, similarity

KINDS = ("good", "jitter", "inversion", "swap", "miss")
GOOD, JITTER, INVERSION, SWAP, MISS = range(5)
UNLABELED = -1
GOOD_FROM, NEAR_FROM = 0.85, 0.5
MATCH_FROM = 0.1  # least OKS for a detection to be of a person at all, as in the paper


def classify(
    points: Floats, people: NDArray[np.int64], scene: Scene, *, sigmas: Floats, flip: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The kind of each point of detections that are of known people.

    Args:
        points: (D, K, 2) found.
        people: (D,) index of the person that each is of, into the scene's.
        sigmas: (K,).
        flip: (K,) the keypoint of the other side, itself for those of the middle.
    Returns:
        (D, K) index into `KINDS`, -1 where the person's keypoint is not labeled.
    """
    labeled, count = scene.labeled, len(points)
    straight = _to_labeled(similarity(points, scene.truth, scene.areas, sigmas), labeled)
    # The found point i against the place of flip[i], with the sigma of i, as the authors' code.
    crossed = _to_labeled(similarity(points, scene.truth[:, flip], scene.areas, sigmas), labeled[:, flip])
    crossed[..., flip == np.arange(len(flip))] = -1
    rows = np.arange(count)
    own, other_side = straight[rows, people], crossed[rows, people]
    others = np.maximum(straight, crossed)
    others[rows, people] = -1
    other_person = others.max(axis=1, initial=-1)
    kinds = np.full(own.shape, MISS)
    kinds[other_person >= NEAR_FROM] = SWAP
    kinds[(other_side >= NEAR_FROM) & (other_side >= other_person)] = INVERSION
    kinds[own >= NEAR_FROM] = JITTER
    kinds[own >= GOOD_FROM] = GOOD
    kinds[~labeled[people]] = UNLABELED
    return kinds


def _to_labeled(similar: Floats, labeled: Bools) -> Floats:
    return np.where(labeled[None], similar, -1.0)


def corrected_oks(scene: Scene, people: NDArray[np.int64], kinds: NDArray[np.int64], kind: int) -> Floats:
    """(D, G) OKS if every keypoint of one kind had been found exactly where it is.

    Args:
        people: (D,) who each of the scene's detections is of, -1 for nobody: those stay as they are.
        kinds: (D, K)
    """
    oks = scene.oks.copy()
    for d in np.flatnonzero(people >= 0):
        person = people[d]
        if not scene.labeled[person].any():
            continue
        similar = np.where(kinds[d] == kind, 1.0, scene.similarity[d, person])
        oks[d, person] = similar[scene.labeled[person]].mean()
    return oks
