"""The colors and creases of surfaces: cloth patterns, faces and hair as functions of a point on the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.face import paint_eye, paint_face

FACIAL = ("beard", "smile", "glasses", "ragged")  # what only heads have
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
        phase: offset of pattern and creases (`head`: 1 if hair hides the ears, 2 if the sides of the face too).
        print: (S, S, 3) linear RGB repeated over the surface, `scale` meters of it, instead of a pattern.
        mottle: strength of spots in the color. crumple: strength of irregular creases.
        beard, smile: of a head, how dense its beard is, and how wide its mouth is open over the teeth, both 0..1.
        glasses: of a head, 1 if it wears some with thin rims.
        ragged: of a head, how uneven the edges of hair and beard are, and how fine its strands, both 0..1.
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
    smile: float = 0.0
    glasses: float = 0.0
    ragged: float = 0.0
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
    gloss = np.array([m.gloss for m in materials], np.float32)[index]
    albedo = np.array([m.color for m in materials], np.float32)[index]
    kind = np.array([PATTERNS.index(m.pattern) for m in materials], np.int8)[index]
    for k in np.unique(kind):
        if PATTERNS[k] != "plain":
            on = np.flatnonzero(kind == k)
            albedo[on] = _paint(PATTERNS[k], materials, index[on], local[on], albedo[on])
    bend = _folds(materials, index, local)
    for i, material in enumerate(materials):
        if material.print is not None or material.mottle > 0 or material.crumple > 0:
            on = np.flatnonzero(index == i)
            _irregular(material, local[on], on, albedo, bend)
    return albedo, gloss, bend


def _paint(pattern: str, materials: Sequence[Material], index: Array, local: Array, base: Array) -> Array:
    """The colors (N, 3) of points of one pattern; `base` (N, 3) are those without it."""

    def each(key: str) -> Array:
        result: Array = np.array([getattr(m, key) for m in materials], np.float32)[index]
        return result

    second, scale, phase = each("color2"), each("scale"), each("phase")
    if pattern == "head":
        return paint_face(local, base, second, scale, phase, **{key: each(key) for key in FACIAL})
    if pattern == "eye":
        return paint_eye(local, base, second)
    x, y, z = local.T
    f = 2 * np.pi / np.maximum(scale, 1e-3)
    if pattern == "stripes":
        mix = (np.sin(y * f + phase) > 0.2).astype(np.float32)
    elif pattern == "bars":
        mix = (np.sin(np.arctan2(x, np.abs(z) + 0.02) * 0.09 * f + phase) > 0.3).astype(np.float32)
    elif pattern == "checks":
        mix = 0.4 * (np.sin(y * f) > 0) + 0.4 * (np.sin(np.arctan2(x, np.abs(z) + 0.02) * 0.12 * f) > 0)
    elif pattern == "speckle":
        mix = (np.sin(x * 95 + 3 * np.sin(y * 61)) + np.sin(y * 83 + 2 * np.sin(z * 47)) > 0.9).astype(np.float32)
    elif pattern == "badge":
        mix = ((x / 0.08) ** 2 + ((y - 0.34) / (scale * 0.6)) ** 2 < 1).astype(np.float32)
    elif pattern == "wood":
        mix = 0.5 + 0.5 * np.sin(x * f + 2 * np.sin(y * f * 0.2) + 1.5 * np.sin(z * f * 0.3))
    elif pattern == "jacket":  # open in front, with what is worn under it
        mix = ((z > 0) & (np.abs(x) < scale)).astype(np.float32)
    else:  # denim: worn where the legs and the trunk are broadest
        mix = 0.25 * np.exp(-((x / 0.04) ** 2))
        second = np.minimum(base * 2.2 + 0.06, 1)
    painted: Array = base + (second - base) * mix[:, None].astype(np.float32)
    return painted


def _folds(materials: Sequence[Material], index: Array, local: Array) -> Array:
    """What creases add to the normals, (N, 3)."""
    folds, phase = (np.array([getattr(m, key) for m in materials], np.float32)[index] for key in ("folds", "phase"))
    bend = np.zeros_like(local)
    on = np.flatnonzero(folds > 0)
    if len(on):
        x, y, z = local[on].T
        p = phase[on]
        wave = np.sin(38 * y + 30 * x + p + 2 * np.sin(21 * z + p)) + 0.6 * np.sin(70 * y - 45 * z + 2 * p)
        bend[on, 1] = wave * folds[on] * 0.5
        bend[on, 0] = np.sin(24 * y - 33 * z + 3 * p) * folds[on] * 0.4
    return bend


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
