"""Colors of skin, hair, cloth and things, and prints of dead leaves."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.dead_leaves import leaves

Color = tuple[float, float, float]  # linear RGB in 0..1

SKIN = ((240, 200, 176), (226, 178, 148), (205, 150, 116), (172, 118, 86), (128, 84, 60), (86, 56, 42))
HAIR = ((28, 22, 20), (52, 36, 26), (86, 58, 36), (128, 92, 54), (186, 150, 96), (120, 56, 30), (150, 148, 144))
EYES = ((40, 24, 16), (52, 34, 22), (70, 52, 36), (74, 84, 92), (62, 74, 58))
CLOTH = (
    (24, 24, 28),
    (40, 44, 52),
    (30, 38, 66),
    (52, 66, 98),
    (84, 104, 140),
    (120, 122, 126),
    (186, 186, 184),
    (232, 231, 226),
    (246, 246, 246),
    (134, 30, 34),
    (186, 44, 44),
    (200, 106, 40),
    (222, 184, 66),
    (54, 92, 56),
    (88, 98, 60),
    (40, 116, 128),
    (76, 136, 196),
    (96, 64, 110),
    (206, 136, 150),
    (142, 108, 78),
    (196, 172, 136),
)


def linear(rgb: tuple[float, ...] | Array) -> Color:
    """Convert 8-bit sRGB to linear 0..1."""
    r, g, b = (float(v) for v in (np.asarray(rgb, dtype=np.float64) / 255) ** 2.2)
    return (r, g, b)


def pick_color(rng: np.random.Generator, palette: tuple[tuple[int, ...], ...], jitter: float = 10) -> Color:
    """Draw a color near one of a palette, `jitter` steps of 8 bits away."""
    return linear(np.clip(np.array(palette[rng.integers(len(palette))]) + rng.normal(0, jitter, 3), 8, 250))


def random_color(rng: np.random.Generator) -> Color:
    """Draw a color: black, white, gray, that of a cloth, or any."""
    kind = rng.random()
    if kind < 0.5:
        gray = rng.uniform(4, 40) if kind < 0.26 else rng.uniform(200, 250) if kind < 0.38 else rng.uniform(40, 200)
        return linear(np.clip(gray + rng.normal(0, 8, 3), 2, 252))
    return pick_color(rng, CLOTH, 18) if kind < 0.82 else linear(rng.uniform(5, 245, 3))


def random_print(rng: np.random.Generator) -> Array:
    """Draw a print of dead leaves: (64, 64, 3) linear RGB."""
    tile = leaves(rng, (64, 64), count=int(rng.integers(2, 60)), smallest=float(rng.uniform(2, 8)))
    return ((tile / np.float32(255)) ** np.float32(2.2)).astype(np.float32)
