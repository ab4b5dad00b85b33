"""Generated images of ten classes, five shapes and five textures, to try classifiers on.

Hue, position and scale are random and say nothing about the class. Images are functions of (seed, split, index).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from pose.images.types import Image
from pose.runtime.arrays import Bools, Floats
from pose.runtime.errors import DataError
from pose.runtime.files import write_atomic, write_json
from pose.runtime.streams import Stream, stream

SIDE = 64  # pixels of an image
SUPERSAMPLING = 4
VERSION = 2  # of what is drawn for a seed
DONE = "shapes.json"

# A pattern: from coordinates x, y (H, W), in units of its own size about its own center, to 1 inside and 0 outside.
Pattern = Callable[[Floats, Floats], Bools]


def _regular(corners: int, *, dent: float = 0.0) -> Pattern:
    """A regular polygon of circumradius 1, a corner up; with a dent, a star whose inner corners lie at 1 - dent."""

    def inside(x: Floats, y: Floats) -> Bools:
        x, y = -y, x  # from the corner that points along x
        points = corners * 2 if dent else corners
        angle = 2 * np.pi * np.arange(points) / points
        radius = np.where(np.arange(points) % 2 == 1, 1 - dent, 1.0) if dent else np.ones(points)
        outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        sector = np.floor(np.arctan2(y, x) / (2 * np.pi / points)).astype(int) % points
        a, b = outline[sector], outline[(sector + 1) % points]
        # Left of the edge a -> b, seen from a: on the center's side.
        return (b[..., 0] - a[..., 0]) * (y - a[..., 1]) - (b[..., 1] - a[..., 1]) * (x - a[..., 0]) >= 0

    return inside


def _cell(x: Floats) -> Floats:
    """Where in its period of 1 a coordinate lies, -0.5 to 0.5."""
    return x - np.floor(x) - 0.5


SHAPES: dict[str, Pattern] = {
    "disk": lambda x, y: np.hypot(x, y) <= 0.9,
    "ring": lambda x, y: np.abs(np.hypot(x, y) - 0.75) <= 0.2,
    "square": lambda x, y: np.maximum(np.abs(x), np.abs(y)) <= 0.8,
    "star": _regular(5, dent=0.58),
    "triangle": _regular(3),
}
TEXTURES: dict[str, Pattern] = {
    "bricks": lambda x, y: (np.abs(_cell(y)) < 0.4) & (np.abs(_cell(x / 2 + np.floor(y) / 2)) < 0.45),
    "checks": lambda x, y: (np.floor(x) + np.floor(y)) % 2 == 0,
    "dots": lambda x, y: np.hypot(_cell(x), _cell(y)) < 0.33,
    "stripes": lambda x, y: np.abs(_cell(x)) < 0.25,
    "waves": lambda x, y: np.abs(_cell(x + 0.45 * np.sin(2 * np.pi * y / 2))) < 0.25,
}
CLASSES = tuple(sorted((*SHAPES, *TEXTURES)))


def draw_image(name: str, rng: np.random.Generator) -> Image:
    """One image of a class.

    Args:
        name: one of `CLASSES`.
    Returns:
        (64, 64, 3) uint8 RGB.
    """
    large = SIDE * SUPERSAMPLING
    pixels = (np.arange(large) + 0.5) / SUPERSAMPLING
    x, y = np.meshgrid(pixels, pixels)
    if name in SHAPES:
        size = rng.uniform(9, 26)
        center = rng.uniform(0.8 * size, SIDE - 0.8 * size, 2)
    else:
        size, center = rng.uniform(5, 14), rng.uniform(0, SIDE, 2)
    x, y = (x - center[0]) / size, (y - center[1]) / size
    inside = {**SHAPES, **TEXTURES}[name](x, y)

    hue = rng.uniform(0, 360)
    hues = hue, (hue + rng.uniform(60, 300)) % 360
    values = rng.permutation([rng.uniform(0.25, 0.55), rng.uniform(0.65, 1.0)])
    hsv = np.array([[(h, rng.uniform(0.3, 1.0), v) for h, v in zip(hues, values, strict=True)]], dtype=np.float32)
    colors = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]
    image = np.where(inside[..., None], colors[0], colors[1]).astype(np.float32)
    image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    # Uneven light, and a camera's noise.
    slope = rng.uniform(-0.25, 0.25, 2)
    ramp = np.linspace(-1, 1, SIDE)
    light = 1 + slope[0] * ramp[:, None, None] + slope[1] * ramp[None, :, None]
    noisy = image * light + rng.normal(0, rng.uniform(0.01, 0.05), image.shape)
    return (np.clip(noisy, 0, 1) * 255).round().astype(np.uint8)


def generate_shapes(
    folder: Path, *, train: int, val: int, seed: int, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write train/<class>/*.png and val/<class>/*.png, unless they are there already.

    Args:
        train, val: numbers of images, shared out evenly over the classes.
        progress: called with the number of images done and of all.
    Raises:
        DataError: the folder holds images of other settings, or something else.
    """
    settings = {"train": train, "val": val, "seed": seed, "version": VERSION}
    if (folder / DONE).is_file():
        there = json.loads((folder / DONE).read_text(encoding="utf-8"))
        if there != settings:
            raise DataError(f"{folder} holds shapes of other settings: {there}, asked for {settings}; give another")
        return
    if folder.is_dir() and any(entry.name not in ("train", "val") for entry in folder.iterdir()):
        raise DataError(f"{folder} is not empty and holds no {DONE}; give another folder, or an empty one")
    for split, (name, count) in enumerate((("train", train), ("val", val))):
        for index in range(count):
            kind = CLASSES[index % len(CLASSES)]
            image = draw_image(kind, stream(Stream.SHAPES, seed, split, index))
            ok, data = cv2.imencode(".png", image[..., ::-1])
            if not ok:
                raise OSError(f"OpenCV could not encode image {index} of {name} as PNG")
            write_atomic(folder / name / kind / f"{index:05d}.png", data.tobytes(), flush=False)
            if progress is not None:
                progress(split * train + index + 1, train + val)
    write_json(folder / DONE, settings)
