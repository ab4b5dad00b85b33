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


def in_hand(rng: np.random.Generator, person: SyntheticPerson, hand: int, *, material: int) -> Mesh:
    """Draw a pole or bat, a phone or book, or a ball in the left (0) or right (1) hand."""
    frame = person.bones.frames[f"hand{hand}"]
    grip = person.position + person.bones.points[f"wrist{hand}"] - frame[:, 1] * 0.08
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


def screen(rng: np.random.Generator, person: SyntheticPerson, to_camera: Array, look: Callable[[], int]) -> list[Mesh]:
    """Draw something wide before a person: a counter, a hedge, a vehicle, a fence, or the back of a seat.

    Args:
        to_camera: (3,) from the person to the camera, meters.
    """
    away = to_camera * (1, 0, 1)
    away = away / max(float(np.linalg.norm(away)), 1e-6)
    across = np.array([away[2], 0, -away[0]])
    near = float(rng.uniform(0.4, 1.1))
    spot = person.position + away * near + across * rng.normal(0, 0.45)
    height = float(rng.uniform(0.25, 1.3)) * person.body.scale
    wide, deep = float(rng.uniform(0.2, 1.8)), float(rng.uniform(0.04, 0.35))
    yaw = float(np.degrees(np.arctan2(away[0], away[2])) + rng.normal(0, 12))
    kind, up = rng.random(), np.array([0.0, 1.0, 0.0])
    if kind < 0.35:  # a counter, a bench, a wall
        parts = [box(spot + up * height / 2, (wide, height / 2, deep), yaw=yaw, material=look())]
        if rng.random() < 0.6:
            parts.append(box(spot + up * height, (1.05 * wide, 0.03, 1.2 * deep), yaw=yaw, material=look()))
        return parts
    if kind < 0.55:  # hedges, bags, animals
        material = look()
        parts = []
        for _ in range(int(rng.integers(1, 4))):
            radii = np.array([rng.uniform(0.2, 0.8), height / 2, rng.uniform(0.1, 0.35)])
            middle = spot + across * rng.normal(0, 0.6) + up * radii[1]
            parts.append(blob(rng, middle, radii, material=material, rough=float(rng.choice([0, 0.04, 0.08]))))
        return parts
    if kind < 0.75:  # a vehicle, or a machine: blocks upon a block, on wheels
        body, dark = look(), look()
        low = height * rng.uniform(0.5, 0.8)
        parts = [box(spot + up * low * 0.6, (wide, low * 0.5, deep), yaw=yaw, material=body)]
        aside = across * rng.uniform(-0.4, 0.4) * wide
        parts.append(box(spot + aside + up * (low + height) / 2, (0.5 * wide, height - low, deep), yaw=yaw, material=look()))
        for side in (-0.7, 0.7):
            hub = spot + across * side * wide + up * 0.25 * height + away * deep
            parts.append(blob(rng, hub, np.array([0.25, 0.25, 0.06]) * height, material=dark, rough=0.0))
        return parts
    # a fence or a rack: thin bars, plumb and level
    material, thick = look(), float(rng.uniform(0.006, 0.03))
    bars = [spot + across * x for x in np.arange(-wide, wide, rng.uniform(0.12, 0.6))]
    parts = [tube(b, b + up * height, (thick, thick), material=material) for b in bars[:16]]
    for share in (1.0, float(rng.uniform(0.1, 0.7))):
        ends = spot - across * wide + up * height * share, spot + across * wide + up * height * share
        parts.append(tube(*ends, (thick, thick), material=material))
    return parts
