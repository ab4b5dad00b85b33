"""What stands around generated people: furniture, plants, posts; and the light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.levels import chance
from pose.synthetic.people.bones import rotation
from pose.synthetic.people.clothes import CLOTH, SKIN, linear, random_color, random_print
from pose.synthetic.render.mesh import NOBODY, Mesh, loft, tube_triangles, unit_sphere
from pose.synthetic.render.shade import Light
from pose.synthetic.render.surface import Material


def random_light(rng: np.random.Generator, *, contrast: tuple[float, float], outdoor: bool) -> Light:
    """A distant light, mostly from the camera's half, with `contrast` (low, high) times the light of the sky."""
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


def _mesh(points: Array, local: Array, triangles: Array, material: int) -> Mesh:
    count = len(triangles)
    return Mesh(
        points.astype(np.float32),
        local.astype(np.float32),
        triangles.astype(np.int32),
        np.full(count, material, np.int32),
        np.full(count, NOBODY, np.int32),
    )


def box(center: Array, half: Sequence[float], *, yaw: float, material: int) -> Mesh:
    """A box with `half` extents (3,) in metres, turned about the vertical by `yaw` degrees."""
    faces: list[Array] = []
    triangles: list[Array] = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for sign in (-1.0, 1.0):
            corners = np.zeros((4, 3))
            corners[:, axis] = sign
            corners[:, u] = np.array([-1, 1, 1, -1]) * sign
            corners[:, v] = (-1, -1, 1, 1)
            triangles += [np.array([[0, 1, 2], [0, 2, 3]]) + 4 * len(faces)]
            faces.append(corners)
    local = np.concatenate(faces) * np.asarray(half)
    return _mesh(center + local @ rotation("y", yaw).T, local, np.concatenate(triangles), material)


def tube(start: Array, end: Array, radii: tuple[float, float], *, material: int) -> Mesh:
    """A tapered round rod with rounded ends."""
    axis = (end - start) / (np.linalg.norm(end - start) + 1e-9)
    other = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.8 else np.array([0, 1.0, 0])
    u = np.cross(axis, other)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    length = float(np.linalg.norm(end - start))
    t = np.array([-radii[0] / length, -0.5 * radii[0] / length, 0, 0.5, 1, 1 + 0.5 * radii[1] / length])
    t = np.append(t, 1 + radii[1] / length)
    r = np.interp(t, (0, 1), radii) * np.array([0.02, 0.85, 1, 1, 1, 0.85, 0.02])
    centers = start + t[:, None] * (end - start)
    rings = np.stack([r, r, 0 * r], 1)
    u, v = (np.broadcast_to(a, (len(t), 3)) for a in (u, v))
    points, local = loft(centers, u, v, rings, along=t * length, segments=12)
    return _mesh(points, local, tube_triangles(len(t), 12, False), material)


def blob(rng: np.random.Generator, center: Array, radii: Array, *, material: int, rough: float) -> Mesh:
    """A ball, dented when `rough` > 0: a bush, a bag, a cushion."""
    q = unit_sphere(12, 16)
    waves = np.sin(q @ rng.normal(0, 4, (3, 3)) + rng.uniform(0, 6, 3)).sum(1)
    points = q * radii * (1 + rough * waves)[:, None]
    return _mesh(center + points, points, tube_triangles(12, 16, False), material)


def random_material(rng: np.random.Generator, *, skin: bool = False, variety: float = 0.0) -> Material:
    """The look of a thing; `skin`: that of bare or dressed limbs, for distractors; `variety` as in `Level`."""
    if chance(rng, variety):
        printed = random_print(rng) if rng.random() < 0.5 else None
        scale, gloss, mottle, crumple = (float(v) for v in rng.uniform((0.2, 0, 0, 0), (1.5, 0.3, 0.4, 0.5)))
        return Material(
            "plain", random_color(rng), scale=scale, gloss=gloss, print=printed, mottle=mottle, crumple=crumple
        )
    palette = SKIN if skin and rng.random() < 0.5 else CLOTH
    color, second = (
        linear(np.clip(np.array(palette[rng.integers(len(palette))]) + rng.normal(0, 14, 3), 8, 250))
        for _ in range(2)
    )
    pattern = str(rng.choice(["plain", "plain", "wood", "speckle", "checks", "stripes"]))
    return Material(pattern, color, second, float(rng.uniform(0.04, 0.3)), float(rng.uniform(0, 0.2)))


def random_thing(rng: np.random.Generator, place: Array, *, material: int) -> list[Mesh]:
    """One piece of furniture, plant, post or railing that stands at `place` (x, 0, z)."""
    u = rng.uniform
    kind = str(rng.choice(["crate", "table", "post", "bush", "rail", "chair", "branch"]))
    yaw = float(u(0, 180))
    up = np.array([0.0, 1.0, 0.0])
    turn = rotation("y", yaw)
    if kind == "crate":
        half = (u(0.15, 0.6), u(0.15, 0.55), u(0.15, 0.4))
        return [box(place + up * half[1], half, yaw=yaw, material=material)]
    if kind in ("table", "chair"):
        wide, deep, high = (u(0.35, 0.8), u(0.3, 0.45), u(0.65, 0.85)) if kind == "table" else (0.23, 0.23, 0.45)
        parts = [box(place + up * high, (wide, 0.025, deep), yaw=yaw, material=material)]
        for x in (-0.92 * wide, 0.92 * wide):
            for z in (-0.88 * deep, 0.88 * deep):
                foot = place + turn @ np.array([x, 0, z])
                parts.append(tube(foot, foot + up * high, (0.025, 0.025), material=material))
        if kind == "chair":
            back = place + turn @ np.array([0, 0.7, -0.22])
            parts.append(box(back, (wide, 0.24, 0.02), yaw=yaw, material=material))
        return parts
    if kind == "post":
        return [tube(place, place + up * u(1.2, 4.5), (u(0.04, 0.14), u(0.03, 0.10)), material=material)]
    if kind == "bush":
        radii = np.array([u(0.2, 0.5), u(0.25, 0.6), u(0.2, 0.5)])
        return [blob(rng, place + up * radii[1] * 0.9, radii, material=material, rough=0.07)]
    if kind == "rail":
        high, wide = u(0.6, 1.1), u(0.8, 1.8)
        ends = [place + rotation("y", u(-35, 35)) @ np.array([side * wide, 0, 0]) for side in (-1, 1)]
        bars = [
            tube(ends[0] + up * high * h, ends[1] + up * high * h, (0.03, 0.03), material=material) for h in (0.5, 1)
        ]
        return bars + [tube(e, e + up * high, (0.035, 0.035), material=material) for e in ends]
    start = place + up * u(0.0, 1.2)  # a bent branch, as thick as an arm or a leg
    middle = start + rng.normal(0, 0.3, 3) + up * 0.3
    end = middle + rng.normal(0, 0.3, 3)
    thick = u(0.03, 0.08)
    return [
        tube(start, middle, (thick, thick * 0.8), material=material),
        tube(middle, end, (thick * 0.8, thick * 0.5), material=material),
    ]
