"""Whether left and right have changed places, judged by faces seen from the front."""

from __future__ import annotations

import numpy as np

from pose.check.columns import AnnotationTable, Split
from pose.check.findings import Findings
from pose.keypoints.skeletons import Skeleton

MIN_FACES = 10  # fewer say nothing
MIN_SHARE = 0.2  # of the faces: a pair that is the right way round in fewer is reported


def check_sides(split: Split, found: Findings) -> None:
    skeleton, people = split.skeleton, split.people
    for pair, right_way, faces in frontal_sides(skeleton, people):
        if faces >= MIN_FACES and right_way < MIN_SHARE * faces:
            left, right = (skeleton.keypoint_names[i] for i in pair)
            detail = f"left lies at the image's right in {right_way} of {faces} faces seen from the front"
            found.add("sides-swapped", split.name, "pair", f"{left}, {right}", detail)


def frontal_sides(skeleton: Skeleton, people: AnnotationTable) -> list[tuple[tuple[int, int], int, int]]:
    """Count for each flip pair in how many faces seen from the front left lies at the image's right, of how many.

    A face is from the front if its nose is between its eyes, and upright if it is below them; whoever shows only a
    profile or the back, or whose face is hidden, does not count.
    """
    index = {name.lower(): i for i, name in enumerate(skeleton.keypoint_names)}
    face = [index.get(name, -1) for name in ("nose", "left_eye", "right_eye")]
    if min(face) < 0:
        return []
    nose, eye_a, eye_b = (people.keypoints[:, i] for i in face)
    # A hidden nose or eye is a guess: of people seen from behind it lies where it would be in front.
    frontal = people.labeled[:, face].all(axis=1) & (people.keypoints[:, face, 2] == 2).all(axis=1)
    frontal &= (np.minimum(eye_a[:, 0], eye_b[:, 0]) < nose[:, 0]) & (
        nose[:, 0] < np.maximum(eye_a[:, 0], eye_b[:, 0])
    )
    frontal &= nose[:, 1] > np.maximum(eye_a[:, 1], eye_b[:, 1])
    rows = []
    for left, right in skeleton.flip_pairs:
        both = frontal & people.labeled[:, [left, right]].all(axis=1)
        right_way = people.keypoints[both, left, 0] > people.keypoints[both, right, 0]
        rows.append(((left, right), int(right_way.sum()), int(both.sum())))
    return rows
