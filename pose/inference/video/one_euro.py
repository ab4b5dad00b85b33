"""Smooth keypoints over time: still ones hardly move, fast ones hardly lag.

Source: Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", CHI 2012. Deviation: speeds are in sizes of the person per second instead of pixels, so that the settings do
not depend on the distance to the camera, and one speed serves x and y.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pose.runtime.arrays import Array


class OneEuro:
    """The filter for the K points of one person.

    Args:
        min_cutoff: cutoff frequency of a resting point in Hz; lower is smoother.
        beta: Hz by which the cutoff rises with a speed of one person's size per second; higher lags less.
        speed_cutoff: cutoff frequency of the speed itself, in Hz.
    """

    def __init__(self, *, min_cutoff: float = 1.0, beta: float = 20.0, speed_cutoff: float = 1.0) -> None:
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self._time = -math.inf
        self._points: Array | None = None
        self._velocity: Array = np.zeros((0, 2))
        self._known: Array = np.zeros(0, dtype=bool)

    def __call__(self, points: Array, time: float, *, size: float, valid: Array) -> Array:
        """Filter one frame.

        Args:
            points: (K, 2) pixels.
            time: seconds; the points of a frame that is not later than the last one are returned unfiltered.
            size: the person's longer side in pixels.
            valid: (K,) points that are sure enough; other points are returned unfiltered and reset the filter.
        Returns:
            (K, 2)
        """
        step = time - self._time
        if self._points is None or not step > 0:
            if self._points is None:
                self._time, self._points, self._known = time, points.copy(), valid.copy()
                self._velocity = np.zeros_like(points)
            return points
        rate = self._alpha(self.speed_cutoff, step)
        velocity = rate * (points - self._points) / step + (1 - rate) * self._velocity
        speed = np.linalg.norm(velocity, axis=1) / max(size, 1e-6)
        share = self._alpha(self.min_cutoff + self.beta * speed, step)[:, None]
        smooth = share * points + (1 - share) * self._points
        # What was unsure in the last frame has no past.
        known = (valid & self._known)[:, None]
        self._velocity = np.where(known, velocity, 0.0)
        self._points = np.where(known, smooth, points)
        self._known, self._time = valid.copy(), time
        return self._points

    @staticmethod
    def _alpha(cutoff: Any, step: float) -> Any:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
