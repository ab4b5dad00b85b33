"""Simple bodies as meshes: boxes, rods and balls, of things and not of people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.frames import rotation
from pose.synthetic.render.mesh import NOBODY, Mesh, loft, tube_triangles, unit_sphere


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
    """Make a box with `half` extents (3,) in meters, turned about the vertical by `yaw` degrees."""
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
    """Make a tapered round rod with rounded ends."""
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
    """Make a ball, dented when `rough` > 0: a bush, a bag, a cushion."""
    q = unit_sphere(12, 16)
    waves = np.sin(q @ rng.normal(0, 4, (3, 3)) + rng.uniform(0, 6, 3)).sum(1)
    points = q * radii * (1 + rough * waves)[:, None]
    return _mesh(center + points, points, tube_triangles(12, 16, False), material)
