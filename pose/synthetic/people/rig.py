"""How bones move the body's surface: linear blend skinning, with twist spread along limbs and spine."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.posture import Posture
from pose.synthetic.people.template import template
from pose.synthetic.render.frames import SIDES, rotation

SPINE = {"spine05": 0.1, "spine04": 0.35, "spine03": 0.65, "spine02": 0.9, "spine01": 1.0}  # 0 pelvis, 1 chest
NECK = {"neck01": 0.3, "neck02": 0.5, "neck03": 0.8, "head": 1.0}  # 0 chest, 1 head
FINGERS = {"1": 1.0, "2": 1.6, "3": 1.3}  # share of the curl that each joint of a finger has


def _unit(v: Array) -> Array:
    length: Array = v / np.linalg.norm(v)
    return length


def _cross(a: Array, b: Array) -> Array:
    """Compute the cross product of two vectors (3,), for which numpy's takes ten times as long."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _frame(y: Array, z: Array) -> Array:
    """Make the frame with y along `y`, and z as near `z` as it gets."""
    y = _unit(y)
    z = _unit(z - (z @ y) * y)
    return np.stack([_cross(y, z), y, z], axis=1)


def frames_at_rest(joints: dict[str, Array]) -> dict[str, Array]:
    """Find the frames of the limbs, as in `Bones`, of a body in its rest pose."""
    frames = {name: np.eye(3) for name in ("pelvis", "chest", "head")}
    for i, s in enumerate("LR"):
        shoulder, elbow, wrist, hip, knee, ankle = (
            joints[f"{n}.{s}"] for n in ("upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot")
        )
        frames[f"upper_arm{i}"] = _frame(shoulder - elbow, wrist - elbow)  # the elbow is a little bent
        frames[f"forearm{i}"] = _around(frames[f"upper_arm{i}"][:, 0], elbow - wrist)
        across = joints[f"finger2-1.{s}"] - joints[f"finger5-1.{s}"]
        frames[f"hand{i}"] = _frame(wrist - joints[f"finger3-1.{s}"], across)
        frames[f"thigh{i}"] = _frame(hip - knee, np.array([0.0, 0.0, 1.0]))
        frames[f"shin{i}"] = _around(frames[f"thigh{i}"][:, 0], knee - ankle)
        frames[f"foot{i}"] = np.eye(3)
    return frames


def _around(x: Array, y: Array) -> Array:
    """Make the frame with y along `y`, and x as near `x` as it gets."""
    y = _unit(y)
    x = _unit(x - (x @ y) * y)
    return np.stack([x, y, _cross(x, y)], axis=1)


def _part(a: Array, b: Array, t: float) -> Array:
    """Go the share t of the way from the rotation a to b."""
    r = a.T @ b
    angle = float(np.arccos(np.clip((np.trace(r) - 1) / 2, -1, 1)))
    if angle < 1e-4:
        return a
    if angle > 3.13:  # without a direction of its own
        return b if t > 0.5 else a
    k = (r - r.T) / (2 * np.sin(angle))
    return a @ (np.eye(3) + np.sin(angle * t) * k + (1 - np.cos(angle * t)) * (k @ k))


def _shortest(a: Array, b: Array) -> Array:
    """Find the smallest rotation that turns the unit vector a to b."""
    v, c = _cross(a, b), float(a @ b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / max(1 + c, 1e-3)


def _turns(rest: dict[str, Array], frames: dict[str, Array], posture: Posture) -> dict[str, Array]:
    """Compute how far each bone is turned from the rest pose: rotations (3, 3)."""
    to = {name: frames[name] @ rest[name].T for name in rest}
    turns = {"root": to["pelvis"]}
    turns |= {name: _part(to["pelvis"], to["chest"], t) for name, t in SPINE.items()}
    turns |= {name: _part(to["chest"], to["head"], t) for name, t in NECK.items()}
    for i, s in enumerate("LR"):
        arm, side = posture.arms[i], SIDES[i]
        raised = max(arm.lift - 60, 0) / 110  # the collar bone follows a raised arm
        collar = to["chest"] @ rotation("z", side * 22 * raised)
        upper = _spread(collar, to[f"upper_arm{i}"], rest[f"upper_arm{i}"][:, 1])
        turns[f"clavicle.{s}"] = collar
        turns[f"shoulder01.{s}"] = _part(collar, upper[0], 0.25)
        turns[f"upperarm01.{s}"], turns[f"upperarm02.{s}"] = upper[1], to[f"upper_arm{i}"]
        turns[f"lowerarm01.{s}"] = to[f"forearm{i}"]
        turns[f"lowerarm02.{s}"] = _part(to[f"forearm{i}"], to[f"hand{i}"], 0.5)
        turns[f"wrist.{s}"] = to[f"hand{i}"]
        for finger in range(1, 6):
            bent = np.eye(3)
            for joint, share in FINGERS.items():
                curl = (0.25 if finger == 1 else 1.0) * arm.curl * share
                bent = bent @ rotation("z", -side * curl)
                turns[f"finger{finger}-{joint}.{s}"] = frames[f"hand{i}"] @ bent @ rest[f"hand{i}"].T
        thigh = _spread(to["pelvis"], to[f"thigh{i}"], rest[f"thigh{i}"][:, 1])
        turns[f"upperleg01.{s}"], turns[f"upperleg02.{s}"] = thigh[1], to[f"thigh{i}"]
        turns[f"lowerleg01.{s}"] = turns[f"lowerleg02.{s}"] = to[f"shin{i}"]
        turns[f"foot.{s}"] = to[f"foot{i}"]
    return turns


def _spread(above: Array, full: Array, axis: Array) -> tuple[Array, Array]:
    """Split a limb's turn against what it hangs on: without its twist about `axis`, and with half of it."""
    swung = above @ _shortest(axis, above.T @ full @ axis)
    return swung, _part(swung, full, 0.5)


def bone_motion(
    joints: dict[str, Array], rest: dict[str, Array], frames: dict[str, Array], posture: Posture
) -> Array:
    """Compute what each bone does to points of the rest pose: (B, 3, 4), the pelvis at the origin."""
    t = template()
    turns = _turns(rest, frames, posture)
    motion = np.empty((len(t.bones), 3, 4))
    for b, (name, parent) in enumerate(zip(t.bones, t.parents, strict=True)):
        turn, head = turns[name], joints[name]
        at = motion[parent, :, :3] @ head + motion[parent, :, 3] if parent >= 0 else turn @ head
        motion[b, :, :3], motion[b, :, 3] = turn, at - turn @ head
    return motion


def skin(rest: Array, motion: Array, *, every: int = 1) -> Array:
    """Move a body's vertices and points: (V + P, 3) float32, or every so many of them.

    Args:
        rest: (V + B + P, 3) rows of a body; or (V + P, 3) without the bones.
        motion: (B, 3, 4) of `bone_motion`.
    """
    t = template()
    if len(rest) > len(t.bone_indices):
        count = len(t.vertex_part)
        rest = np.concatenate([rest[:count], rest[count + len(t.bones) :]])
    rest, weights, bones = rest[::every], t.bone_weights[::every], t.bone_indices[::every]
    moves = motion.astype(np.float32).reshape(len(motion), 12)
    blend = weights[:, :1] * moves[bones[:, 0]]
    for k in range(1, 4):
        blend += weights[:, k : k + 1] * moves[bones[:, k]]
    blend = blend.reshape(-1, 3, 4)
    result: Array = np.einsum("vij,vj->vi", blend[:, :, :3], rest) + blend[:, :, 3]
    return result
