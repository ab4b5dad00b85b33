"""Random postures with joint limits, in degrees.

A posture is drawn by kind (standing, walking, ...); the arms are drawn apart from the rest of the body.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

KNEE, ELBOW = (0.0, 148.0), (0.0, 148.0)  # limits of flexion
HIP_FLEX, HIP_OUT = (-25.0, 118.0), (-14.0, 50.0)
SPINE = (-22.0, 75.0)


@dataclass(frozen=True)
class Arm:
    """Upper arm: `lift` from hanging to overhead in the plane `plane` (0 front, 90 sideways, 180 back); `turn` about
    itself (positive turns the bent forearm inwards); `elbow` flexion; `palm` turn of the hand; `wrist` flexion."""

    lift: float
    plane: float
    turn: float
    elbow: float
    palm: float
    wrist: float


@dataclass(frozen=True)
class Leg:
    """Thigh: flexion to the front, `out` to the side, `turn` outwards; knee flexion; toes down by `ankle`."""

    flex: float
    out: float
    turn: float
    knee: float
    ankle: float


@dataclass(frozen=True)
class Posture:
    """Angles of the whole body; pairs are (left, right).

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


def _arm(rng: np.random.Generator, mode: str) -> Arm:
    u, n = rng.uniform, rng.normal
    palm, wrist = n(70, 35), n(8, 15)
    if mode == "hang":
        values = (abs(n(9, 6)), u(20, 130), u(-10, 35), u(4, 38))
    elif mode == "forward":
        values = (u(10, 50), u(-12, 25), u(-5, 35), u(10, 75))
    elif mode == "backward":
        values = (u(10, 45), u(155, 190), u(-10, 25), u(5, 60))
    elif mode == "hips":
        values = (u(35, 52), u(95, 125), u(62, 85), u(80, 112))
    elif mode == "raised":
        values = (u(105, 170), u(15, 105), u(-60, 30), u(0, 110))
    elif mode == "wave":
        values = (u(60, 105), u(70, 105), u(-110, -60), u(60, 130))
    elif mode == "reach":
        values = (u(50, 105), u(-15, 50), u(-30, 40), u(0, 75))
    elif mode == "aside":
        values = (u(60, 110), u(70, 110), u(-40, 40), u(0, 40))
    elif mode == "folded":
        values = (u(18, 38), u(0, 35), u(48, 72), u(85, 112))
    elif mode == "holding":
        values = (u(5, 45), u(0, 60), u(-5, 40), u(65, 125))
    elif mode == "phone":
        values = (u(30, 60), u(25, 70), u(-15, 20), u(130, 146))
    elif mode == "back":
        values = (u(15, 35), u(150, 180), u(45, 70), u(55, 90))
    else:  # anywhere
        values = (u(0, 165), u(-20, 180), u(-90, 60), u(0, 140))
        if values[1] > 130:
            values = (min(values[0], 50.0), *values[1:])
    lift, plane, turn, elbow = (float(v) for v in values)
    return Arm(min(lift, 172.0), plane, turn, float(np.clip(elbow + n(0, 4), *ELBOW)), float(palm), float(wrist))


ARMS = {
    "calm": (
        "hang",
        "hang",
        "hang",
        "hang",
        "hips",
        "holding",
        "folded",
        "phone",
        "back",
        "reach",
        "raised",
        "wave",
        "aside",
    ),
    "few": ("hang", "hang", "hang", "hips", "raised", "aside"),
    "mixed": (
        "hang",
        "hang",
        "hips",
        "holding",
        "holding",
        "folded",
        "phone",
        "back",
        "reach",
        "forward",
        "raised",
        "wave",
        "aside",
        "any",
        "any",
    ),
    "busy": ("raised", "raised", "wave", "reach", "reach", "aside", "holding", "any", "any", "phone", "hang"),
}
TWO_HANDED = {"folded", "hips", "back"}


def _arms(rng: np.random.Generator, mood: str) -> tuple[Arm, Arm]:
    mode = str(rng.choice(ARMS[mood]))
    both = rng.random() < (0.85 if mode in TWO_HANDED else 0.45)
    left = _arm(rng, mode)
    right = _arm(rng, mode if both else str(rng.choice(ARMS[mood])))
    return (left, right) if rng.random() < 0.5 else (right, left)


def _legs(rng: np.random.Generator, kind: str) -> tuple[Leg, Leg]:
    u, n = rng.uniform, rng.normal

    def leg(flex: float, knee: float, out: float = 4.0, turn: float = 8.0, ankle: float = 0.0) -> Leg:
        return Leg(
            float(np.clip(flex + n(0, 3), *HIP_FLEX)),
            float(np.clip(out + n(0, 3), *HIP_OUT)),
            float(turn + n(0, 6)),
            float(np.clip(knee + n(0, 3), *KNEE)),
            ankle,
        )

    if kind == "walk":
        stride = u(12, 30)
        pair = leg(stride, u(3, 22), 2), leg(-stride * 0.7, u(8, 45), 2, ankle=u(0, 25))
    elif kind == "run":
        pair = leg(u(35, 85), u(50, 115), 3), leg(u(-25, 5), u(15, 95), 3, ankle=u(10, 35))
    elif kind == "sit":
        spread, tuck = u(-2, 22), u(-20, 30)
        pair = leg(u(78, 98), 90 + tuck + n(0, 12), spread), leg(u(78, 98), 90 + tuck + n(0, 12), spread)
    elif kind == "squat":
        deep = u(75, 115)
        pair = leg(deep, u(0.9, 1.2) * deep + 10, u(5, 28), 15), leg(deep, u(0.9, 1.2) * deep + 10, u(5, 28), 15)
    elif kind == "kneel":
        pair = leg(u(80, 100), u(85, 105)), leg(u(-12, 5), u(80, 98), ankle=55)
    elif kind == "kick":
        pair = leg(u(30, 95), u(0, 60), u(0, 30)), leg(u(-8, 10), u(2, 25), 3)
    elif kind == "lunge":
        pair = leg(u(50, 85), u(60, 95), u(0, 12)), leg(u(-22, -5), u(5, 40), u(0, 15), ankle=30)
    elif kind == "jump":
        pair = leg(u(-15, 90), u(5, 120), u(0, 45), ankle=30), leg(u(-15, 90), u(5, 120), u(0, 45), ankle=30)
    elif kind == "ride":
        spread, bent = u(8, 40), u(40, 105)
        pair = leg(u(40, 90), bent, spread, u(0, 25)), leg(u(40, 90), bent + n(0, 15), spread, u(0, 25))
    elif kind == "crouch":
        flex, spread = u(20, 70), u(0, 18)
        pair = leg(flex, flex + u(0, 25), spread), leg(flex + n(0, 10), flex + u(0, 25), spread)
    elif kind == "any":
        pair = leg(u(-25, 115), u(0, 140), u(-5, 45), u(-15, 30)), leg(u(-25, 115), u(0, 140), u(-5, 45), u(-15, 30))
    elif kind == "lie":
        pair = leg(u(-5, 70), u(0, 90), u(0, 25)), leg(u(-5, 70), u(0, 90), u(0, 25))
    else:  # stand, bend
        wide = abs(n(0, 7)) + 1
        pair = leg(n(0, 5), abs(n(3, 6)), wide), leg(n(0, 5), abs(n(3, 6)), wide)
        if rng.random() < 0.3:  # weight on one leg
            pair = leg(u(5, 22), u(12, 40), wide), pair[1]
    return pair if rng.random() < 0.5 else (pair[1], pair[0])


def random_posture(rng: np.random.Generator, kind: str, *, calm: str = "calm", head_turn: float = 22.0) -> Posture:
    """Draw a posture of one kind, a key of `Level.postures`.

    Args:
        calm: what the arms do where the kind says nothing, a key of `ARMS`.
        head_turn: standard deviation, degrees.
    """
    u, n = rng.uniform, rng.normal
    legs = _legs(rng, kind)
    arms = _arms(rng, "busy" if kind in ("reach", "kick", "jump", "lunge", "lie") else calm)
    pelvis, spine = (n(0, 3), n(0, 2), 0.0), (n(4, 6), n(0, 4), n(0, 8))
    neck = (n(4, 10), n(0, 6), n(0, head_turn))
    if kind in ("walk", "run"):
        left_ahead = legs[0].flex > legs[1].flex
        swing = _arm(rng, "backward"), _arm(rng, "forward")
        swing = swing if left_ahead else (swing[1], swing[0])
        if kind == "run":
            swing = tuple(replace(a, elbow=float(u(75, 115))) for a in swing)  # type: ignore[assignment]
        if kind == "run" or rng.random() < 0.65:
            arms = swing
        elif rng.random() < 0.5:
            arms = (swing[0], arms[1])
        pelvis = ((n(3, 3) if kind == "walk" else n(10, 5)), n(0, 2), (-1 if left_ahead else 1) * u(0, 10))
        spine = (n(4, 5), n(0, 3), -1.6 * pelvis[2])
    elif kind == "bend":
        pelvis, spine, neck = (
            (u(10, 55), n(0, 4), 0.0),
            (u(15, 60), n(0, 8), n(0, 12)),
            (u(-35, 10), n(0, 6), n(0, 15)),
        )
        arms = (_arm(rng, "reach"), _arm(rng, "reach")) if rng.random() < 0.7 else arms
        legs = tuple(replace(leg, flex=min(leg.flex + pelvis[0], 118.0)) for leg in legs)  # type: ignore[assignment]
    elif kind == "sit":
        pelvis, spine = (n(-8, 6), n(0, 2), 0.0), (n(14, 10), n(0, 5), n(0, 8))
        if rng.random() < 0.6:
            arms = _arm(rng, "holding"), _arm(rng, "holding")
    elif kind == "squat":
        lean = u(10, 45)
        pelvis, spine, neck = (lean, n(0, 3), 0.0), (u(5, 35), n(0, 5), n(0, 8)), (u(-25, 5), n(0, 6), n(0, 18))
        legs = tuple(replace(leg, flex=min(leg.flex + lean * 0.4, 118.0)) for leg in legs)  # type: ignore[assignment]
    elif kind == "ride":
        pelvis, spine = (u(-5, 25), n(0, 3), 0.0), (u(0, 35), n(0, 5), n(0, 8))
        neck = (n(0, 12) - 0.5 * (pelvis[0] + spine[0]), n(0, 6), n(0, head_turn))
        arms = (_arm(rng, "reach"), _arm(rng, "reach")) if rng.random() < 0.7 else arms
    elif kind == "crouch":
        pelvis, spine = (u(0, 35), n(0, 5), n(0, 8)), (u(0, 40), n(0, 8), n(0, 14))
        neck = (n(0, 12) - 0.4 * (pelvis[0] + spine[0]), n(0, 6), n(0, head_turn))
        arms = (_arm(rng, "holding"), _arm(rng, "holding")) if rng.random() < 0.6 else arms
    elif kind == "any":
        pelvis, spine = (n(5, 20), n(0, 14), 0.0), (u(-15, 55), n(0, 14), n(0, 18))
        neck = (n(0, 16), n(0, 12), n(0, head_turn))
        arms = _arm(rng, "any"), _arm(rng, "any")
    elif kind in ("lunge", "kick"):
        pelvis, spine = (n(0, 12), n(0, 6), n(0, 8)), (n(8, 14), n(0, 10), n(0, 16))
    elif kind == "jump":
        pelvis, spine = (n(4, 12), n(0, 10), n(0, 10)), (n(4, 16), n(0, 10), n(0, 12))
    elif kind == "lie":
        pelvis = (float(rng.choice([-90.0, 90.0])) + n(0, 6), 0.0, 0.0)
        spine, neck = (n(2, 8), n(0, 8), n(0, 10)), (n(5, 10), n(0, 8), n(0, 25))
    elif kind == "stand" and rng.random() < 0.25:
        spine = (n(8, 10), n(0, 9), n(0, 18))
    spine = (float(np.clip(spine[0], *SPINE)), float(np.clip(spine[1], -28, 28)), float(np.clip(spine[2], -38, 38)))
    neck = (float(np.clip(neck[0], -40, 45)), float(np.clip(neck[1], -25, 25)), float(np.clip(neck[2], -65, 65)))
    return Posture(kind, pelvis, spine, neck, arms, legs, seated=kind in ("sit", "ride"))
