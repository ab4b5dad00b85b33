"""The known skeletons, by the names that `data.skeleton` takes.

Names, order and pairs are those of the datasets, and each says where its OKS sigmas come from, as AP depends on them.
Edges are those of the datasets' drawings, as MMPose's configs list them (configs/_base_/datasets); only the hands of
the whole body begin at their own root, which those leave out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pose.keypoints.skeletons import COCO17, COCO_SIGMAS, Skeleton, split_side


def _both(*edges: tuple[str, str], sides: tuple[str, str] = ("left", "right")) -> list[tuple[str, str]]:
    """The edges of each side: names that begin with _ get the side before them, others are in the middle."""
    return [
        (f"{side}{a}" if a[0] == "_" else a, f"{side}{b}" if b[0] == "_" else b) for side in sides for a, b in edges
    ]


def _sides(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs left_x, right_x."""
    return [(n, n.replace("left_", "right_", 1)) for n in names if n.startswith("left_")]


def _coco_sigmas(names: Sequence[str], **others: float) -> list[float]:
    """COCO's sigma of each part, and `others` for the names and parts that COCO lacks."""
    parts = {name: split_side(name)[1] for name in names}
    return [others[n] if n in others else (COCO_SIGMAS | others)[parts[n]] for n in names]


_ARM = (("_shoulder", "_elbow"), ("_elbow", "_wrist"))
_LEG = (("_hip", "_knee"), ("_knee", "_ankle"))
_FEET = (("_ankle", "_big_toe"), ("_ankle", "_small_toe"), ("_ankle", "_heel"))

# Li et al., CrowdPose (CVPR 2019). Sigmas: the dataset's own evaluation (crowdposetools, cocoeval.py), which measures
# by 0.53 times the box's area, as the files have no area.
_CROWD = [
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
]
CROWDPOSE14 = Skeleton.from_names(
    "crowdpose14",
    keypoint_names=[*_CROWD, "head", "neck"],
    flip_pairs=_sides(_CROWD),
    edges=[
        *_both(*_LEG, ("_shoulder", "_hip"), *_ARM, ("_shoulder", "neck")),
        ("left_hip", "right_hip"),
        ("left_shoulder", "right_shoulder"),
        ("head", "neck"),
    ],
    oks_sigmas=_coco_sigmas([*_CROWD, "head", "neck"], head=0.079, neck=0.079),
    upper_body=[*_CROWD[:6], "head", "neck"],
)

# Andriluka et al., MPII Human Pose (CVPR 2014). It is evaluated by PCKh and publishes no sigmas: here are COCO's for
# the parts that COCO has, its hip's for the pelvis, and that of CrowdPose's head and neck for thorax, neck and head.
_MPII_LEGS = ["right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"]
_MPII_ARMS = ["right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"]
_MPII = [*_MPII_LEGS, "pelvis", "thorax", "upper_neck", "head_top", *_MPII_ARMS]
MPII16 = Skeleton.from_names(
    "mpii16",
    keypoint_names=_MPII,
    flip_pairs=_sides(_MPII),
    edges=[
        *_both(*_LEG, ("_hip", "pelvis"), ("upper_neck", "_shoulder"), *_ARM),
        ("pelvis", "thorax"),
        ("thorax", "upper_neck"),
        ("upper_neck", "head_top"),
    ],
    oks_sigmas=_coco_sigmas(_MPII, pelvis=0.107, thorax=0.079, upper_neck=0.079, head_top=0.079),
    upper_body=_MPII[7:],
)

# Wu et al., AI Challenger (2017). Sigmas: half of `delta` in the dataset's Evaluation/keypoint_eval/keypoint_eval.py.
# Its visibility is 1 visible, 2 hidden, 3 not labeled, which COCO's 2, 1 and 0 are.
_AIC = [
    f"{side}_{part}"
    for half in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
    for side in ("right", "left")
    for part in half
]
# fmt: off
_AIC_SIGMAS = [
    0.01388152, 0.01515228, 0.01057665, 0.01417709, 0.01497891, 0.01402144, 0.03909642, 0.03686941, 0.01981803,
    0.03843971, 0.03412318, 0.02415081, 0.01291456, 0.01236173,
]
# fmt: on
AIC14 = Skeleton.from_names(
    "aic14",
    keypoint_names=[*_AIC, "head_top", "neck"],
    flip_pairs=_sides(_AIC),
    edges=[
        *_both(*_ARM, ("_shoulder", "neck"), *_LEG, ("_shoulder", "_hip")),
        ("right_hip", "left_hip"),
        ("head_top", "neck"),
    ],
    oks_sigmas=_AIC_SIGMAS,
    upper_body=[*_AIC[:6], "head_top", "neck"],
)

# Li et al., PaStaNet (CVPR 2020), and its Halpe-FullBody: the 26 of the body, of 136. Sigmas: the dataset's own
# evaluation (HalpeCOCOAPI/PythonAPI/halpecocotools/cocoeval.py): COCO's, 0.08 for the three on the middle, 0.089 for
# the feet.
_TOES = ["left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel"]
_HALPE = [*COCO17.keypoint_names, "head", "neck", "hip", *_TOES]
HALPE26 = Skeleton.from_names(
    "halpe26",
    keypoint_names=_HALPE,
    flip_pairs=_sides(_HALPE),
    edges=[
        *_both(*_LEG, ("_hip", "hip"), ("neck", "_shoulder"), *_ARM, *_FEET),
        *_both(("nose", "_eye"), ("_eye", "_ear"), ("_ear", "_shoulder")),
        ("left_eye", "right_eye"),
        ("head", "neck"),
        ("neck", "hip"),
    ],
    oks_sigmas=[*COCO17.oks_sigmas, 0.08, 0.08, 0.08, *[0.089] * 6],
    upper_body=[*_HALPE[:11], "head", "neck"],
)

# The hands of Jin et al., COCO-WholeBody (ECCV 2020), in the order that OneHand10K, FreiHAND and others share.
# Sigmas: evaluation/myeval_wholebody.py of the dataset, the same for both hands. A mirrored hand is a hand.
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_HAND = [f"{finger}{i}" for finger in _FINGERS for i in range(1, 5)]
# fmt: off
_HAND_SIGMAS = [
    0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022, 0.026, 0.017, 0.021, 0.021,
    0.032, 0.02, 0.019, 0.022, 0.031,
]
_FACE_SIGMAS = [
    0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032, 0.037, 0.038, 0.043, 0.041,
    0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015, 0.009, 0.007, 0.007, 0.007, 0.012,
    0.009, 0.008, 0.016, 0.010, 0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034,
    0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007, 0.007, 0.008, 0.011, 0.008,
    0.008, 0.008, 0.01, 0.008,
]
# fmt: on


def _hand_edges(root: str, side: str = "") -> list[tuple[str, str]]:
    """From the root to the first of each finger, and along the finger."""
    chains = [[root, *(f"{side}{finger}{i}" for i in range(1, 5))] for finger in _FINGERS]
    return [edge for chain in chains for edge in pairwise(chain)]


HAND21 = Skeleton.from_names(
    "hand21",
    keypoint_names=["wrist", *_HAND],
    flip_pairs=[],
    edges=_hand_edges("wrist"),
    oks_sigmas=_HAND_SIGMAS,
)

# Jin et al., COCO-WholeBody (ECCV 2020): body, feet, face, left hand, right hand. Sigmas: evaluation/
# myeval_wholebody.py of the dataset. The face is in the order of the 300-W dataset, whose points mirror so:
_FACE_MIRROR = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
_FACE_MIRROR += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1)]
_FACE_MIRROR += [*range(64, 59, -1), 67, 66, 65]
_FEET_NAMES = [f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")]
_HANDS = [f"{side}_{part}" for side in ("left", "right") for part in ("hand_root", *_HAND)]
_WHOLE = [*COCO17.keypoint_names, *_FEET_NAMES, *(f"face-{i}" for i in range(68)), *_HANDS]
COCO_WHOLEBODY133 = Skeleton.from_names(
    "coco-wholebody133",
    keypoint_names=_WHOLE,
    # Of the face the smaller number is on the left of the image, which is the person's right.
    flip_pairs=[*_sides(_WHOLE), *((f"face-{j}", f"face-{i}") for i, j in enumerate(_FACE_MIRROR) if i < j)],
    edges=[
        *((COCO17.keypoint_names[a], COCO17.keypoint_names[b]) for a, b in COCO17.edges),
        *_both(*_FEET, ("_wrist", "_hand_root")),
        *_hand_edges("left_hand_root", "left_"),
        *_hand_edges("right_hand_root", "right_"),
    ],
    oks_sigmas=[*COCO17.oks_sigmas, 0.068, 0.066, 0.066, 0.092, 0.094, 0.094, *_FACE_SIGMAS, *_HAND_SIGMAS * 2],
    upper_body=[*COCO17.keypoint_names[:11], *_WHOLE[23:]],
)

# Yu et al., AP-10K (NeurIPS 2021, datasets and benchmarks), which publishes no sigmas; those of its repository's
# config are COCO's of the like part (a paw's are a wrist's and an ankle's, neck and root of the tail as an ear).
_AP10K = ["L_Eye", "R_Eye", "Nose", "Neck", "Root of tail", "L_Shoulder", "L_Elbow", "L_F_Paw"]
_AP10K += ["R_Shoulder", "R_Elbow", "R_F_Paw", "L_Hip", "L_Knee", "L_B_Paw", "R_Hip", "R_Knee", "R_B_Paw"]
_PAWS = {"L_F_Paw": 0.062, "R_F_Paw": 0.062, "L_B_Paw": 0.089, "R_B_Paw": 0.089}
AP10K17 = Skeleton.from_names(
    "ap10k17",
    keypoint_names=_AP10K,
    flip_pairs=[(n, f"R{n[1:]}") for n in _AP10K if n.startswith("L_")],
    edges=[
        ("L_Eye", "R_Eye"),
        ("Nose", "Neck"),
        ("Neck", "Root of tail"),
        *_both(
            ("_Eye", "Nose"), ("Neck", "_Shoulder"), ("_Shoulder", "_Elbow"), ("_Elbow", "_F_Paw"), sides=("L", "R")
        ),
        *_both(("Root of tail", "_Hip"), ("_Hip", "_Knee"), ("_Knee", "_B_Paw"), sides=("L", "R")),
    ],
    oks_sigmas=_coco_sigmas(_AP10K, Neck=0.035, **{"Root of tail": 0.035}, **_PAWS),
    upper_body=[*_AP10K[:4], "L_Shoulder", "L_Elbow", "L_F_Paw", "R_Shoulder", "R_Elbow", "R_F_Paw"],
)

SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (COCO17, COCO_WHOLEBODY133, CROWDPOSE14, MPII16, AIC14, HALPE26, HAND21, AP10K17)
}
