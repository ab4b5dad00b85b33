"""The keypoints of one kind of object: names, left-right pairs, edges, OKS sigmas, upper body.

One `Skeleton` drives all that depends on the number or meaning of keypoints: the head's last layer, the flips,
half-body crops, OKS-NMS, COCOeval and the drawings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.runtime.text import did_you_mean, plural


@dataclass(frozen=True, repr=False)
class Skeleton:
    """Keypoint names and how they belong together; indexes refer to `keypoint_names`.

    Attributes:
        name: for messages and file headers.
        keypoint_names: K names, in the order of the annotation's keypoints.
        flip_pairs: (left, right) index pairs that change places in a mirrored image.
        edges: index pairs to draw a line between.
        oks_sigmas: K per-keypoint constants of the OKS metric (COCO's `kpt_oks_sigmas`).
        upper_body: indexes that form the upper half in half-body augmentation; the rest are the lower half.
    """

    name: str
    keypoint_names: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    edges: tuple[tuple[int, int], ...]
    oks_sigmas: tuple[float, ...]
    upper_body: tuple[int, ...]

    def __post_init__(self) -> None:
        k = self.num_keypoints
        if k < 1:
            raise ValueError(f"skeleton '{self.name}' has no keypoints; list at least one name")
        if not all(isinstance(n, str) for n in (self.name, *self.keypoint_names)):
            raise ValueError(
                f"skeleton {self.name!r:.80} needs texts as names, got {list(self.keypoint_names)!r:.80}"
            )
        doubles = sorted({n for n in self.keypoint_names if self.keypoint_names.count(n) > 1})
        if doubles:
            raise ValueError(f"skeleton '{self.name}' names keypoints twice: {', '.join(doubles)}")
        if len(self.oks_sigmas) != k or any(not 0 < s < 10 for s in self.oks_sigmas):
            raise ValueError(
                f"skeleton '{self.name}' needs one positive OKS sigma for each of its {k} keypoints, "
                f"got {list(self.oks_sigmas)}"
            )
        for what, pairs in (("flip_pairs", self.flip_pairs), ("edges", self.edges)):
            for pair in pairs:
                if len(pair) != 2 or pair[0] == pair[1] or not all(0 <= i < k for i in pair):
                    raise ValueError(f"skeleton '{self.name}': {what} holds {pair}, not two different keypoints")
        flat = [i for pair in self.flip_pairs for i in pair]
        if len(flat) != len(set(flat)):
            raise ValueError(f"skeleton '{self.name}': a keypoint stands in two flip_pairs")
        if not all(0 <= i < k for i in self.upper_body):
            raise ValueError(f"skeleton '{self.name}': upper_body must index its {k} keypoints")

    def __repr__(self) -> str:
        return f"<Skeleton {self.name}: {plural(self.num_keypoints, 'keypoint')}>"

    @property
    def num_keypoints(self) -> int:
        return len(self.keypoint_names)

    @cached_property
    def flip_indices(self) -> NDArray[np.int64]:
        """(K,) permutation: keypoint i of the mirrored image is keypoint flip_indices[i] of the original."""
        order = np.arange(self.num_keypoints)
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return order

    @cached_property
    def sides(self) -> tuple[str, ...]:
        """(K,) "left", "right" or "middle" of each keypoint, from the order inside `flip_pairs`."""
        side = ["middle"] * self.num_keypoints
        for left, right in self.flip_pairs:
            side[left], side[right] = "left", "right"
        return tuple(side)

    @classmethod
    def from_names(
        cls,
        name: str,
        *,
        keypoint_names: Sequence[str],
        flip_pairs: Sequence[Sequence[str]] | None = None,
        edges: Sequence[Sequence[str]] = (),
        oks_sigmas: Sequence[float] | None = None,
        upper_body: Sequence[str] = (),
    ) -> Skeleton:
        """Build from names instead of indexes, as a YAML file gives them.

        Args:
            flip_pairs, oks_sigmas: None for `guess_flip_pairs` and `guess_oks_sigmas`.
        Raises:
            ValueError: a pair, edge or upper-body entry names no keypoint; the closest name is suggested.
        """
        index = {n: i for i, n in enumerate(keypoint_names)}

        def find(key: str, n: str) -> int:
            if n not in index:
                hint = did_you_mean(n, keypoint_names)
                raise ValueError(f"skeleton '{name}': {key} names '{n}', which is no keypoint; {hint}")
            return index[n]

        def pairs(key: str, given: Sequence[Sequence[str]]) -> tuple[tuple[int, int], ...]:
            for pair in given:
                if len(pair) != 2:
                    raise ValueError(f"skeleton '{name}': {key} holds {list(pair)}; each entry is two names")
            return tuple((find(key, a), find(key, b)) for a, b in given)

        return cls(
            name=name,
            keypoint_names=tuple(keypoint_names),
            flip_pairs=pairs("flip_pairs", guess_flip_pairs(keypoint_names) if flip_pairs is None else flip_pairs),
            edges=pairs("edges", edges),
            oks_sigmas=guess_oks_sigmas(keypoint_names) if oks_sigmas is None else tuple(oks_sigmas),
            upper_body=tuple(find("upper_body", n) for n in upper_body),
        )

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data with names instead of indexes, as YAML files and checkpoints hold it."""
        names = self.keypoint_names
        return {
            "name": self.name,
            "keypoint_names": list(names),
            "flip_pairs": [[names[a], names[b]] for a, b in self.flip_pairs],
            "edges": [[names[a], names[b]] for a, b in self.edges],
            "oks_sigmas": list(self.oks_sigmas),
            "upper_body": [names[i] for i in self.upper_body],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Skeleton:
        """Build from what `to_dict` gave."""
        return cls.from_names(data["name"], **{key: value for key, value in data.items() if key != "name"})


_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
# Of names such as Leye and Rkne; others that begin with L or R (Lip, Root) have no side.
_SHORT_PARTS = "eye|ear|sho|shoulder|elb|elbow|wri|wrist|hand|hip|kne|knee|ank|ankle|foot|toe|heel|paw"


def split_side(name: str) -> tuple[str, str]:
    """Split a keypoint's name into side and part: ("left", "eye") of left_eye, eye_l, L-Eye, leftEye, lefteye, Leye.

    Both are in lower case; the side is "middle" where the name has none.
    """
    words = [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    sides = [i for i, word in enumerate(words) if word in _SIDES]
    if len(sides) == 1 and len(words) > 1:
        return _SIDES[words.pop(sides[0])], "_".join(words)
    short = re.fullmatch(rf"([LR])({_SHORT_PARTS})", name)
    if short:
        return _SIDES[short[1].lower()], short[2]
    glued = re.fullmatch(r"(left|right)(\w+)", "_".join(words))
    return (glued[1], glued[2]) if glued and not sides else ("middle", "_".join(words) or name)


def guess_flip_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pair the (left, right) names that differ by their side only.

    In pairs more is a side than in one name: FL_paw and FR_paw, LF and RF, earleft and earright, left and right.
    """
    certain = {name: split_side(name) for name in names}
    likely = {name: _likely_side(name) for name, (side, _) in certain.items() if side == "middle"}
    return _pairs(certain) + _pairs(likely)


def _pairs(sides: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """The names, of which each has a side and a part, whose part is that of one left and of one right name."""
    parts: dict[tuple[str, str], list[str]] = {}
    for name, where in sides.items():
        parts.setdefault(where, []).append(name)
    candidates = [(found, parts.get(("right", part), [])) for (side, part), found in parts.items() if side == "left"]
    return [(left[0], right[0]) for left, right in candidates if len(left) == len(right) == 1]


_LIKELY = {word: (side, "") for word, side in (*_SIDES.items(), ("lt", "left"), ("rt", "right"))}
# Limbs of animals: FL and LF are the left front one.
_LIKELY |= dict.fromkeys(("fl", "lf"), ("left", "front")) | dict.fromkeys(("fr", "rf"), ("right", "front"))
_LIKELY |= dict.fromkeys(("hl", "lh"), ("left", "hind")) | dict.fromkeys(("hr", "rh"), ("right", "hind"))
_LIKELY |= dict.fromkeys(("bl", "lb"), ("left", "back")) | dict.fromkeys(("br", "rb"), ("right", "back"))
_LIKELY |= dict.fromkeys(("rl", "lr"), ("left", "rear")) | {"rr": ("right", "rear")}


def _likely_side(name: str) -> tuple[str, str]:
    """As `split_side`, of a name that has a side only if another name has the other one."""
    words = [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    found = [i for i, word in enumerate(words) if word in _LIKELY]
    if len(found) == 1:
        side, part = _LIKELY[words[found[0]]]
        return side, "_".join([*words[: found[0]], part, *words[found[0] + 1 :]])
    ends = [i for i, word in enumerate(words) if re.fullmatch(r"[a-z]+(left|right)", word)]
    if len(ends) == 1:
        side = "left" if words[ends[0]].endswith("left") else "right"
        words[ends[0]] = words[ends[0]].removesuffix(side)
        return side, "_".join(words)
    return "middle", name


def guess_oks_sigmas(names: Sequence[str]) -> tuple[float, ...]:
    """Take COCO's constant for parts that are called as in COCO ("left_knee"), elsewhere `DEFAULT_SIGMA`."""
    return tuple(COCO_SIGMAS.get(split_side(name)[1], DEFAULT_SIGMA) for name in names)


# How far apart COCO's annotators put the same keypoint: the standard deviation, in square roots of the area.
COCO_SIGMAS = {"nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062}
COCO_SIGMAS |= {"hip": 0.107, "knee": 0.087, "ankle": 0.089}
DEFAULT_SIGMA = 0.072  # the median of COCO's 17
_PARTS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_NAMES = ["nose", *(f"{side}_{part}" for part in _PARTS for side in ("left", "right"))]

COCO17 = Skeleton.from_names(
    "coco17",
    keypoint_names=_NAMES,
    flip_pairs=[(f"left_{part}", f"right_{part}") for part in _PARTS],
    edges=[
        ("left_ankle", "left_knee"),
        ("left_knee", "left_hip"),
        ("right_ankle", "right_knee"),
        ("right_knee", "right_hip"),
        ("left_hip", "right_hip"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"),
        ("right_shoulder", "right_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_elbow", "right_wrist"),
        ("left_eye", "right_eye"),
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("left_ear", "left_shoulder"),
        ("right_ear", "right_shoulder"),
    ],
    oks_sigmas=[COCO_SIGMAS[split_side(name)[1]] for name in _NAMES],
    upper_body=_NAMES[:11],  # nose to wrists
)
