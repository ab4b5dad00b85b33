"""Whether a transform that should change only pixel values moves what is in the image, away from its keypoints.

Some do: albumentations' Downscale samples the upper left pixel of each block, and MotionBlur's line does not always
lie in the middle of its kernel. Frames: `_crop`; shifts are (x, y) in pixels, right and down.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from pose.runtime.arrays import Array, Floats

if TYPE_CHECKING:
    import albumentations as A

# Half a pixel of the crop is half of the smallest step in which a peak is located, a quarter of a heatmap pixel, and
# above what the measurement errs by (0.1 px, with strong blur).
TOLERANCE = 0.5
DRAWS = 8
STEADY = 0.8  # of the mean length: a mean shift so long says that the draws agree
# Of what a still image leaves unexplained, a moved one leaves at most this. Measured with the defaults: 0.01 to 0.7
# for what moves; 0.88 and more for noise, weather and dropout, which cover the content instead.
EXPLAINED = 0.75
SIZE = (64, 48)  # divisible by the block of Downscale
MARGIN = 8  # borders are filled in all ways
LARGEST = 8.0  # shifts that are searched
HINTS = {
    "Downscale": "set interpolation_pair: {downscale: 3, upscale: 1}, which averages each block",
    "MotionBlur": "GaussianBlur and Defocus blur without it",
}


class _Texture:
    """Waves of many directions, 8 to 24 px long, known at every shift: values, and their slopes in x and y."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        angle, length, self.phase = rng.uniform((0, 8, 0), (np.pi, 24, 2 * np.pi), (16, 3)).T[:, :, None, None]
        self.x, self.y = 2 * np.pi * np.cos(angle) / length, 2 * np.pi * np.sin(angle) / length

    def __call__(self, shift: Floats) -> tuple[Floats, Floats, Floats]:
        """(H, W) each."""
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        waves = self.x * (columns - shift[0]) + self.y * (rows - shift[1]) + self.phase
        slopes = -np.sin(waves)
        return np.cos(waves).sum(0), (slopes * self.x).sum(0), (slopes * self.y).sum(0)


def measure_shift(result: Array, texture: _Texture) -> tuple[Floats, float]:
    """The shift (x, y) by which the texture is best found in an image, and how well.

    Brightness and contrast are free. Gauss-Newton on the squared difference, as Lucas and Kanade (IJCAI 1981).

    Args:
        result: (H, W, 3) uint8.
    Returns:
        The shift, and the squared difference with it as a share of that without.
    """
    inside = slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN)
    pixels = result.astype(np.float64).mean(axis=-1)[inside].ravel()
    ones = np.ones_like(pixels)
    shift = np.zeros(2)
    for _ in range(8):
        values, right, down = (part[inside].ravel() for part in texture(shift))
        (gain, a, b, _), *_ = np.linalg.lstsq(np.column_stack([values, right, down, ones]), pixels, rcond=None)
        if abs(gain) < 1e-3:  # nothing of the texture is left
            return np.zeros(2), 1.0
        shift = np.clip(shift + np.clip(np.array([-a, -b]) / gain, -1, 1), -LARGEST, LARGEST)

    def unexplained(at: Floats) -> float:
        design = np.column_stack([texture(at)[0][inside].ravel(), ones])
        fitted, *_ = np.linalg.lstsq(design, pixels, rcond=None)
        return float(((pixels - design @ fitted) ** 2).sum())

    return shift, unexplained(shift) / max(unexplained(np.zeros(2)), 1e-9)


def check_still(transform: A.BasicTransform, what: str) -> None:
    """Refuse a transform that always moves the content one way, and warn of one that moves it now and then.

    What comes by chance in all directions blurs what is learned; what is always the same is learned as an error.

    Args:
        what: names the transform in messages.
    Raises:
        ValueError: the content moves by more than `TOLERANCE` in every draw, to the same side.
    """
    texture = _Texture()
    values = texture(np.zeros(2))[0]
    gray = 30 + 195 * (values - values.min()) / (values.max() - values.min())
    image = np.repeat(gray.round().astype(np.uint8)[..., None], 3, axis=2)
    shifts = []
    for seed in range(DRAWS):
        transform.set_random_seed(seed)
        shift, left = measure_shift(transform(image=image, force_apply=True)["image"], texture)
        shifts.append(shift if left < EXPLAINED else np.zeros(2))
    transform.set_random_seed(0)  # as it was made
    lengths = np.linalg.norm(shifts, axis=1)
    moved = int((lengths > TOLERANCE).sum())
    mean = np.mean(shifts, axis=0)
    hint = f"; {HINTS[type(transform).__name__]}" if type(transform).__name__ in HINTS else ""
    if moved == DRAWS and np.linalg.norm(mean) > STEADY * lengths.mean():
        raise ValueError(
            f"{what} moves what is in the image by {mean[0]:+.1f} px in x and {mean[1]:+.1f} px in y, and keypoints "
            f"stay where they are{hint or '; leave it out'}"
        )
    if moved:
        warnings.warn(
            f"{what} moves what is in the image, by up to {lengths.max():.1f} px in {moved} of {DRAWS} draws, and "
            f"keypoints stay where they are{hint}",
            stacklevel=3,
        )
