"""What generated people of a varied level hold, ride and sit or stand at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.person import SyntheticPerson
from pose.synthetic.render.frames import rotation
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.solids import blob, box, tube

AT_FACE = 0.32  # meters of a 1.75 m body from a hand to the middle of the head


def in_hand(rng: np.random.Generator, person: SyntheticPerson, hand: int, *, material: int) -> Mesh:
    """Draw a pole or bat, a phone or book, or a ball in the left (0) or right (1) hand; at the face a small thing."""
    frame = person.bones.frames[f"hand{hand}"]
    grip = _grip(person, hand)
    if at_face(person, hand):
        return _small(rng, grip, frame, material)
    kind = rng.random()
    if kind < 0.45:
        along = frame[:, 2] + rng.normal(0, 0.4, 3)
        along /= np.linalg.norm(along)
        length, before, thick = rng.uniform(0.5, 1.6), rng.uniform(0, 0.6), rng.uniform(0.008, 0.035)
        ends = grip - along * length * before, grip + along * length * (1 - before)
        return tube(*ends, (thick, thick * rng.uniform(0.5, 1.5)), material=material)
    if kind < 0.75:
        half = rng.uniform((0.03, 0.05, 0.005), (0.15, 0.18, 0.04)).tolist()
        return box(grip, half, yaw=float(rng.uniform(0, 180)), material=material)
    return blob(rng, grip, rng.uniform(0.03, 0.16, 3), material=material, rough=float(rng.choice([0, 0.04])))


def at_face(person: SyntheticPerson, hand: int) -> bool:
    """Say whether the left (0) or right (1) hand is near the middle of the head."""
    way = _grip(person, hand) - person.position - person.bones.points["head"]
    return float(np.linalg.norm(way)) < AT_FACE * person.body.scale


def _grip(person: SyntheticPerson, hand: int) -> Array:
    """Find the place (3,) in the world that the left (0) or right (1) hand closes on."""
    return person.position + person.bones.points[f"wrist{hand}"] - person.bones.frames[f"hand{hand}"][:, 1] * 0.08


def _small(rng: np.random.Generator, grip: Array, frame: Array, material: int) -> Mesh:
    """Draw a cup, a piece of food, a phone or camera, or a spoon or brush at `grip` (3,), in the hand's `frame`."""
    kind = rng.random()
    if kind < 0.25:
        wide = float(rng.uniform(0.025, 0.045))
        up = np.array([0.0, float(rng.uniform(0.04, 0.12)), 0.0])
        return tube(grip - up / 2, grip + up / 2, (wide, wide * float(rng.uniform(0.9, 1.3))), material=material)
    if kind < 0.55:
        return blob(rng, grip, rng.uniform(0.02, 0.07, 3), material=material, rough=float(rng.choice([0, 0.06])))
    if kind < 0.8:
        half = rng.uniform((0.02, 0.02, 0.004), (0.08, 0.08, 0.03)).tolist()
        return box(grip, half, yaw=float(rng.uniform(0, 180)), material=material)
    along = frame[:, 0] * float(rng.choice([-1, 1])) + rng.normal(0, 0.5, 3)
    along /= np.linalg.norm(along)
    thick = float(rng.uniform(0.004, 0.012))
    return tube(
        grip - 0.04 * along, grip + float(rng.uniform(0.08, 0.2)) * along, (thick, 1.5 * thick), material=material
    )


def mount(rng: np.random.Generator, person: SyntheticPerson, look: Callable[[], int]) -> list[Mesh]:
    """Draw what a riding person sits on: as thin as a bicycle or as wide as a horse, on wheels or legs."""
    turn, height = rotation("y", person.yaw), person.bones.seat
    wide, long = rng.uniform(0.04, 0.26), rng.uniform(0.4, 1.0)
    deep = min(rng.uniform(0.08, 0.35), 0.5 * height)
    body, limb = look(), look()

    def at(x: float, y: float, z: float) -> Array:
        return person.position + turn @ np.array([x, y, z])

    middle = rng.uniform(-0.1, 0.4)
    half = np.array([wide, deep, long])
    trunk = blob(rng, np.zeros(3), half, material=body, rough=0.0)
    vertices = (trunk.vertices @ turn.T + at(0, height - deep - 0.02, middle)).astype(np.float32)
    parts = [replace(trunk, vertices=vertices)]
    for z in (middle - 0.8 * long, middle + 0.8 * long):
        for x in (-0.7 * wide, 0.7 * wide) if wide > 0.12 else (0.0,):
            thick = rng.uniform(0.03, 0.09)
            parts.append(tube(at(x, height - deep, z), at(x, 0, z), (thick, thick), material=limb))
    if rng.random() < 0.7:  # a neck, or a handlebar
        start, end = at(0, height - 0.1, middle + 0.7 * long), at(0, height + rng.uniform(0.1, 0.5), middle + long)
        thick = rng.uniform(0.02, 0.11)
        parts.append(tube(start, end, (thick, 0.7 * thick), material=body))
        reach = turn @ np.array([rng.uniform(0.1, 0.35), 0, 0])
        parts.append(tube(end - reach, end + reach, (0.02, 0.02), material=limb))
    return parts


def table(rng: np.random.Generator, person: SyntheticPerson, look: Callable[[], int]) -> list[Mesh]:
    """Draw a table or counter before a person, with things on it."""
    turn = rotation("y", person.yaw + float(rng.normal(0, 10)))
    seated = person.bones.seat > 0
    height = float(person.bones.seat + rng.uniform(0.15, 0.4) if seated else rng.uniform(0.7, 1.15))
    wide, deep = rng.uniform(0.35, 1.4), rng.uniform(0.2, 0.6)
    start = rng.uniform(0.2, 0.45)  # of its edge before the body

    def at(x: float, y: float, z: float) -> Array:
        return person.position + turn @ np.array([x, y, z])

    thick = float(rng.choice([0.025, 0.5 * height - 0.01]))  # a plate, or down to the ground
    yaw = float(np.degrees(np.arctan2(turn[0, 2], turn[2, 2])))
    parts = [box(at(0, height - thick, start + deep), (wide, thick, deep), yaw=yaw, material=look())]
    for _ in range(int(rng.integers(0, 7))):
        half = rng.uniform((0.02, 0.02, 0.02), (0.16, 0.16, 0.12)).tolist()
        spot = at(rng.uniform(-wide, wide), height + half[1], start + rng.uniform(0, 2 * deep))
        if rng.random() < 0.5:
            parts.append(blob(rng, spot, np.array(half), material=look(), rough=0.0))
        else:
            parts.append(box(spot, half, yaw=float(rng.uniform(0, 180)), material=look()))
    return parts
