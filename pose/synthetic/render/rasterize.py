"""Which triangle is nearest: a z-buffer with numpy alone, and the shadow map made with it.

Scanlines of all triangles are expanded at once (two `np.repeat`), so the cost is that of the covered pixels.
"""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.mesh import Mesh, transform


def rasterize(xy: Array, nearness: Array, triangles: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Find the nearest triangle at every pixel.

    Args:
        xy: (V, 2) pixels. nearness: (V,) grows towards the eye and is linear on the image, so 1 / depth.
        triangles: (T, 3); those that run clockwise on the image (y down: counterclockwise on paper) are skipped.
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
    """Count 0..n-1 for each n of `lengths`, one after the other."""
    ends = np.cumsum(lengths)
    return (np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)).astype(np.int32)


class ShadowMap:
    """What the distant light sees of a mesh; says which points it reaches."""

    TEXEL = 0.02  # meters
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
        _, self.nearest = rasterize((p[:, :2] - self.low) / self.texel, p[:, 2], mesh.triangles, (height, width))

    def lit(self, points: Array, *, bias: float = 0.03) -> Array:
        """Compute the share 0..1 of the light at world points (N, 3): float32 (N,), the mean of four taps."""
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
