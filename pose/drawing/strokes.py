"""Anti-aliased strokes with an outline, put into images by a compiled loop, or by numpy where there is none."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pose.images.types import Image
from pose.runtime.arrays import Floats
from pose.runtime.native import load_library

Color = tuple[int, int, int]

OUTLINE: Color = (18, 20, 28)

# The compiled strokes.c; None where the install could not build it.
KERNEL = load_library("strokes")

if KERNEL is not None:
    _POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64
    KERNEL.draw_strokes.argtypes = (_POINTER, _SIZE, _POINTER, *(_SIZE,) * 3, _POINTER, _SIZE, _POINTER)


class Stroke(NamedTuple):
    """A line with round ends; a disc, if both ends are one point.

    Attributes:
        start, end: x, y in pixels of the canvas.
        radius: half the width without the outline, which is so many pixels wide around it.
        alpha: opacity.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    radius: float
    outline: float
    color: Color
    alpha: float


def draw_strokes(canvas: Image, strokes: Sequence[Stroke]) -> None:
    """Put strokes into the canvas (H, W, 3), in place, one on top of the other.

    What was there before shows through each of them, so that they do not add up where they overlap.
    """
    if not strokes:
        return
    table = np.array([(*s.start, *s.end, s.radius, s.outline, *s.color, s.alpha) for s in strokes], dtype=np.float64)
    ends, reach = table[:, :4].reshape(-1, 2, 2), (table[:, 4] + table[:, 5]).max() + 2
    size = canvas.shape[1::-1]
    x0, y0 = np.clip(np.floor(ends.min(axis=(0, 1)) - reach), 0, size).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(ends.max(axis=(0, 1)) + reach), 0, size).astype(int).tolist()
    region = canvas[y0:y1, x0:x1]
    behind = region.copy()
    table[:, :4] -= (x0, y0, x0, y0)
    if KERNEL is None or region.strides[1:] != (3, 1):
        for row in table:
            _draw_stroke(region, behind, row)
        return
    edge = np.array(OUTLINE, dtype=np.float64)
    KERNEL.draw_strokes(
        *(region.ctypes.data, region.strides[0], behind.ctypes.data, behind.strides[0], *region.shape[:2]),
        *(table.ctypes.data, len(table), edge.ctypes.data),
    )


def _draw_stroke(canvas: Image, behind: Image, row: Floats) -> None:
    """Draw one of the rows of `draw_strokes`: x, y of both ends, radius, outline, color, alpha."""
    start, end, (radius, outline), color, alpha = row[:2], row[2:4], row[4:6], row[6:9], row[9]
    far = radius + outline + 0.5
    height, width = canvas.shape[:2]
    low, high = np.minimum(start, end) - far - 0.5, np.maximum(start, end) + far + 0.5
    x0, y0 = (int(v) for v in np.clip(np.floor(low), 0, (width, height)))
    x1, y1 = (int(v) for v in np.clip(np.ceil(high) + 1, 0, (width, height)))
    dx, dy = (end - start).astype(np.float32)
    x = np.arange(x0, x1, dtype=np.float32) - np.float32(start[0])
    y = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(start[1])
    along = np.clip((x * dx + y * dy) / max(float(dx * dx + dy * dy), 1e-6), 0, 1)
    distance = np.hypot(x - along * dx, y - along * dy)
    rows, cols = np.nonzero(distance < far)
    near: Floats = distance[rows, cols][:, None].astype(np.float64)
    inner = np.clip(radius + 0.5 - near, 0, 1)  # share of the pixel inside the line, then inside its outline
    outer = np.clip(far - near, 0, 1)
    dark = np.array(OUTLINE, dtype=np.float64)
    paint = (dark + (color - dark) * inner) * alpha + behind[y0:y1, x0:x1][rows, cols] * (1 - alpha)
    region = canvas[y0:y1, x0:x1]
    under = region[rows, cols]
    region[rows, cols] = np.rint(under + (paint - under) * outer).astype(np.uint8)
