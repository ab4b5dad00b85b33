"""Boxes as a good person detector gives them, made from the truth."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.annotate import Figure


def detect(
    rng: np.random.Generator, image_size: tuple[int, int], figures: tuple[Figure, ...]
) -> list[tuple[list[float], float]]:
    """Draw detections of an image's figures: shifted a little, some doubled, missed or false.

    Args:
        image_size: (height, width).
    Returns:
        Boxes [x, y, width, height] with their scores, both rounded for a file.
    """
    height, width = image_size
    found: list[tuple[Array, float]] = []

    def add(box_xywh: Array, spread: float, score: float) -> None:
        x, y, w, h = box_xywh
        shift = rng.normal(0, spread, 4) * (w, h, w, h)
        corners = np.clip(np.array([x, y, x + w, y + h]) + shift, 0, (width, height, width, height))
        if (corners[2:] - corners[:2]).min() >= 4:
            found.append((corners, float(np.clip(score - 2.0 * np.abs(shift / (w, h, w, h)).mean(), 0.01, 0.999))))

    for figure in figures:
        w, h = figure.box_xywh[2:]
        shown = min(figure.area / (0.30 * w * h), 1.0)  # a body that nothing hides fills about 0.3 to 0.5 of its box
        if figure.area < 20 or rng.random() < 0.03 + 0.12 * (1 - shown):
            continue
        score = 0.55 + 0.44 * shown - abs(rng.normal(0, 0.05))
        add(figure.box_xywh, 0.02 if rng.random() < 0.8 else 0.06, score)
        if rng.random() < 0.08:
            add(figure.box_xywh, 0.10, score * rng.uniform(0.2, 0.6))
    for _ in range(rng.poisson(0.35)):
        h = rng.uniform(0.15, 0.8) * height
        w = h * rng.uniform(0.25, 0.7)
        add(np.array([rng.uniform(-0.2, 0.9) * width, rng.uniform(0, 0.8) * height, w, h]), 0.0, rng.beta(1.2, 5))
    return [
        ([round(float(v), 2) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])], round(score, 4)) for b, score in found
    ]
