"""One body, and where a posture puts its bones.

Body frames: x to the person's left, y up (along the bone, away from its far end), z to the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.posture import Posture
from pose.synthetic.people.rig import bone_motion, frames_at_rest, skin
from pose.synthetic.people.template import PARTS, template
from pose.synthetic.render.frames import SIDES, rotation


@dataclass(frozen=True, eq=False)
class Body:
    """One body of `Template.shapes`, or near one.

    Attributes:
        shape: (S,) how much of each shape it has.
        face: (F,) the same of the face; None for that of the mean body.
    """

    shape: Array
    face: Array | None = None

    @staticmethod
    def random(rng: np.random.Generator, *, faces: bool = False) -> Body:
        """Draw a body; `faces`: with a face and an expression of its own."""
        shapes = template().shapes
        changed = np.asarray(rng.normal(0, 0.03, shapes.shape[1]), np.float32)
        body = Body(shapes[int(rng.integers(len(shapes)))] + changed)
        if not faces:
            return body
        drawn = template().faces
        changed = np.asarray(rng.normal(0, 0.03, drawn.shape[1]), np.float32)
        return Body(body.shape, drawn[int(rng.integers(len(drawn)))] + changed)

    @staticmethod
    def average() -> Body:
        return Body(np.zeros(template().shapes.shape[1], np.float32))

    @cached_property
    def rest(self) -> Array:
        """Vertices, heads of bones and points in the rest pose, (V + B + P, 3) meters; see `Template`."""
        t = template()
        result: Array = t.mean + np.einsum("s,srk->rk", self.shape, t.basis, dtype=np.float32)
        if self.face is not None:
            result[t.face_rows] += np.einsum("f,frk->rk", self.face, t.face_basis, dtype=np.float32)
        return result

    @cached_property
    def joints(self) -> dict[str, Array]:
        """The heads of bones and the points by name, each (3,), in the rest pose."""
        t = template()
        return dict(zip(t.bones + t.points, self.rest[len(t.vertex_part) :].astype(np.float64), strict=True))

    @cached_property
    def height(self) -> float:
        """Crown to sole, meters."""
        return float(np.ptp(self.rest[: len(template().vertex_part), 1]))

    @property
    def scale(self) -> float:
        """Size against the 1.75 m of the mean body."""
        return self.height / 1.75

    @property
    def head(self) -> float:
        """Size of the head against the mean body's."""
        ears = [template().points.index(f"{side}_ear") - len(template().points) for side in ("left", "right")]
        own, mean = (float(np.ptp(rows[ears, 0])) for rows in (self.rest, template().mean))
        return own / mean

    @cached_property
    def trunk(self) -> tuple[float, float, float]:
        """Half width, half depth and middle (z) of the trunk between hips and chest, meters."""
        t = template()
        level = t.vertices[:, 1]
        waist = self.rest[: len(level)][(t.vertex_part == PARTS.index("trunk")) & (level > 0.05) & (level < 0.4)]
        low, high = np.percentile(waist[:, 2], (5, 95))
        return float(np.percentile(np.abs(waist[:, 0]), 90)), float(high - low) / 2, float(high + low) / 2


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
        motion: (B, 3, 4) what each bone does to the points of the rest pose.
        seat: height of the seat under a sitting person, otherwise 0.
    """

    points: dict[str, Array]
    frames: dict[str, Array]
    motion: Array
    seat: float


def place(body: Body, posture: Posture, *, yaw: float) -> Bones:
    """Place the bones of a posture, with the lowest part on the ground y = 0 and the pelvis above the origin.

    Args:
        yaw: degrees; 0 looks along +z, the side of the camera; positive turns to the person's left.
    """
    frames = _frames(posture, yaw)
    rest = frames_at_rest(body.joints)
    motion = bone_motion(body.joints, rest, frames, posture)
    upright = posture.kind not in ("lie", "jump")
    if upright and _level_feet(body, posture, frames, motion):
        motion = bone_motion(body.joints, rest, frames, posture)
    t = template()
    motion[:, 1, 3] -= skin(body.rest, motion, every=5)[:, 1].min() - 0.01 * body.scale
    at = {name: motion[i, :, :3] @ body.joints[name] + motion[i, :, 3] for i, name in enumerate(t.bones)}
    points = {"pelvis": 0.5 * (at["upperleg01.L"] + at["upperleg01.R"]), "waist": at["spine03"], "neck": at["neck01"]}
    names = {"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist"}
    names |= {"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot"}
    points |= {f"{ours}{i}": at[f"{theirs}.{s}"] for ours, theirs in names.items() for i, s in enumerate("LR")}
    ears = 0.5 * (body.joints["left_ear"] + body.joints["right_ear"])
    size = body.head
    points["head"] = at["head"] + frames["head"] @ (ears - body.joints["head"] + np.array([0, 0.018, 0.005]) * size)
    seat = points["pelvis"][1] - 0.10 * body.scale if posture.seated else 0.0
    return Bones(points, frames, motion, float(seat))


def _frames(posture: Posture, yaw: float) -> dict[str, Array]:
    """Compute the frames of the parts of the body."""
    frames = {"pelvis": rotation("y", yaw) @ _bend(posture.pelvis)}
    frames["chest"] = frames["pelvis"] @ _bend(posture.spine)
    frames["head"] = frames["chest"] @ _bend(posture.neck)
    for i, side in enumerate(SIDES):
        arm, leg = posture.arms[i], posture.legs[i]
        frames[f"upper_arm{i}"] = (
            frames["chest"] @ _swing(arm.lift, arm.plane, side) @ rotation("y", -side * arm.turn)
        )
        frames[f"forearm{i}"] = frames[f"upper_arm{i}"] @ rotation("x", -arm.elbow)
        palm = rotation("y", side * (90 - arm.palm))
        frames[f"hand{i}"] = frames[f"forearm{i}"] @ palm @ rotation("z", -side * arm.wrist)
        frames[f"thigh{i}"] = (
            frames["pelvis"]
            @ rotation("z", side * leg.out)
            @ rotation("x", -leg.flex)
            @ rotation("y", side * leg.turn)
        )
        frames[f"shin{i}"] = frames[f"thigh{i}"] @ rotation("x", leg.knee)
        frames[f"foot{i}"] = frames[f"shin{i}"] @ rotation("x", leg.ankle)
    return frames


def _level_feet(body: Body, posture: Posture, frames: dict[str, Array], motion: Array) -> bool:
    """Turn the feet that stand on the ground level with it, in place; say whether any was."""
    bones = template().bones
    ankles = [motion[bones.index(f"foot.{s}")] for s in "LR"]
    heights = [float((a[:, :3] @ body.joints[f"foot.{s}"] + a[:, 3])[1]) for a, s in zip(ankles, "LR", strict=True)]
    turned = False
    for i in range(2):
        if heights[i] < min(heights) + 0.07 * body.scale and posture.legs[i].ankle < 20:
            frames[f"foot{i}"] = _level(frames[f"foot{i}"])
            turned = True
    return turned


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
    wide, deep, middle = body.trunk
    for i in range(2):
        for q in (p[f"wrist{i}"], 0.5 * (p[f"wrist{i}"] + p[f"elbow{i}"]), p[f"elbow{i}"]):
            hand = q - 0.08 * s * bones.frames[f"forearm{i}"][:, 1] if q is p[f"wrist{i}"] else q
            for point in (q, hand):
                x, y, z = chest.T @ (point - p["waist"])
                inside = (x / (wide + 0.01 * s)) ** 2 + ((z - middle) / (deep + 0.02 * s)) ** 2
                if -0.32 * s < y < 0.36 * s and inside < 1:
                    return False
                if float(np.linalg.norm(point - p["head"])) < 0.105 * s:
                    return False
    return True
