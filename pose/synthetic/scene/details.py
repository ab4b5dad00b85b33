"""Small sharp things on a backdrop, such as photographs are full of."""

from __future__ import annotations

import cv2
import numpy as np

from pose.runtime.arrays import Array


def add_details(rng: np.random.Generator, image: Array, mean: float) -> Array:
    """Paint bars, frames, dots, letters and cables, a Poisson number of them, on an image.

    Args:
        image: (H, W, 3) uint8, painted on in place where it can be.
        mean: of their number.
    """
    count = int(rng.poisson(mean)) if mean > 0 else 0
    if count == 0:
        return image
    height, width = image.shape[:2]
    canvas: Array = np.ascontiguousarray(image)
    places = rng.uniform((0, 0), (width, height), (count, 2)).astype(int)
    sizes = np.exp(rng.uniform(1.0, 4.2, (count, 2)))
    kinds, turns, grays = rng.integers(0, 6, count), rng.normal(0, 25, count), rng.uniform(0, 255, (count, 1))
    colors = np.clip(grays + rng.normal(0, rng.choice([6, 25]), (count, 3)), 0, 255)
    for (x, y), (a, b), kind, turn, color in zip(
        places.tolist(), sizes.tolist(), kinds.tolist(), turns.tolist(), colors.tolist(), strict=True
    ):
        thick = 1 + int(0.04 * max(a, b))
        if kind < 2:  # a bar or a wire, mostly level or plumb
            angle = np.radians(turn + 90 * kind)
            end = (int(x + 2 * a * np.cos(angle)), int(y + 2 * a * np.sin(angle)))
            cv2.line(canvas, (x, y), end, color, thick, cv2.LINE_AA)
        elif kind == 2:  # a panel or a frame
            cv2.rectangle(canvas, (x, y), (int(x + a), int(y + b)), color, -1 if turn > 0 else thick)
        elif kind == 3:  # a ball, a wheel, a face
            axes = (int(0.4 * a) + 1, int(0.4 * (a if turn > 0 else b)) + 1)
            cv2.ellipse(canvas, (x, y), axes, turn, 0, 360, color, -1 if turn > -10 else thick, cv2.LINE_AA)
        elif kind == 4:
            letters = "".join(chr(c) for c in rng.integers(48, 91, int(rng.integers(1, 8))))
            cv2.putText(canvas, letters, (x, y), int(rng.integers(0, 8)), 0.015 * a + 0.2, color, thick, cv2.LINE_AA)
        else:  # a curve, as of a cable or a branch
            steps = np.cumsum(rng.normal(0, 0.3 * a, (6, 2)), 0) + np.array([x, y])
            cv2.polylines(canvas, [steps.astype(np.int32)], False, color, thick, cv2.LINE_AA)
    return canvas
