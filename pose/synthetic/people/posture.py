"""Random postures with joint limits, in degrees.

A posture is drawn by kind (standing, walking, ...); the arms are drawn apart from the rest of the body.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pose.synthetic.people.limbs import Arm, Leg, draw_arm, draw_arms, draw_legs

SPINE = (-22.0, 75.0)  # limits of its forward bend
MOST_FLEX = 118.0  # of the hip, when the trunk leans


@dataclass(frozen=True)
class Posture:
    """The angles of the whole body; pairs are (left, right).

    Attributes:
        pelvis, spine, neck: (forward bend, sideways bend, turn); the pelvis against the ground, the chest against
            the pelvis, the head against the chest.
        seated: the pelvis rests on something.
    """

    kind: str
    pelvis: tuple[float, float, float]
    spine: tuple[float, float, float]
    neck: tuple[float, float, float]
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]
    seated: bool = False


def random_posture(
    rng: np.random.Generator, kind: str, *, calm: str = "calm", head_turn: float = 22.0, gaze: float = 0.0
) -> Posture:
    """Draw a posture of one kind, a key of `Level.postures`.

    Args:
        calm: what the arms do where the kind says nothing, a key of `ARMS`.
        head_turn: standard deviation, degrees.
        gaze: as in `Level`.
    """
    n = rng.normal
    legs = draw_legs(rng, kind)
    arms = draw_arms(rng, "busy" if kind in ("reach", "kick", "jump", "lunge", "lie") else calm)
    pelvis, spine = (n(0, 3), n(0, 2), 0.0), (n(4, 6), n(0, 4), n(0, 8))
    neck = (n(4, 10), n(0, 6), n(0, head_turn))
    usual = Posture(kind, pelvis, spine, neck, arms, legs, seated=kind in ("sit", "ride"))
    drawn = _stride(rng, usual) if kind in ("walk", "run") else _of_kind(rng, usual, head_turn=head_turn)
    spine, neck = drawn.spine, drawn.neck
    if gaze > 0 and kind != "lie":
        # The 6 degrees: who looks ahead holds the head up a little more than the ground's vertical.
        neck = (neck[0] - gaze * (drawn.pelvis[0] + spine[0] + neck[0] + 6), *neck[1:])
        if rng.random() < 0.35:  # looks at what the hands do, at the ground, or up
            neck = (neck[0] + (rng.uniform(8, 45) if rng.random() < 0.8 else rng.uniform(-35, -8)), *neck[1:])
    return replace(
        drawn,
        spine=(
            float(np.clip(spine[0], *SPINE)),
            float(np.clip(spine[1], -28, 28)),
            float(np.clip(spine[2], -38, 38)),
        ),
        neck=(float(np.clip(neck[0], -40, 45)), float(np.clip(neck[1], -25, 25)), float(np.clip(neck[2], -65, 65))),
    )


def _stride(rng: np.random.Generator, usual: Posture) -> Posture:
    """Swing the arms against the legs of somebody who walks or runs, mostly, and turn the trunk with them."""
    u, n = rng.uniform, rng.normal
    runs, arms = usual.kind == "run", usual.arms
    left_ahead = usual.legs[0].flex > usual.legs[1].flex
    swing = draw_arm(rng, "backward"), draw_arm(rng, "forward")
    swing = swing if left_ahead else (swing[1], swing[0])
    if runs:
        swing = replace(swing[0], elbow=float(u(75, 115))), replace(swing[1], elbow=float(u(75, 115)))
    if runs or rng.random() < 0.65:
        arms = swing
    elif rng.random() < 0.5:
        arms = swing[0], arms[1]
    pelvis = ((n(10, 5) if runs else n(3, 3)), n(0, 2), (-1 if left_ahead else 1) * u(0, 10))
    return replace(usual, arms=arms, pelvis=pelvis, spine=(n(4, 5), n(0, 3), -1.6 * pelvis[2]))


def _of_kind(rng: np.random.Generator, usual: Posture, *, head_turn: float) -> Posture:
    """Draw anew what sets a kind of posture apart from the usual one."""
    u, n = rng.uniform, rng.normal
    kind, pelvis, spine, neck, arms, legs = (
        usual.kind,
        usual.pelvis,
        usual.spine,
        usual.neck,
        usual.arms,
        usual.legs,
    )

    def both(mode: str) -> tuple[Arm, Arm]:
        return draw_arm(rng, mode), draw_arm(rng, mode)

    if kind == "bend":
        pelvis, spine = (u(10, 55), n(0, 4), 0.0), (u(15, 60), n(0, 8), n(0, 12))
        neck = (u(-35, 10), n(0, 6), n(0, 15))
        arms = both("reach") if rng.random() < 0.7 else arms
        legs = _flexed(legs, pelvis[0])
    elif kind == "sit":
        pelvis, spine = (n(-8, 6), n(0, 2), 0.0), (n(14, 10), n(0, 5), n(0, 8))
        arms = both("holding") if rng.random() < 0.6 else arms
    elif kind == "squat":
        pelvis = (u(10, 45), n(0, 3), 0.0)
        spine, neck = (u(5, 35), n(0, 5), n(0, 8)), (u(-25, 5), n(0, 6), n(0, 18))
        legs = _flexed(legs, pelvis[0] * 0.4)
    elif kind == "ride":
        pelvis, spine = (u(-5, 25), n(0, 3), 0.0), (u(0, 35), n(0, 5), n(0, 8))
        neck = (n(0, 12) - 0.5 * (pelvis[0] + spine[0]), n(0, 6), n(0, head_turn))
        arms = both("reach") if rng.random() < 0.7 else arms
    elif kind == "crouch":
        pelvis, spine = (u(0, 35), n(0, 5), n(0, 8)), (u(0, 40), n(0, 8), n(0, 14))
        neck = (n(0, 12) - 0.4 * (pelvis[0] + spine[0]), n(0, 6), n(0, head_turn))
        arms = both("holding") if rng.random() < 0.6 else arms
    elif kind == "any":
        pelvis, spine = (n(5, 20), n(0, 14), 0.0), (u(-15, 55), n(0, 14), n(0, 18))
        neck = (n(0, 16), n(0, 12), n(0, head_turn))
        arms = both("any")
    elif kind in ("lunge", "kick"):
        pelvis, spine = (n(0, 12), n(0, 6), n(0, 8)), (n(8, 14), n(0, 10), n(0, 16))
    elif kind == "jump":
        pelvis, spine = (n(4, 12), n(0, 10), n(0, 10)), (n(4, 16), n(0, 10), n(0, 12))
    elif kind == "lie":
        pelvis = (float(rng.choice([-90.0, 90.0])) + n(0, 6), 0.0, 0.0)
        spine, neck = (n(2, 8), n(0, 8), n(0, 10)), (n(5, 10), n(0, 8), n(0, 25))
    elif kind == "stand" and rng.random() < 0.25:
        spine = (n(8, 10), n(0, 9), n(0, 18))
    return replace(usual, pelvis=pelvis, spine=spine, neck=neck, arms=arms, legs=legs)


def _flexed(legs: tuple[Leg, Leg], degrees: float) -> tuple[Leg, Leg]:
    """Flex the hips so that the legs stay where they are under a leaning pelvis."""
    left, right = (replace(leg, flex=min(leg.flex + degrees, MOST_FLEX)) for leg in legs)
    return left, right
