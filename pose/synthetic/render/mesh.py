"""Triangle meshes and the surfaces they are made of: tubes, spheres and lofts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from pose.runtime.arrays import Array

NOBODY = -1  # the instance of things


@dataclass(frozen=True)
class Mesh:
    """Closed surfaces with their triangles counterclockwise as seen from outside.

    Attributes:
        vertices: (V, 3) float32 meters, world.
        local: (V, 3) float32 coordinates in which patterns are drawn.
        triangles: (T, 3) int32 rows of `vertices`.
        material: (T,) int32 index into the scene's materials.
        instance: (T,) int32 number of the person, `NOBODY` for things.
    """

    vertices: Array
    local: Array
    triangles: Array
    material: Array
    instance: Array


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Join several meshes to one."""
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    return Mesh(
        vertices=np.concatenate([m.vertices for m in meshes]),
        local=np.concatenate([m.local for m in meshes]),
        triangles=np.concatenate([m.triangles + s for m, s in zip(meshes, starts, strict=False)]).astype(np.int32),
        material=np.concatenate([m.material for m in meshes]),
        instance=np.concatenate([m.instance for m in meshes]),
    )


def moved(mesh: Mesh, offset: Array) -> Mesh:
    """Move a mesh by `offset` (3,) meters."""
    vertices = (mesh.vertices + offset).astype(np.float32)
    return Mesh(vertices, mesh.local, mesh.triangles, mesh.material, mesh.instance)


def vertex_normals(mesh: Mesh) -> Array:
    """Compute unit normals (V, 3) float32, the area-weighted mean of the triangles around each vertex."""
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    corner = mesh.triangles.T.ravel()
    total = np.stack([np.bincount(corner, np.tile(face[:, i], 3), len(mesh.vertices)) for i in range(3)], 1)
    return (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).astype(np.float32)


def transform(points: Array, matrix: Array) -> Array:
    """Map points (N, C) by a matrix (D, C), or (D, C + 1) with the translation last: (N, D) of the same dtype.

    Not `@`: for such thin matrices BLAS wakes its threads, which costs more than the product.
    """
    if len(points) == 0:  # of which OpenCV makes None
        return np.empty((0, len(matrix)), points.dtype)
    result: Array = cv2.transform(np.ascontiguousarray(points)[None], matrix).reshape(len(points), len(matrix))
    return result


@lru_cache(maxsize=64)
def tube_triangles(rings: int, segments: int, flip: bool) -> Array:
    """List the triangles of rings x segments vertices, closed around."""
    i, j = (v.ravel() for v in np.meshgrid(np.arange(rings - 1), np.arange(segments), indexing="ij"))
    k = (j + 1) % segments
    a, b, c, d = i * segments + j, i * segments + k, (i + 1) * segments + j, (i + 1) * segments + k
    quads = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    return (quads[:, ::-1] if flip else quads).astype(np.int32)


@lru_cache(maxsize=8)
def unit_sphere(rings: int, segments: int) -> Array:
    """Make unit vectors (rings * segments, 3), in rings from the top down, x at angle 0 and z at 90 degrees."""
    t = np.linspace(0.02, np.pi - 0.02, rings)[:, None]
    a = np.arange(segments)[None] * 2 * np.pi / segments
    xyz = np.stack([np.sin(t) * np.cos(a), np.broadcast_to(np.cos(t), (rings, segments)), np.sin(t) * np.sin(a)], -1)
    return xyz.reshape(-1, 3)


def loft(
    centers: Array,
    axis_u: Array,
    axis_v: Array,
    radii: Array,
    *,
    along: Array,
    segments: int,
    squareness: float = 1.0,
) -> tuple[Array, Array]:
    """Make vertices and local coordinates of a row of elliptic rings.

    Args:
        centers, axis_u, axis_v: (R, 3).
        radii: (R, 3) radius along u, radius along v, offset along v.
        along: (R,) meters along the tube.
        squareness: exponent of the ellipse, 1 is round, smaller is squarer.
    """
    a = np.arange(segments) * 2 * np.pi / segments
    cos, sin = np.cos(a), np.sin(a)
    if squareness != 1.0:
        cos, sin = np.sign(cos) * np.abs(cos) ** squareness, np.sign(sin) * np.abs(sin) ** squareness
    u = radii[:, :1] * cos
    v = radii[:, 1:2] * sin + radii[:, 2:]
    points = centers[:, None] + u[..., None] * axis_u[:, None] + v[..., None] * axis_v[:, None]
    local = np.stack([u, np.broadcast_to(along[:, None], u.shape), v], -1)
    return points.reshape(-1, 3), local.reshape(-1, 3)
