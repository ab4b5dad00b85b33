"""Random arms and legs with joint limits, in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KNEE, ELBOW = (0.0, 148.0), (0.0, 148.0)  # limits of flexion
HIP_FLEX, HIP_OUT = (-25.0, 118.0), (-14.0, 50.0)


@dataclass(frozen=True)
class Arm:
    """The angles of one arm, in degrees.

    Attributes:
        lift: of the upper arm, from hanging to overhead.
        plane: in which it is lifted: 0 to the front, 90 sideways, 180 to the back.
        turn: of the upper arm about itself; positive turns the bent forearm inwards.
        elbow, wrist: flexion.
        palm: turn of the hand.
        curl: of the fingers' first joints.
    """

    lift: float
    plane: float
    turn: float
    elbow: float
    palm: float
    wrist: float
    curl: float = 20.0


@dataclass(frozen=True)
class Leg:
    """The angles of one leg, in degrees.

    Attributes:
        flex, out, turn: of the thigh, to the front, to the side, and about itself outwards.
        knee: flexion.
        ankle: how far the toes point down.
    """

    flex: float
    out: float
    turn: float
    knee: float
    ankle: float


def draw_arm(rng: np.random.Generator, mode: str) -> Arm:
    """Draw an arm that does one thing, a word of `ARMS`."""
    u, n = rng.uniform, rng.normal
    palm, wrist, curl = n(70, 35), n(8, 15), u(5, 62)
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
    elif mode == "face":  # eats, drinks, takes a picture, leans the head on the hand
        values = (u(25, 80), u(0, 45), u(-5, 45), u(105, 146))
    elif mode == "back":
        values = (u(15, 35), u(150, 180), u(45, 70), u(55, 90))
    else:  # anywhere
        values = (u(0, 165), u(-20, 180), u(-90, 60), u(0, 140))
        if values[1] > 130:
            values = (min(values[0], 50.0), *values[1:])
    lift, plane, turn, elbow = (float(v) for v in values)
    elbow = float(np.clip(elbow + n(0, 4), *ELBOW))
    return Arm(min(lift, 172.0), plane, turn, elbow, float(palm), float(wrist), float(curl))


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
        *("hang",) * 12,
        *("holding",) * 6,
        *("hips", "folded", "back", "forward", "forward", "forward", "backward", "phone", "face", "face", "face"),
        *("reach", "wave", "aside", "any"),
    ),
    "busy": ("raised", "raised", "wave", "reach", "reach", "aside", "holding", "any", "any", "phone", "hang"),
}
TWO_HANDED = {"folded", "hips", "back"}


def draw_arms(rng: np.random.Generator, mood: str) -> tuple[Arm, Arm]:
    """Draw both arms, which often do the same; `mood`: a key of `ARMS`."""
    mode = str(rng.choice(ARMS[mood]))
    both = rng.random() < (0.85 if mode in TWO_HANDED else 0.45)
    left = draw_arm(rng, mode)
    right = draw_arm(rng, mode if both else str(rng.choice(ARMS[mood])))
    return (left, right) if rng.random() < 0.5 else (right, left)


def draw_legs(rng: np.random.Generator, kind: str) -> tuple[Leg, Leg]:
    """Draw the legs of a kind of posture, a key of `Level.postures`."""
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
