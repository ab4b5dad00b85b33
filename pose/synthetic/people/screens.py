"""What stands before generated people of a varied level and hides them from below."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.person import SyntheticPerson
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.solids import blob, box, tube


def screen(
    rng: np.random.Generator, person: SyntheticPerson, to_camera: Array, look: Callable[[], int]
) -> list[Mesh]:
    """Draw something wide before a person: a counter, hedges, a vehicle or a fence.

    Args:
        to_camera: (3,) from the person to the camera, meters.
    """
    away = to_camera * (1, 0, 1)
    away = away / max(float(np.linalg.norm(away)), 1e-6)
    across = np.array([away[2], 0, -away[0]])
    near = float(rng.uniform(0.4, 1.1))
    spot = person.position + away * near + across * rng.normal(0, 0.45)
    low = 0.85 if rng.random() < 0.4 else 0.25  # up to the chest at least, or any height
    height = float(rng.uniform(low, 1.3)) * person.body.scale
    height = min(height, 0.95 * float(person.bones.points["neck"][1]))  # of who sits or crouches too
    wide, deep = float(rng.uniform(0.3, 1.8)), float(rng.uniform(0.04, 0.35))
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
        parts.append(
            box(spot + aside + up * (low + height) / 2, (0.5 * wide, height - low, deep), yaw=yaw, material=look())
        )
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
