"""Body proportions, and where a posture puts the bones.

Body frames: x to the person's left, y up (along the bone, away from its far end), z to the front.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.posture import Posture
from pose.synthetic.render.frames import SIDES, rotation


@dataclass(frozen=True)
class Body:
    """The proportions of one body; lengths are meters.

    Attributes:
        height: crown to sole.
        thickness: of the limbs, 1 is average.
        shoulders, hips: half distance between the shoulder / hip joints.
        girth: of the trunk, 1 is average; bust and belly: extra depth in front.
        head: size of the head, 1 is average.
    """

    height: float
    thickness: float
    shoulders: float
    hips: float
    girth: float
    bust: float
    belly: float
    head: float

    @property
    def scale(self) -> float:
        """Size against the 1.75 m of the tables."""
        return self.height / 1.75

    @staticmethod
    def random(rng: np.random.Generator) -> Body:
        height = float(np.clip(rng.normal(1.70, 0.10), 1.40, 1.98))
        child = rng.random() < 0.10
        if child:
            height = float(rng.uniform(1.05, 1.4))
        scale = height / 1.75
        curvy = float(rng.random())  # from broad shoulders to broad hips
        girth = float(np.clip(rng.normal(1.0, 0.10), 0.82, 1.35))
        return Body(
            height=height,
            thickness=float(np.clip(rng.normal(1.0, 0.09) + 0.35 * (girth - 1), 0.78, 1.3)),
            shoulders=(0.180 - 0.022 * curvy) * scale * float(rng.normal(1, 0.03)),
            hips=(0.088 + 0.012 * curvy) * scale * (0.6 + 0.4 * girth),
            girth=girth,
            bust=0.035 * max(curvy - 0.45, 0.0) * (not child),
            belly=max(girth - 1.0, 0.0) * 0.25 + 0.008 * float(rng.random()),
            head=float(np.clip(rng.normal(1.0, 0.03), 0.92, 1.08)) * (1.18 / scale**0.55 if child else 1.0) ** 0.9,
        )


def _bend(angles: tuple[float, float, float]) -> Array:
    return rotation("y", angles[2]) @ rotation("z", angles[1]) @ rotation("x", angles[0])


def _swing(lift: float, plane: float, side: float) -> Array:
    """Turn a hanging limb by `lift` in a vertical plane."""
    a = np.radians(plane)
    axis = np.array([-np.cos(a), 0.0, side * np.sin(a)])  # turns -y towards (side * sin, 0, cos)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    t = np.radians(lift)
    return np.eye(3) + np.sin(t) * k + (1 - np.cos(t)) * k @ k


@dataclass(frozen=True)
class Bones:
    """A placed body: positions (3,) in meters and frames (3, 3) whose columns are x, y, z; pairs are (left, right).

    Attributes:
        points: "pelvis", "waist", "neck", "head" (its middle), and pairs "shoulder", "elbow", "wrist", "hip", "knee",
            "ankle" with suffix 0 or 1.
        frames: "pelvis", "chest", "head", and "upper_arm", "forearm", "hand", "thigh", "shin", "foot" with suffix.
        seat: height of the seat under a sitting person, otherwise 0.
    """

    points: dict[str, Array]
    frames: dict[str, Array]
    seat: float


def place(body: Body, posture: Posture, *, yaw: float) -> Bones:
    """Place the bones of a posture, with the lowest part on the ground y = 0 and the pelvis above the origin.

    Args:
        yaw: degrees; 0 looks along +z, the side of the camera; positive turns to the person's left.
    """
    s = body.scale
    frames = {"pelvis": rotation("y", yaw) @ _bend(posture.pelvis)}
    frames["chest"] = frames["pelvis"] @ _bend(posture.spine)
    frames["head"] = frames["chest"] @ _bend(posture.neck)
    p = {"pelvis": np.zeros(3)}
    p["waist"] = frames["pelvis"] @ (0, 0.17 * s, 0)
    p["neck"] = p["waist"] + frames["chest"] @ (0, 0.345 * s, -0.012 * s)
    half = frames["chest"] @ _bend(tuple(0.4 * a for a in posture.neck))  # type: ignore[arg-type]
    p["skull"] = p["neck"] + half @ (0, 0.085 * s, 0.022 * s)
    p["head"] = p["skull"] + frames["head"] @ (0, 0.088 * s * body.head, 0.022 * s)
    for i, side in enumerate(SIDES):
        arm, leg = posture.arms[i], posture.legs[i]
        raised = max(arm.lift - 60, 0) / 110  # the collar bone follows a raised arm
        p[f"shoulder{i}"] = p["waist"] + frames["chest"] @ (
            side * (body.shoulders - 0.025 * s * raised),
            (0.287 + 0.06 * raised) * s,
            -0.005 * s,
        )
        frames[f"upper_arm{i}"] = (
            frames["chest"] @ _swing(arm.lift, arm.plane, side) @ rotation("y", -side * arm.turn)
        )
        frames[f"forearm{i}"] = frames[f"upper_arm{i}"] @ rotation("x", -arm.elbow)
        palm = rotation("y", side * (90 - arm.palm))
        frames[f"hand{i}"] = frames[f"forearm{i}"] @ palm @ rotation("z", -side * arm.wrist)
        p[f"elbow{i}"] = p[f"shoulder{i}"] - frames[f"upper_arm{i}"][:, 1] * 0.295 * s
        p[f"wrist{i}"] = p[f"elbow{i}"] - frames[f"forearm{i}"][:, 1] * 0.255 * s
        p[f"hip{i}"] = frames["pelvis"] @ (side * body.hips, -0.01 * s, 0)
        frames[f"thigh{i}"] = (
            frames["pelvis"]
            @ rotation("z", side * leg.out)
            @ rotation("x", -leg.flex)
            @ rotation("y", side * leg.turn)
        )
        frames[f"shin{i}"] = frames[f"thigh{i}"] @ rotation("x", leg.knee)
        frames[f"foot{i}"] = frames[f"shin{i}"] @ rotation("x", leg.ankle)
        p[f"knee{i}"] = p[f"hip{i}"] - frames[f"thigh{i}"][:, 1] * 0.425 * s
        p[f"ankle{i}"] = p[f"knee{i}"] - frames[f"shin{i}"][:, 1] * 0.415 * s

    lowest = min(p["ankle0"][1], p["ankle1"][1])
    upright = posture.kind not in ("lie", "jump")
    for i in range(2):
        if upright and p[f"ankle{i}"][1] < lowest + 0.07 * s and posture.legs[i].ankle < 20:
            frames[f"foot{i}"] = _level(frames[f"foot{i}"])
    soles = [p[f"ankle{i}"] + frames[f"foot{i}"] @ (0, -0.075 * s, z * s) for i in range(2) for z in (-0.05, 0.17)]
    parts = [q[1] for q in soles] + [p[f"knee{i}"][1] - 0.055 * s for i in range(2)]
    parts += [p[f"wrist{i}"][1] - 0.04 * s for i in range(2)] + [p["pelvis"][1] - 0.11 * s, p["head"][1] - 0.1 * s]
    ground = min(parts)
    for q in p.values():
        q[1] -= ground
    return Bones(p, frames, p["pelvis"][1] - 0.10 * s if posture.seated else 0.0)


def _level(frame: Array) -> Array:
    """Turn a frame so that y is upright, with z as near as it gets to where it was."""
    z = frame[:, 2] * (1, 0, 1)
    length = float(np.linalg.norm(z))
    if length < 0.3:
        return frame
    z = z / length
    y = np.array([0.0, 1.0, 0.0])
    return np.stack([np.cross(y, z), y, z], axis=1)


def arms_clear(body: Body, bones: Bones) -> bool:
    """Say whether elbows, forearms and wrists stay out of the trunk and the head."""
    p, chest, s = bones.points, bones.frames["chest"], body.scale
    for i in range(2):
        for q in (p[f"wrist{i}"], 0.5 * (p[f"wrist{i}"] + p[f"elbow{i}"]), p[f"elbow{i}"]):
            hand = q - 0.08 * s * bones.frames[f"forearm{i}"][:, 1] if q is p[f"wrist{i}"] else q
            for point in (q, hand):
                x, y, z = chest.T @ (point - p["waist"])
                inside = (x / (0.155 * s * body.girth)) ** 2 + (z / (0.118 * s * body.girth + body.bust)) ** 2
                if -0.32 * s < y < 0.36 * s and inside < 1:
                    return False
                if float(np.linalg.norm(point - p["head"])) < 0.105 * s:
                    return False
    return True
