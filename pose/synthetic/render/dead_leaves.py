"""Dead leaves: images of many shapes of all sizes that lie on each other, each with a color and a grain.

They share the statistics of photographs, edges at all scales and even areas between, without showing anything
(Lee, Mumford & Huang, "Occlusion models for natural images", IJCV 2001); networks learn to see from them (Baradad et
al., "Learning to see by looking at noise", NeurIPS 2021). Used for backdrops, and as the print of cloth and things.
"""

from __future__ import annotations

import cv2
import numpy as np

from pose.runtime.arrays import Array

GRAINS = 4  # kinds of grain, numbered in the two lowest bits of a leaf's fourth channel


def leaves(rng: np.random.Generator, size: tuple[int, int], *, count: int, smallest: float) -> Array:
    """Draw dead leaves: (H, W, 3) uint8 sRGB.

    Args:
        size: (H, W) pixels.
        count: number of leaves.
        smallest: radius of the smallest leaf in pixels; sizes follow a power law, radius ** -2.
    """
    height, width = size
    largest = 0.45 * min(size)
    radius = smallest / (1 - rng.random(count) * (1 - smallest / largest))
    canvas: Array = np.empty((height, width, 4), np.uint8)
    colors = _colors(rng, count + 1)
    canvas[:] = colors[-1]
    places = rng.uniform((0, 0), (width, height), (count, 2))
    kinds = rng.integers(0, 5, count)
    turns = rng.uniform(0, 180, count)
    slim = rng.uniform(0.15, 1, count)
    for i in range(count):
        color, (x, y), r = tuple(int(v) for v in colors[i]), places[i], radius[i]
        if kinds[i] == 0:
            axes = (max(int(r), 1), max(int(r * slim[i]), 1))
            cv2.ellipse(canvas, (int(x), int(y)), axes, float(turns[i]), 0, 360, color, -1)
        elif kinds[i] == 1:  # a twig, a pole, a limb
            step = 2.5 * r * np.array([np.cos(turns[i]), np.sin(turns[i])])
            ends = [(int(x - s * step[0]), int(y - s * step[1])) for s in (-1, 1)]
            cv2.line(canvas, ends[0], ends[1], color, max(int(0.5 * r * slim[i]), 1))
        else:  # a box, or something with corners
            corners = 4 if kinds[i] < 4 else int(rng.integers(3, 7))
            angles = np.radians(turns[i]) + np.arange(corners) * 2 * np.pi / corners
            if corners == 4 and slim[i] > 0.4:  # most edges that people make are level or plumb
                angles = np.pi / 4 + np.arange(4) * np.pi / 2
            spread = np.array([1.0, 0.4 + slim[i]]) * r
            outline = np.stack([np.cos(angles), np.sin(angles)], 1) * spread + (x, y)
            cv2.fillPoly(canvas, [outline.astype(np.int32)], color)
    return _grainy(rng, canvas)


def _colors(rng: np.random.Generator, count: int) -> Array:
    """Draw (N, 4) uint8: sRGB near a few common colors, and the kind and strength of the grain."""
    few = int(rng.integers(3, 12))
    gray = rng.uniform(10, 245, (few, 1))
    base = gray + rng.normal(0, rng.choice([4, 12, 20, 40]), (few, 3))
    rgb = base[rng.integers(few, size=count)] + rng.normal(0, 22, (count, 1)) + rng.normal(0, 7, (count, 3))
    strength = np.minimum(np.abs(rng.normal(0, 14, count)), 63).astype(int)
    grain = strength * GRAINS + rng.integers(GRAINS, size=count)
    return np.concatenate([np.clip(rgb, 0, 255), grain[:, None]], 1).astype(np.uint8)


def _grainy(rng: np.random.Generator, canvas: Array) -> Array:
    """Give each leaf its grain, and the whole a slow change of light."""
    height, width = canvas.shape[:2]
    angle, period = rng.uniform(0, np.pi), rng.uniform(3, 12)
    kind, strength = canvas[..., 3] % GRAINS, canvas[..., 3] // GRAINS
    chosen = rng.standard_normal((height, width), dtype=np.float32).astype(np.float64)
    np.copyto(chosen, _cloud(rng, height, width, cell=3), where=kind == 1)
    np.copyto(chosen, _cloud(rng, height, width, cell=9), where=kind == 2)
    y, x = (place.astype(np.float32) for place in np.nonzero(kind == 3))
    chosen[kind == 3] = np.sign(np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period)))
    shade = (1 + 0.25 * rng.random() * _cloud(rng, height, width, cell=max(min(height, width) // 3, 2))) * (
        1 + chosen * strength * np.float32(1 / 110)
    )
    channels = [np.clip(channel * shade, 0, 255).astype(np.uint8) for channel in cv2.split(canvas)[:3]]
    return np.asarray(cv2.merge(channels))


def _cloud(rng: np.random.Generator, height: int, width: int, *, cell: int) -> Array:
    """Draw smooth noise (H, W) float32 of deviation about 1, with bumps of `cell` pixels."""
    coarse = rng.standard_normal((height // cell + 2, width // cell + 2), dtype=np.float32)
    result: Array = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return result
