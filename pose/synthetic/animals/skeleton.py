"""The keypoints of a four-legged animal; left and right look alike, so only where the head is tells them apart."""

from __future__ import annotations

import numpy as np

from pose.keypoints.skeletons import Skeleton

_LEG_PARTS = ("front_elbow", "front_knee", "front_paw", "back_knee", "back_hock", "back_paw")
_SIDED = ("eye", "ear", *_LEG_PARTS)
# How far each may lie behind the own surface and still be visible, in heights at the withers (see `annotate`).
_OWN_DEPTH = {"nose": 0.04, "eye": 0.05, "ear": 0.04, "withers": 0.05, "tail_base": 0.08, "tail_tip": 0.04}
_OWN_DEPTH |= {"front_elbow": 0.10, "front_knee": 0.07, "front_paw": 0.08}
_OWN_DEPTH |= {"back_knee": 0.11, "back_hock": 0.07, "back_paw": 0.08}

ANIMAL = Skeleton.from_names(
    "animal",
    keypoint_names=[
        "nose",
        *(f"{side}_{part}" for part in ("eye", "ear") for side in ("left", "right")),
        "withers", "tail_base", "tail_tip",
        *(f"{side}_{part}" for part in _LEG_PARTS for side in ("left", "right")),
    ],
    flip_pairs=[(f"left_{part}", f"right_{part}") for part in _SIDED],
    edges=[
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        ("nose", "withers"), ("withers", "tail_base"), ("tail_base", "tail_tip"),
        *((a.format(s), b.format(s)) for s in ("left", "right") for a, b in [
            ("withers", "{}_front_elbow"), ("{}_front_elbow", "{}_front_knee"), ("{}_front_knee", "{}_front_paw"),
            ("tail_base", "{}_back_knee"), ("{}_back_knee", "{}_back_hock"), ("{}_back_hock", "{}_back_paw"),
        ]),
    ],
)  # fmt: skip
OWN_DEPTH = np.array([_OWN_DEPTH[n.removeprefix("left_").removeprefix("right_")] for n in ANIMAL.keypoint_names])
