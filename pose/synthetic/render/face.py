"""Faces, eyes and hair, painted on the head of the template of `pose.synthetic.people.template`."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array

# The head of people in the template's coordinates (`pose.synthetic.people.template`), meters.
HEAD_CENTER, HEAD_RADII = np.array([0, 0.703, 0.055], np.float32), np.array([0.078, 0.120, 0.104], np.float32)
EYE, IRIS = (0.030, 0.7095), 0.0062  # x and y of the left eye's middle, radius of its iris


def on_head(local: Array) -> Array:
    """Find the places (N, 3) on a head: about unit vectors from its middle."""
    result: Array = (local - HEAD_CENTER) / HEAD_RADII
    return result


def paint_eye(local: Array, white: Array, iris: Array) -> Array:
    """Paint the eyes: colors (N, 3) at points (N, 3) of the template."""
    from_middle = np.hypot(np.abs(local[:, 0]) - EYE[0], local[:, 1] - EYE[1])
    return np.where(from_middle[:, None] < IRIS, iris, white)


def paint_face(
    local: Array,
    skin: Array,
    hair: Array,
    line: Array,
    covered: Array,
    *,
    beard: Array,
    smile: Array,
    glasses: Array,
    ragged: Array,
) -> Array:
    """Paint a head: colors (N, 3) at points (N, 3) of the template, before the hair of `hair_mask`."""
    q = on_head(local)
    x, y, front = np.abs(local[:, 0]), local[:, 1] - EYE[1], local[:, 2] > 0.09
    color = skin * (1 - 0.10 * np.clip(-q[:, 1], 0, 1)[:, None])

    def paint(where: Array, tint: Array | float, strength: float = 1.0) -> None:
        color[where] += (tint - color[where]) * strength

    def oval(cx: float, cy: float, wide: float, high: float) -> Array:
        inside: Array = front & (((x - cx) / wide) ** 2 + ((y - cy) / high) ** 2 < 1)
        return inside

    paint(oval(0.040, -0.040, 0.020, 0.020), np.array([0.55, 0.18, 0.14], np.float32), 0.10)
    color[oval(EYE[0], 0.002, 0.021, 0.013)] *= 0.80
    color[oval(EYE[0], 0.002, 0.0155, 0.0065)] *= 0.45  # lashes and lids
    brow = front & (np.abs(x - 0.031) < 0.019) & (np.abs(y - 0.0215 + 9 * (x - 0.034) ** 2) < 0.0036)
    color[brow] = 0.3 * hair[brow] + 0.15 * skin[brow]
    paint(oval(0.0085, -0.041, 0.0045, 0.003), 0.02, 0.6)  # nostrils
    chin = np.clip((-0.052 - y) / 0.006, 0, 1) * np.clip((q[:, 2] + 0.05) * 4, 0, 1)
    cheeks = (
        np.clip((x - 0.052) / 0.006, 0, 1) * np.clip((-0.02 - y) / 0.01, 0, 1) * np.clip((q[:, 2] + 0.05) * 4, 0, 1)
    )
    tufts = 0.5 + 0.5 * np.sin(150 * q[:, 0] + 7 * np.sin(31 * q[:, 1])) * np.sin(
        90 * q[:, 1] + 5 * np.sin(23 * q[:, 0])
    )
    share = (np.maximum(chin, cheeks) * beard * (1 - 0.6 * ragged * tufts))[:, None]
    color += (0.8 * hair - color) * share
    paint(oval(0.0, -0.0725, 0.025, 0.0095), np.array([0.32, 0.08, 0.08], np.float32), 0.5)
    paint(front & (x < 0.023) & (np.abs(y + 0.0725) < 0.0016), 0.02, 0.7)
    teeth = front & ((x / 0.027) ** 2 + ((y + 0.0725 - 6 * x**2) / np.maximum(0.009 * smile, 1e-6)) ** 2 < 1)
    paint(teeth, 0.62, 0.9)
    rims = oval(EYE[0] + 0.002, -0.003, 0.026, 0.022) & ~oval(EYE[0] + 0.002, -0.003, 0.022, 0.018)
    bridge = front & (x < 0.008) & (np.abs(y) < 0.002)
    temples = (np.abs(y - 0.002) < 0.0025) & (x > 0.056) & (q[:, 2] > -0.2)
    paint((rims | bridge | temples) & (glasses > 0), 0.03, 0.85)
    mask = hair_mask(q, line, covered, ragged)[:, None]
    wide = np.sin(34 * q[:, 0] + 9 * np.sin(5 * q[:, 2]))
    fine = np.sin(210 * q[:, 0] + 40 * np.sin(3 * q[:, 2] + 2 * q[:, 1])) * np.sin(47 * q[:, 0] + 11 * q[:, 2])
    streaks = (0.85 + 0.25 * (wide + (0.7 * fine - 0.8 * wide) * ragged))[:, None]
    return (color + (hair * streaks - color) * mask).astype(np.float32)


def hair_mask(q: Array, line: float | Array, covered: float | Array, ragged: float | Array) -> Array:
    """Compute the share of hair 0..1 at points q (N, 3) of `on_head`.

    Args:
        line: height of the hairline.
        covered: 1 if hair hides the ears, 2 if the sides of the face too.
        ragged: how uneven its edges are, 0..1.
    """
    t = np.clip((q[:, 2] + 0.25) / 0.75, 0, 1)
    threshold = -0.55 + (line + 0.55) * t * t * (3 - 2 * t)
    threshold = threshold + ragged * (
        0.09 * np.sin(11 * q[:, 0] + 4 * np.sin(6 * q[:, 2]) + 13 * line) + 0.05 * np.sin(53 * q[:, 0] + 19 * q[:, 2])
    )
    mask: Array = np.clip((q[:, 1] - threshold) * 9 + 0.5, 0, 1)
    ear = (np.abs(q[:, 0]) > 0.93) & (q[:, 1] < 0.30) & (q[:, 1] > -0.45) & (np.abs(q[:, 2] + 0.05) < 0.35)
    beside = np.clip((np.abs(q[:, 0]) - 0.62 - 0.3 * np.clip(q[:, 2], 0, 1)) * 9, 0, 1)
    beside *= (q[:, 1] > -0.9) & (q[:, 2] < 0.8)
    mask = np.maximum(mask, beside * np.clip(covered - 1, 0, 1))
    return np.where(ear, mask * np.minimum(covered, 1), mask)
