"""From triangle meshes to pixels with numpy alone: the camera, the light and per-pixel shading.

The world is in meters, x to the right of a camera in front of the scene, y up, z towards that camera. Shading is
evaluated once per *visible* pixel. Image points are (x, y) with integers at pixel centers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.mesh import Mesh, transform, vertex_normals
from pose.synthetic.render.rasterize import ShadowMap, rasterize
from pose.synthetic.render.surface import Material, surface

SUPERSAMPLING = 2  # hi-res samples a pixel along each axis
REPEATED = [(dy, dx) for dy in range(SUPERSAMPLING) for dx in range(SUPERSAMPLING) if dy or dx]
SMOOTH = 0.03  # meters of depth within a pixel that is no edge
NEAR = 0.25  # meters; triangles that come nearer to the camera are dropped


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        position: (3,) meters.
        rotation: (3, 3) world to camera; camera x to the right, y down, z forward.
        focal: pixels.
        center: (2,) principal point x, y in image pixels; outside the middle for a cut-out of a larger image.
        size: (height, width) of the image.
    """

    position: Array
    rotation: Array
    focal: float
    center: Array
    size: tuple[int, int]

    def project(self, points: Array) -> tuple[Array, Array]:
        """Project points (N, 3) to image xy (N, 2) and depth (N,) in meters along the optical axis."""
        matrix = np.concatenate([self.rotation, -(self.rotation @ self.position)[:, None]], 1)
        p = transform(points, matrix)
        depth = np.maximum(p[:, 2], 1e-3)
        return p[:, :2] * (self.focal / depth)[:, None] + self.center, p[:, 2]

    def rays(self, xy: Array) -> Array:
        """Find the directions (N, 3) in the world of image points (N, 2), of depth 1 along the optical axis."""
        m = self.rotation.T / (self.focal, self.focal, 1)
        m[:, 2] -= m[:, :2] @ self.center
        return transform(xy.astype(np.float32), m)


def looking_down(pitch: float) -> Array:
    """Make the rotation (3, 3) of an upright camera that looks along -z, turned down by `pitch` radians."""
    c, s = np.cos(pitch), np.sin(pitch)
    return np.array([[1, 0, 0], [0, -c, s], [0, -s, -c]])


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
        """Compute irradiance (N, 3) at normals (N, 3), where `lit` (N,) of the distant light arrives."""
        factors = np.empty((len(normals), 3), np.float32)
        factors[:, 0] = np.maximum((transform(normals, self.direction[None])[:, 0] + 0.12) / 1.12, 0) * lit
        factors[:, 1] = normals[:, 1] * 0.5 + 0.5
        factors[:, 2] = 1
        return transform(factors, np.stack([self.key, self.sky - self.ground, self.ground], 1))


@dataclass(frozen=True)
class Layer:
    """Rendered meshes over nothing.

    Attributes:
        color: (H, W, 3) float32 linear RGB, already multiplied by `alpha`.
        alpha: (H, W, 1) float32 coverage.
        instance: (sH, sW) int32 hi-res person numbers, `NOBODY` at things, -2 where there is nothing.
        depth: (sH, sW) float32 hi-res meters, inf where there is nothing.
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
    index, nearest = rasterize(xy, nearness, corners, (height, width))
    pixel = np.flatnonzero(index.ravel() >= 0)
    t = index.ravel()[pixel]
    instance = np.full(height * width, -2, np.int32)
    instance[pixel] = mesh.instance[usable][t]
    depth_flat = np.full(height * width, np.inf, np.float32)
    depth_flat[pixel] = 1 / nearest.ravel()[pixel]
    depth_map = depth_flat.reshape(height, width)
    alike = _alike(np.where(index >= 0, mesh.material[usable][index], -1), instance.reshape(height, width), depth_map)
    shaded = np.ones((height, width), bool)
    for dy, dx in REPEATED:
        shaded[dy::s, dx::s] = ~alike
    keep = shaded.ravel()[pixel]
    pixel, t = pixel[keep], t[keep]

    at = np.stack([pixel % width, pixel // width], 1).astype(np.float32)
    w = _barycentric(at, xy, nearness, corners, t)
    mixed = _mix(w, np.concatenate([vertex_normals(mesh), mesh.local], 1)[corners], t)
    normals, local = mixed[:, :3].copy(), mixed[:, 3:].copy()
    points = camera.position.astype(np.float32) + camera.rays((at + 0.5) / s - 0.5) * depth_flat[pixel, None]

    material = mesh.material[usable][t]
    albedo, gloss, bend = surface(materials, material, local)
    smooth, normals = normals, normals + bend
    normals *= (1 / np.sqrt(np.einsum("ij,ij->i", normals, normals) + 1e-12))[:, None]
    lit = (
        shadows.lit(points + np.float32(0.025) * smooth) if shadows is not None else np.ones(len(points), np.float32)
    )
    color = albedo * light.on(normals, lit) * _crevices(depth_map).ravel()[pixel, None]
    color += (_shine(normals, camera, light) * lit * gloss)[:, None] * light.key

    samples = np.zeros((height * width, 4), np.float32)
    samples[pixel, :3] = np.minimum(color, 1.5)
    samples[pixel, 3] = 1
    layer = samples.reshape(height, width, 4)
    small = cv2.resize(layer, camera.size[::-1], interpolation=cv2.INTER_AREA)
    small[alike] = layer[::s, ::s][alike]
    return Layer(small[..., :3], small[..., 3:], instance.reshape(height, width), depth_map)


def _shine(normals: Array, camera: Camera, light: Light) -> Array:
    """Compute the highlight (N,) of the distant light, for an eye that is about where the camera looks from."""
    half = light.direction - camera.rotation[2]
    half = (half / np.linalg.norm(half)).astype(np.float32)
    shine = np.maximum(transform(normals, half[None])[:, 0], 0)
    for _ in range(4):  # to the power of 16
        shine *= shine
    return shine


def _alike(material: Array, instance: Array, depth: Array) -> Array:
    """Find pixels (H, W) whose samples all lie on one surface, so that shading one of them will do: bool."""
    s = SUPERSAMPLING
    first, near, far = material[::s, ::s], depth[::s, ::s].copy(), depth[::s, ::s].copy()
    same = first >= 0
    for dy, dx in REPEATED:
        same &= (material[dy::s, dx::s] == first) & (instance[dy::s, dx::s] == instance[::s, ::s])
        np.minimum(near, depth[dy::s, dx::s], out=near)
        np.maximum(far, depth[dy::s, dx::s], out=far)
    near[~same] = far[~same] = 0
    return same & (far - near < SMOOTH)


def _mix(weights: Array, values: Array, t: Array) -> Array:
    """Mix corner values (T, 3, C) of triangles t (P,) by weights (P, 3): (P, C)."""
    v = values[t]
    result: Array = weights[:, :1] * v[:, 0]
    for corner in (1, 2):
        result += weights[:, corner : corner + 1] * v[:, corner]
    return result


def _barycentric(at: Array, xy: Array, nearness: Array, corners: Array, t: Array) -> Array:
    """Compute perspective-correct weights (P, 3) of the corners of triangles t (P,) at pixels at (P, 2)."""
    a, b, c = (xy[corners[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    scale = 1 / np.where(np.abs(area) < 1e-9, 1e-9, area)
    n = nearness[corners]
    # One row a triangle: origin, gradients of the two weights, nearness of the corners.
    rows = np.stack(
        [
            a[:, 0],
            a[:, 1],
            (c[:, 1] - a[:, 1]) * scale,
            (a[:, 0] - c[:, 0]) * scale,
            (a[:, 1] - b[:, 1]) * scale,
            (b[:, 0] - a[:, 0]) * scale,
            n[:, 0],
            n[:, 1],
            n[:, 2],
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
    """Darken, by (H, W) 0.5..1, what lies behind its surroundings: where limbs meet or pass the body."""
    small = depth[::2, ::2]
    drawn = np.isfinite(small)
    small = np.where(drawn, small, small[drawn].max(initial=1.0))
    behind = np.maximum(small - cv2.blur(small, (5, 5)), 0)
    return cv2.resize(1 - np.minimum(behind * np.float32(3.5), 0.5), depth.shape[::-1])
