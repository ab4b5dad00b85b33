"""Triangle meshes to pixels with numpy alone: a z-buffer, a shadow map and per-pixel shading.

The world is in metres, x to the right of a camera in front of the scene, y up, z towards that camera. Scanlines
of all triangles are expanded at once (two `np.repeat`), so the cost is that of the covered pixels; everything else
is evaluated once per *visible* pixel. Image points are (x, y) with integers at pixel centres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pose.data.figure_surface import Material, surface

Array = NDArray[Any]

SUPERSAMPLING = 2  # hi-res samples a pixel along each axis
NEAR = 0.25  # metres; triangles that come nearer to the camera are dropped
NOBODY = -1  # the instance of things


@dataclass(frozen=True)
class Mesh:
    """Closed surfaces with their triangles anticlockwise as seen from outside.

    Attributes:
        vertices: (V, 3) float32 metres, world.
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
    """One mesh out of several."""
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    return Mesh(
        vertices=np.concatenate([m.vertices for m in meshes]),
        local=np.concatenate([m.local for m in meshes]),
        triangles=np.concatenate([m.triangles + s for m, s in zip(meshes, starts, strict=False)]).astype(np.int32),
        material=np.concatenate([m.material for m in meshes]),
        instance=np.concatenate([m.instance for m in meshes]),
    )


def transform(points: Array, matrix: Array) -> Array:
    """Points (N, C) by a matrix (D, C), or (D, C + 1) with the translation last: (N, D) of the same dtype.

    Not `@`: for such thin matrices BLAS wakes its threads, which costs more than the product.
    """
    result: Array = cv2.transform(np.ascontiguousarray(points)[None], matrix).reshape(len(points), len(matrix))
    return result


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        position: (3,) metres.
        rotation: (3, 3) world to camera; camera x to the right, y down, z forward.
        focal: pixels.
        center: (2,) principal point x, y in image pixels; outside the middle for a cut-out of a larger picture.
        size: (height, width) of the image.
    """

    position: Array
    rotation: Array
    focal: float
    center: Array
    size: tuple[int, int]

    def project(self, points: Array) -> tuple[Array, Array]:
        """Points (N, 3) to image xy (N, 2) and depth (N,) in metres along the optical axis."""
        matrix = np.concatenate([self.rotation, -(self.rotation @ self.position)[:, None]], 1)
        p = transform(points, matrix)
        depth = np.maximum(p[:, 2], 1e-3)
        return p[:, :2] * (self.focal / depth)[:, None] + self.center, p[:, 2]

    def rays(self, xy: Array) -> Array:
        """Directions (N, 3) in the world of image points (N, 2), of depth 1 along the optical axis."""
        m = self.rotation.T / (self.focal, self.focal, 1)
        m[:, 2] -= m[:, :2] @ self.center
        return transform(xy.astype(np.float32), m)


@dataclass(frozen=True)
class Light:
    """One distant light, and the sky or room around.

    Attributes:
        direction: (3,) unit vector towards the light.
        key: (3,) RGB strength of the distant light.
        sky, ground: (3,) RGB of the light from above and from below.
    """

    direction: Array
    key: Array
    sky: Array
    ground: Array

    def on(self, normals: Array, lit: Array) -> Array:
        """Irradiance (N, 3) at normals (N, 3), where `lit` (N,) of the distant light arrives."""
        factors = np.empty((len(normals), 3), np.float32)
        factors[:, 0] = np.maximum((transform(normals, self.direction[None])[:, 0] + 0.12) / 1.12, 0) * lit
        factors[:, 1] = normals[:, 1] * 0.5 + 0.5
        factors[:, 2] = 1
        return transform(factors, np.stack([self.key, self.sky - self.ground, self.ground], 1))


def rasterise(xy: Array, nearness: Array, triangles: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Find the nearest triangle at every pixel.

    Args:
        xy: (V, 2) pixels. nearness: (V,) grows towards the eye and is linear on the picture, so 1 / depth.
        triangles: (T, 3); those that run clockwise on the picture (y down: anticlockwise on paper) are skipped.
        size: (height, width).
    Returns:
        index: (H, W) int32 row of `triangles`, -1 where there is none.
        nearest: (H, W) float32 nearness there, -inf where there is none.
    """
    height, width = size
    index = np.full(height * width, -1, np.int32)
    nearest = np.full(height * width, -np.inf, np.float32)
    xy, nearness = xy.astype(np.float32), nearness.astype(np.float32)
    x, y = ([column[triangles[:, i]] for i in range(3)] for column in xy.T)
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    bottom, right = (np.maximum(np.maximum(v[0], v[1]), v[2]) for v in (y, x))
    above, left_most = (np.minimum(np.minimum(v[0], v[1]), v[2]) for v in (y, x))
    top = np.clip(np.ceil(above), 0, height).astype(np.int32)
    rows = np.clip(np.floor(bottom), -1, height - 1).astype(np.int32) - top + 1
    keep = np.flatnonzero((area < -1e-6) & (rows > 0) & (right >= 0) & (left_most <= width - 1))
    x, y = [v[keep] for v in x], [v[keep] for v in y]
    n = [nearness[triangles[keep, i]] for i in range(3)]
    area, top, rows = area[keep], top[keep], rows[keep]
    slope_x = ((n[1] - n[0]) * (y[2] - y[0]) - (n[2] - n[0]) * (y[1] - y[0])) / area
    slope_y = ((x[1] - x[0]) * (n[2] - n[0]) - (x[2] - x[0]) * (n[1] - n[0])) / area

    t = np.repeat(np.arange(len(keep)), rows)  # one entry a scanline of a triangle
    row = top[t] + _count(rows)
    low = np.full(len(t), 0.0, np.float32)
    high = np.full(len(t), width - 1.0, np.float32)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        dy = y[b] - y[a]
        step = (x[b] - x[a]) / np.where(dy == 0, 1, dy)
        edge = (x[a] - y[a] * step)[t] + row * step[t]
        falling = dy[t]
        np.maximum(low, np.where(falling > 0, edge, -np.inf), out=low)
        np.minimum(high, np.where(falling < 0, edge, np.inf), out=high)
    left = np.ceil(low - 1e-3).astype(np.int32)
    length = np.maximum(np.floor(high + 1e-3).astype(np.int32) - left + 1, 0)
    start = (n[0] - slope_x * x[0] - slope_y * y[0])[t] + slope_x[t] * left + slope_y[t] * row

    span = np.repeat(np.arange(len(t)), length)  # one entry a covered pixel
    along = _count(length)
    pixel = (row * width + left)[span] + along
    value = (start.astype(np.float32)[span] + slope_x[t][span] * along.astype(np.float32)).astype(np.float32)
    np.maximum.at(nearest, pixel, value)
    won = np.flatnonzero(value == nearest[pixel])
    index[pixel[won]] = keep[t[span[won]]]
    return index.reshape(size), nearest.reshape(size)


def _count(lengths: Array) -> Array:
    """0..n-1 for each n of `lengths`, one after the other."""
    ends = np.cumsum(lengths)
    return (np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)).astype(np.int32)


def vertex_normals(mesh: Mesh) -> Array:
    """(V, 3) float32 unit normals, the area-weighted mean of the triangles around each vertex."""
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    corner = mesh.triangles.T.ravel()
    total = np.stack([np.bincount(corner, np.tile(face[:, i], 3), len(mesh.vertices)) for i in range(3)], 1)
    return (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).astype(np.float32)


class ShadowMap:
    """What the distant light sees of a mesh; says which points it reaches."""

    TEXEL = 0.02  # metres
    LIMIT = 640  # texels along an axis

    def __init__(self, mesh: Mesh, direction: Array) -> None:
        side = np.cross([0.0, 1.0, 0.0], direction)
        side /= np.linalg.norm(side)
        self.basis = np.stack([side, -np.cross(direction, side), direction]).astype(np.float32)
        p = transform(mesh.vertices, self.basis)
        low, high = p[:, :2].min(0), p[:, :2].max(0)
        self.texel = max(self.TEXEL, float((high - low).max()) / self.LIMIT)
        self.low = (low - 2 * self.texel).astype(np.float32)
        width, height = (int(v) + 5 for v in (high - low) / self.texel)
        _, self.nearest = rasterise((p[:, :2] - self.low) / self.texel, p[:, 2], mesh.triangles, (height, width))

    def lit(self, points: Array, *, bias: float = 0.03) -> Array:
        """Share 0..1 of the light at world points (N, 3): float32 (N,), the mean of four taps."""
        p = transform(points, self.basis)
        height, width = self.nearest.shape
        x, y = (
            np.clip((p[:, k] - self.low[k]) / self.texel + 0.5, 1, size - 2).astype(np.int32)
            for k, size in ((0, width), (1, height))
        )
        at, map_, limit = y * width + x, self.nearest.ravel(), p[:, 2] + np.float32(bias)
        total = np.zeros(len(points), np.float32)
        for step in (-width, 1, width, -1):
            total += map_[at + step] <= limit
        return total * np.float32(0.25)


@dataclass(frozen=True)
class Layer:
    """Rendered meshes over nothing.

    Attributes:
        color: (H, W, 3) float32 linear RGB, already multiplied by `alpha`.
        alpha: (H, W, 1) float32 coverage.
        instance: (sH, sW) int32 hi-res person numbers, `NOBODY` at things, -2 where there is nothing.
        depth: (sH, sW) float32 hi-res metres, inf where there is nothing.
    """

    color: Array
    alpha: Array
    instance: Array
    depth: Array


def render(
    mesh: Mesh, materials: Sequence[Material], *, camera: Camera, light: Light, shadows: ShadowMap | None
) -> Layer:
    """Draw a mesh as the camera sees it."""
    s = SUPERSAMPLING
    height, width = camera.size[0] * s, camera.size[1] * s
    xy, depth = camera.project(mesh.vertices)
    xy = (xy + 0.5) * s - 0.5
    nearness = 1 / np.maximum(depth, 1e-3)
    usable = np.flatnonzero(np.logical_and.reduce([depth[corner] > NEAR for corner in mesh.triangles.T]))
    corners = mesh.triangles[usable]
    index, nearest = rasterise(xy, nearness, corners, (height, width))
    pixel = np.flatnonzero(index.ravel() >= 0)
    t = index.ravel()[pixel]
    instance = np.full(height * width, -2, np.int32)
    instance[pixel] = mesh.instance[usable][t]
    depth_flat = np.full(height * width, np.inf, np.float32)
    depth_flat[pixel] = 1 / nearest.ravel()[pixel]
    depth_map = depth_flat.reshape(height, width)

    at = np.stack([pixel % width, pixel // width], 1).astype(np.float32)
    w = _barycentric(at, xy, nearness, corners, t)
    normals, local = (_mix(w, values[corners], t) for values in (vertex_normals(mesh), mesh.local))
    points = camera.position.astype(np.float32) + camera.rays((at + 0.5) / s - 0.5) * depth_flat[pixel, None]

    material = mesh.material[usable][t]
    albedo, gloss, bend = surface(materials, material, local)
    smooth, normals = normals, normals + bend
    normals *= (1 / np.sqrt(np.einsum("ij,ij->i", normals, normals) + 1e-12))[:, None]
    lit = (
        shadows.lit(points + np.float32(0.025) * smooth) if shadows is not None else np.ones(len(points), np.float32)
    )
    color = albedo * light.on(normals, lit) * _crevices(depth_map).ravel()[pixel, None]
    half = light.direction - camera.rotation[2]  # towards the eye, about
    half = (half / np.linalg.norm(half)).astype(np.float32)
    shine = np.maximum(transform(normals, half[None])[:, 0], 0)
    for _ in range(4):  # to the power of 16
        shine *= shine
    shine *= lit * gloss
    color += shine[:, None] * light.key

    layer = np.zeros((height * width, 4), np.float32)
    layer[pixel, :3] = np.minimum(color, 1.5)
    layer[pixel, 3] = 1
    small = cv2.resize(layer.reshape(height, width, 4), camera.size[::-1], interpolation=cv2.INTER_AREA)
    return Layer(small[..., :3], small[..., 3:], instance.reshape(height, width), depth_map)


def _mix(weights: Array, values: Array, t: Array) -> Array:
    """Corner values (T, 3, C) of triangles t (P,) mixed by weights (P, 3): (P, C)."""
    v = values[t]
    result: Array = weights[:, :1] * v[:, 0] + weights[:, 1:2] * v[:, 1] + weights[:, 2:] * v[:, 2]
    return result


def _barycentric(at: Array, xy: Array, nearness: Array, corners: Array, t: Array) -> Array:
    """Perspective-correct weights (P, 3) of the corners of triangles t (P,) at pixels at (P, 2)."""
    a, b, c = (xy[corners[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    scale = 1 / np.where(np.abs(area) < 1e-9, 1e-9, area)
    n = nearness[corners]
    # One row a triangle: origin, gradients of the two weights, nearness of the corners.
    rows = np.stack(
        [
            *(a[:, 0], a[:, 1], (c[:, 1] - a[:, 1]) * scale, (a[:, 0] - c[:, 0]) * scale),
            *((a[:, 1] - b[:, 1]) * scale, (b[:, 0] - a[:, 0]) * scale, n[:, 0], n[:, 1], n[:, 2]),
        ],
        1,
    ).astype(np.float32)[t]
    dx, dy = at[:, 0] - rows[:, 0], at[:, 1] - rows[:, 1]
    w1, w2 = dx * rows[:, 2] + dy * rows[:, 3], dx * rows[:, 4] + dy * rows[:, 5]
    w0 = (1 - w1 - w2) * rows[:, 6]
    w1, w2 = w1 * rows[:, 7], w2 * rows[:, 8]
    total = w0 + w1 + w2
    return np.stack([w0 / total, w1 / total, w2 / total], 1)


def _crevices(depth: Array) -> Array:
    """Darkening (H, W) 0.5..1 of what lies behind its surroundings: where limbs meet or pass the body."""
    small = depth[::2, ::2]
    drawn = np.isfinite(small)
    small = np.where(drawn, small, small[drawn].max(initial=1.0))
    behind = np.maximum(small - cv2.blur(small, (5, 5)), 0)
    return cv2.resize(1 - np.minimum(behind * np.float32(3.5), 0.5), depth.shape[::-1])
