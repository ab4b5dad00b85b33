"""Real places without people as backdrops: views cut from panoramas, `pose/assets/places.jpg`.

By `tools/bake_places.py`; the panoramas are under CC0.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import cv2
import numpy as np

from pose.images.types import Image
from pose.runtime.arrays import Array

HEIGHT, WIDTH = 256, 512  # of a panorama in the asset


@lru_cache(maxsize=1)
def panoramas() -> tuple[Image, ...]:
    """Read the panoramas, each (256, 512, 3) uint8 sRGB: all directions, the horizon in the middle row."""
    data = np.frombuffer((files("pose") / "assets" / "places.jpg").read_bytes(), np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert stored is not None
    atlas = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    rows, columns = atlas.shape[0] // HEIGHT, atlas.shape[1] // WIDTH
    return tuple(
        np.ascontiguousarray(atlas[r * HEIGHT : (r + 1) * HEIGHT, c * WIDTH : (c + 1) * WIDTH])
        for r in range(rows)
        for c in range(columns)
    )


def view(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Draw a view of a place: (H, W, 3) uint8 sRGB; often mirrored, in other colors, and with a grain.

    Args:
        size: (H, W) pixels.
    """
    height, width = size
    place = panoramas()[int(rng.integers(len(panoramas())))]
    half = np.tan(np.radians(rng.uniform(18, 60))) / (0.5 * width)
    x, y = np.meshgrid((np.arange(width) - 0.5 * width) * half, (np.arange(height) - 0.5 * height) * half)
    yaw, pitch, roll = rng.uniform(0, 2 * np.pi), np.radians(rng.normal(4, 9)), np.radians(rng.normal(0, 4))
    x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
    y, z = y * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - y * np.sin(pitch)
    across = np.arctan2(x, z) + yaw
    down = np.arctan2(y, np.hypot(x, z))
    u = (across / (2 * np.pi) * WIDTH) % WIDTH
    v = (down / np.pi + 0.5) * HEIGHT
    seen: Array = cv2.remap(
        place, u.astype(np.float32), v.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP
    )
    if rng.random() < 0.5:
        seen = seen[:, ::-1]
    gains, gamma = rng.uniform(0.75, 1.25, 3), rng.uniform(0.6, 1.5)
    curve = 255 * (np.arange(256)[:, None] / 255) ** gamma * gains
    seen = cv2.LUT(np.ascontiguousarray(seen), np.clip(curve, 0, 255).astype(np.uint8)[None])
    grain = rng.normal(0, rng.uniform(0, 9), (height, width, 1))
    return np.clip(seen + grain, 0, 255).astype(np.uint8)
