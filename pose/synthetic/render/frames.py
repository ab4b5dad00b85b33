"""Frames of bodies: (3, 3) rotations whose columns are x to the body's left, y up and z to its front."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array

SIDES = (1.0, -1.0)  # x of left and right


def rotation(axis: str, degrees: float) -> Array:
    """Make the right-handed rotation (3, 3) about x, y or z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def between(a: Array, b: Array, t: Array) -> Array:
    """Interpolate the rotations from a to b at fractions t (N,): (N, 3, 3)."""
    r = a.T @ b
    angle = np.arccos(np.clip((np.trace(r) - 1) / 2, -1, 1))
    if angle < 1e-4:
        return np.broadcast_to(a, (len(t), 3, 3))
    k = (r - r.T) / (2 * np.sin(angle))
    theta = (angle * t)[:, None, None]
    return a @ (np.eye(3) + np.sin(theta) * k + (1 - np.cos(theta)) * (k @ k))
