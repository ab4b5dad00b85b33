"""What one four-legged animal is like: proportions, gait and coat.

Body frame: x to the animal's left, y up, z forward; lengths are in heights at the withers unless meters are said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.colors import HAIR, Color, linear
from pose.synthetic.render.surface import Material

GAITS = ("stand", "walk", "trot", "graze")
COATS = (*HAIR, (196, 160, 118), (224, 208, 180), (236, 234, 228), (168, 96, 52), (108, 104, 100))


@dataclass(frozen=True)
class Animal:
    """One animal as it stands or goes; where not said otherwise in heights at the withers.

    Attributes:
        height: meters.
        chest: its depth; the rest of the height is leg. length: of the trunk.
        girth, bone: how thick trunk and legs are; 1 is average.
        neck, head, tail: lengths. floppy: whether the ears hang.
        neck_up, neck_turn, head_down, tail_up, tail_turn: degrees.
        feet: (4, 2) how far each paw is before and above the ground under its hip or shoulder; first the front ones,
            left then right.
        materials: coat, sock, nose, eye.
    """

    height: float
    chest: float
    length: float
    girth: float
    bone: float
    neck: float
    head: float
    tail: float
    floppy: bool
    gait: str
    neck_up: float
    neck_turn: float
    head_down: float
    tail_up: float
    tail_turn: float
    feet: Array = field(repr=False)
    materials: tuple[Material, ...] = field(repr=False)

    @staticmethod
    def random(rng: np.random.Generator) -> Animal:
        u = rng.uniform
        gait = str(rng.choice(GAITS, p=(0.35, 0.3, 0.15, 0.2)))
        feet = np.stack([rng.normal(0, 0.05, 4), np.zeros(4)], 1)
        if gait in ("walk", "trot"):
            beat = np.array([0.0, 0.5, 0.75, 0.25] if gait == "walk" else [0.0, 0.5, 0.5, 0.0]) + u()
            stride = u(0.12, 0.2) if gait == "walk" else u(0.18, 0.28)
            swing = np.sin(2 * np.pi * beat)
            feet[:, 0] += stride * np.cos(2 * np.pi * beat)
            feet[:, 1] = np.maximum(-swing, 0) * stride * 0.6
        grazing = gait == "graze"
        long_neck = u()
        return Animal(
            height=float(u(0.45, 1.1)),
            chest=float(u(0.38, 0.50)),
            length=float(u(0.95, 1.25)),
            girth=float(u(0.85, 1.2)),
            bone=float(u(0.85, 1.25)),
            neck=float(0.30 + 0.22 * long_neck + (0.16 if grazing else 0)),
            head=float(u(0.32, 0.42)),
            tail=float(u(0.3, 0.65)),
            floppy=bool(rng.random() < 0.4),
            gait=gait,
            neck_up=float(u(-62, -35) if grazing else u(18, 65)),
            neck_turn=float(rng.normal(0, 8 if grazing else 22)),
            head_down=float(u(10, 35) if grazing else u(-5, 40)),
            tail_up=float(u(-70, 60)),
            tail_turn=float(rng.normal(0, 25)),
            feet=feet,
            materials=_coat(rng),
        )


def _coat(rng: np.random.Generator) -> tuple[Material, ...]:
    def color(dark: float = 1.0) -> Color:
        pick = np.array(COATS[int(rng.integers(len(COATS)))])
        return linear(np.clip(pick * dark + rng.normal(0, 8, 3), 6, 250))

    base, second = color(), color()
    pattern = str(rng.choice(["plain", "stripes", "speckle", "wood"], p=(0.5, 0.15, 0.2, 0.15)))
    scale, phase = float(rng.uniform(0.1, 0.3)), float(rng.uniform(0, 6))
    sock = base if rng.random() < 0.5 else second
    dark = linear((24, 20, 20))
    return (
        Material(pattern, base, second, scale=scale, gloss=0.04, folds=0.25, phase=phase),
        Material("plain", sock, folds=0.2),
        Material("plain", dark, gloss=0.3),
        Material("plain", linear((14, 12, 12)), gloss=0.8),
    )
