"""The colors and creases of surfaces: cloth patterns, faces and hair as functions of a point on the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.face import paint_eye, paint_face

PATTERNS = ("plain", "stripes", "bars", "checks", "speckle", "badge", "head", "eye", "wood", "denim", "jacket")


@dataclass(frozen=True)
class Bands:
    """Cuts a surface into bands of other materials.

    Attributes:
        axis: of the coordinate that counts: 0 is how far x is from the middle, 1 is `below_collar`.
        edges: ascending.
        steps: what to add to the material's index below the first edge, between the edges, and above the last.
    """

    axis: int
    edges: tuple[float, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Material:
    """How a surface looks; colors are linear RGB in 0..1.

    Attributes:
        pattern: one of `PATTERNS`, a function of the mesh's `local` coordinates in meters.
        color, color2: base and second color (`head`: skin and hair, `eye`: white and iris).
        scale: size of one period of the pattern in meters (`head`: height of the hairline).
        gloss: strength of the highlight.
        folds: strength of the creases that bend the normals.
        phase: offset of pattern and creases (`head`: 1 if hair hides the ears).
        print: (S, S, 3) linear RGB repeated over the surface, `scale` meters of it, instead of a pattern.
        mottle: strength of spots in the color. crumple: strength of irregular creases.
        beard: of a head, its strength.
        bands: other materials that take its place.
    """

    pattern: str
    color: tuple[float, float, float]
    color2: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 0.1
    gloss: float = 0.0
    folds: float = 0.0
    phase: float = 0.0
    print: Array | None = field(default=None, compare=False)
    mottle: float = 0.0
    crumple: float = 0.0
    beard: float = 0.0
    bands: Bands | None = None


def surface(materials: Sequence[Material], index: Array, local: Array) -> tuple[Array, Array, Array]:
    """Evaluate materials at points.

    Args:
        index: (N,) material of each point.
        local: (N, 3) where on the surface it lies.
    Returns:
        Albedo (N, 3), gloss (N,), and what to add to the normals (N, 3).
    """
    index = _in_bands(materials, index, local)
    color = np.array([m.color for m in materials], np.float32)
    second = np.array([m.color2 for m in materials], np.float32)
    scale, gloss, folds, phase = (
        np.array([getattr(m, key) for m in materials], np.float32)[index]
        for key in ("scale", "gloss", "folds", "phase")
    )
    kind = np.array([PATTERNS.index(m.pattern) for m in materials], np.int8)[index]
    albedo = color[index]
    x, y, z = local.T
    for k in np.unique(kind):
        name = PATTERNS[k]
        if name == "plain":
            continue
        on = np.flatnonzero(kind == k)
        a, b, c, f = x[on], y[on], z[on], 2 * np.pi / np.maximum(scale[on], 1e-3)
        if name == "head":
            beard = np.array([m.beard for m in materials], np.float32)[index[on]]
            albedo[on] = paint_face(local[on], color[index[on]], second[index[on]], scale[on], phase[on], beard)
            continue
        if name == "eye":
            albedo[on] = paint_eye(local[on], albedo[on], second[index[on]])
            continue
        if name == "stripes":
            mix = (np.sin(b * f + phase[on]) > 0.2).astype(np.float32)
        elif name == "bars":
            mix = (np.sin(np.arctan2(a, np.abs(c) + 0.02) * 0.09 * f + phase[on]) > 0.3).astype(np.float32)
        elif name == "checks":
            mix = 0.4 * (np.sin(b * f) > 0) + 0.4 * (np.sin(np.arctan2(a, np.abs(c) + 0.02) * 0.12 * f) > 0)
        elif name == "speckle":
            mix = (np.sin(a * 95 + 3 * np.sin(b * 61)) + np.sin(b * 83 + 2 * np.sin(c * 47)) > 0.9).astype(np.float32)
        elif name == "badge":
            mix = ((a / 0.08) ** 2 + ((b - 0.34) / (scale[on] * 0.6)) ** 2 < 1).astype(np.float32)
        elif name == "wood":
            mix = 0.5 + 0.5 * np.sin(a * f + 2 * np.sin(b * f * 0.2) + 1.5 * np.sin(c * f * 0.3))
        elif name == "jacket":  # open in front, with what is worn under it
            mix = ((c > 0) & (np.abs(a) < scale[on])).astype(np.float32)
        else:  # denim: worn where the legs and the trunk are broadest
            mix = 0.25 * np.exp(-((a / 0.04) ** 2))
            second_on = np.minimum(albedo[on] * 2.2 + 0.06, 1)
            albedo[on] += (second_on - albedo[on]) * mix[:, None]
            continue
        albedo[on] += (second[index[on]] - albedo[on]) * mix[:, None].astype(np.float32)
    bend = np.zeros_like(local)
    on = np.flatnonzero(folds > 0)
    if len(on):
        a, b, c, p = x[on], y[on], z[on], phase[on]
        wave = np.sin(38 * b + 30 * a + p + 2 * np.sin(21 * c + p)) + 0.6 * np.sin(70 * b - 45 * c + 2 * p)
        bend[on, 1] = wave * folds[on] * 0.5
        bend[on, 0] = np.sin(24 * b - 33 * c + 3 * p) * folds[on] * 0.4
    for i, material in enumerate(materials):
        if material.print is not None or material.mottle > 0 or material.crumple > 0:
            on = np.flatnonzero(index == i)
            _irregular(material, local[on], on, albedo, bend)
    return albedo, gloss, bend


def _irregular(material: Material, local: Array, on: Array, albedo: Array, bend: Array) -> None:
    """Add print, spots and creases of one material at `local` (N, 3) to rows `on` of `albedo` and `bend`."""
    across, along = local[:, 0] + 0.6 * local[:, 2] + material.phase, local[:, 1] + material.phase
    if material.print is not None:
        size = len(material.print)
        row, column = ((v * (size / material.scale)).astype(np.int32) % size for v in (along, across))
        albedo[on] = material.print[row, column]
    noise, slope_x, slope_y = _noise()
    size = len(noise)
    if material.mottle > 0:
        row, column = ((v * 400).astype(np.int32) % size for v in (along, across))
        albedo[on] *= np.maximum(1 + material.mottle * noise[row, column], 0.1)[:, None]
    if material.crumple > 0:  # creases run across the limb more than along it
        row, column = (v.astype(np.int32) % size for v in (along * 500, across * 220))
        bend[on, 0] += material.crumple * slope_x[row, column]
        bend[on, 1] += material.crumple * slope_y[row, column]


@lru_cache(maxsize=1)
def _noise() -> tuple[Array, Array, Array]:
    """Make noise (256, 256) float32 that repeats seamlessly, of deviation 1, and its slopes along both axes."""
    noise = noise_tile(np.random.default_rng(0))
    soft: Array = cv2.GaussianBlur(np.tile(noise, (3, 3)), (0, 0), 4)
    slopes = [0.5 * (np.roll(soft, -1, axis) - np.roll(soft, 1, axis))[256:512, 256:512] for axis in (1, 0)]
    return noise, *(s / s.std() for s in slopes)


def noise_tile(rng: np.random.Generator, size: int = 256) -> Array:
    """Draw noise (size, size) float32 of several octaves that repeats seamlessly, of mean 0 and deviation 1."""
    total = np.zeros((size, size), np.float32)
    for cells, weight in ((4, 0.8), (16, 0.7), (64, 0.7), (size, 0.5)):
        grid: Array = rng.standard_normal((cells, cells), dtype=np.float32) * weight
        if cells < size:
            ring = np.concatenate([grid, grid[:2]], 0)
            ring = np.concatenate([ring, ring[:, :2]], 1)
            step = size // cells
            grid = cv2.resize(ring, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
            half = step // 2
            grid = grid[half : half + size, half : half + size]
        total += grid
    return total / total.std()


def _in_bands(materials: Sequence[Material], index: Array, local: Array) -> Array:
    """Replace the index (N,) of materials that have bands by that of the band each point lies in."""
    result = index
    for i, material in enumerate(materials):
        if material.bands is None:
            continue
        on = np.flatnonzero(index == i)
        value = np.abs(local[on, 0]) if material.bands.axis == 0 else below_collar(local[on])
        if result is index:
            result = index.copy()
        result[on] += np.array(material.bands.steps, index.dtype)[np.searchsorted(material.bands.edges, value)]
    return result


def below_collar(local: Array) -> Array:
    """Find y (N,) of points (N, 3) of the template, that of the shoulders taken down so that collars lie level."""
    x, y, z = np.abs(local[:, 0]), local[:, 1], local[:, 2]
    near = np.clip((y - 0.38) / 0.06, 0, 1)
    result: Array = y + near * (0.35 * (z - 0.01) - 0.9 * np.maximum(x - 0.055, 0))
    return result
