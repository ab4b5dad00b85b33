"""What stands around generated people: furniture, plants, posts; and the light."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.levels import chance
from pose.synthetic.render.colors import CLOTH, SKIN, pick_color, random_color, random_print
from pose.synthetic.render.frames import rotation
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.shade import Light
from pose.synthetic.render.solids import blob, box, tube
from pose.synthetic.render.surface import Material

UP = np.array([0.0, 1.0, 0.0])


def random_light(rng: np.random.Generator, *, contrast: tuple[float, float], outdoor: bool) -> Light:
    """Draw a distant light, mostly from the camera's half.

    Args:
        contrast: (low, high) of its strength, in times the light of the sky.
    """
    elevation = np.radians(rng.uniform(18, 72))
    azimuth = np.radians(rng.uniform(-100, 100) if rng.random() < 0.8 else rng.uniform(100, 260))
    direction = np.array(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], np.float32
    )
    warmth = rng.uniform(-0.05, 0.16)
    key = np.array([1 + warmth, 1.0, 1 - warmth]) * rng.uniform(*contrast)
    blue = rng.uniform(0, 0.18) if outdoor else rng.uniform(-0.08, 0.05)
    sky = np.array([1 - blue, 1.0, 1 + blue]) * 0.75
    return Light(
        direction, key.astype(np.float32), sky.astype(np.float32), (sky * rng.uniform(0.35, 0.8)).astype(np.float32)
    )


def random_material(rng: np.random.Generator, *, skin: bool = False, variety: float = 0.0) -> Material:
    """Draw the look of a thing.

    Args:
        skin: whether it may look like a bare limb, to distract from those of people.
        variety: as in `Level`.
    """
    if chance(rng, variety):
        printed = random_print(rng) if rng.random() < 0.5 else None
        scale, gloss, mottle, crumple = (float(v) for v in rng.uniform((0.2, 0, 0, 0), (1.5, 0.3, 0.4, 0.5)))
        return Material(
            "plain", random_color(rng), scale=scale, gloss=gloss, print=printed, mottle=mottle, crumple=crumple
        )
    palette = SKIN if skin and rng.random() < 0.5 else CLOTH
    color, second = pick_color(rng, palette, 14), pick_color(rng, palette, 14)
    pattern = str(rng.choice(["plain", "plain", "wood", "speckle", "checks", "stripes"]))
    return Material(pattern, color, second, float(rng.uniform(0.04, 0.3)), float(rng.uniform(0, 0.2)))


def random_thing(rng: np.random.Generator, place: Array, *, material: int) -> list[Mesh]:
    """Draw one piece of furniture, plant, post or railing that stands at `place` (x, 0, z)."""
    u = rng.uniform
    kind = str(rng.choice(["crate", "table", "post", "bush", "rail", "chair", "branch"]))
    yaw = float(u(0, 180))
    if kind == "crate":
        half = (u(0.15, 0.6), u(0.15, 0.55), u(0.15, 0.4))
        return [box(place + UP * half[1], half, yaw=yaw, material=material)]
    if kind == "table":
        return _on_four_legs(place, (u(0.35, 0.8), u(0.3, 0.45), u(0.65, 0.85)), yaw=yaw, material=material)
    if kind == "chair":
        size = (0.23, 0.23, 0.45)
        back = place + rotation("y", yaw) @ np.array([0, 0.7, -0.22])
        parts = _on_four_legs(place, size, yaw=yaw, material=material)
        return [*parts, box(back, (size[0], 0.24, 0.02), yaw=yaw, material=material)]
    if kind == "post":
        return [tube(place, place + UP * u(1.2, 4.5), (u(0.04, 0.14), u(0.03, 0.10)), material=material)]
    if kind == "bush":
        radii = np.array([u(0.2, 0.5), u(0.25, 0.6), u(0.2, 0.5)])
        return [blob(rng, place + UP * radii[1] * 0.9, radii, material=material, rough=0.07)]
    return _rail(rng, place, material=material) if kind == "rail" else _branch(rng, place, material=material)


def _on_four_legs(place: Array, size: tuple[float, float, float], *, yaw: float, material: int) -> list[Mesh]:
    """Make a plate on legs; `size`: half its width, half its depth, its height, meters."""
    wide, deep, high = size
    turn = rotation("y", yaw)
    parts = [box(place + UP * high, (wide, 0.025, deep), yaw=yaw, material=material)]
    for x in (-0.92 * wide, 0.92 * wide):
        for z in (-0.88 * deep, 0.88 * deep):
            foot = place + turn @ np.array([x, 0, z])
            parts.append(tube(foot, foot + UP * high, (0.025, 0.025), material=material))
    return parts


def _rail(rng: np.random.Generator, place: Array, *, material: int) -> list[Mesh]:
    u = rng.uniform
    high, wide = u(0.6, 1.1), u(0.8, 1.8)
    ends = [place + rotation("y", u(-35, 35)) @ np.array([side * wide, 0, 0]) for side in (-1, 1)]
    bars = [tube(ends[0] + UP * high * h, ends[1] + UP * high * h, (0.03, 0.03), material=material) for h in (0.5, 1)]
    return bars + [tube(e, e + UP * high, (0.035, 0.035), material=material) for e in ends]


def _branch(rng: np.random.Generator, place: Array, *, material: int) -> list[Mesh]:
    """Draw a bent branch, as thick as an arm or a leg."""
    start = place + UP * rng.uniform(0.0, 1.2)
    middle = start + rng.normal(0, 0.3, 3) + UP * 0.3
    end = middle + rng.normal(0, 0.3, 3)
    thick = rng.uniform(0.03, 0.08)
    return [
        tube(start, middle, (thick, thick * 0.8), material=material),
        tube(middle, end, (thick * 0.8, thick * 0.5), material=material),
    ]
