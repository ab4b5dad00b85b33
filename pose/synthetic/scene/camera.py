"""From linear light to a photograph: what lens and sensor do."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose.images.types import Image
from pose.runtime.arrays import Array
from pose.synthetic.levels import Level

SIZES = ((240, 320), (240, 320), (256, 256), (320, 240), (216, 288), (288, 216), (224, 336), (320, 256))
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def random_size(rng: np.random.Generator, level: Level) -> tuple[int, int]:
    """Draw the (height, width) of an image."""
    height, width = SIZES[int(rng.integers(len(SIZES)))]
    return round(height * level.size), round(width * level.size)


@dataclass(frozen=True)
class Sensor:
    """Lens and sensor with their settings, which stay the same over a clip; the noise does not.

    Attributes:
        exposure: mean brightness of the image, linear 0..1.
        cast: (3,) factors on red, green and blue.
        pale: how far colors are drawn to gray.
        blur: of the lens, deviation in pixels.
        noise: of the sensor, deviation in 8-bit steps.
        shift: pixels between the noise of the channels; at 0 it is gray.
        gamma: of the tones; above 1 dark parts are darker.
        sharp: strength of the sharpening.
    """

    exposure: float
    cast: Array
    pale: float
    blur: float
    noise: float
    shift: int
    gamma: float = 1.0
    sharp: float = 0.0

    @staticmethod
    def random(rng: np.random.Generator, level: Level) -> Sensor:
        return Sensor(
            exposure=rng.uniform(*level.exposure),
            cast=1 + rng.normal(0, level.cast, 3),
            pale=rng.uniform(*level.pale),
            blur=rng.uniform(*level.blur),
            noise=rng.uniform(*level.noise),
            shift=int(rng.choice([0, 37])),
            gamma=_between(rng, level.gamma),
            sharp=_between(rng, level.sharp),
        )

    def develop(self, rng: np.random.Generator, scene: Array) -> Image:
        """Apply exposure, color cast, blur and tone curve, and noise from `rng`.

        Args:
            scene: (H, W, 3) linear RGB.
        """
        gray = np.array(cv2.mean(scene)[:3]) @ _LUMINANCE
        gain = self.exposure / max(gray, 1e-3) * self.cast
        image: Array = cv2.transform(scene, gain[:, None] * ((1 - self.pale) * np.eye(3) + self.pale * _LUMINANCE))
        if self.blur > 0.25:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        steps = cv2.sqrt(np.maximum(image, 0)) * np.float32(len(_TONES) / 1.5)
        steps = np.minimum(steps, len(_TONES) - 1).astype(np.int32)
        toned = (_TONES if self.gamma == 1 else 255 * (_TONES / 255) ** np.float32(self.gamma))[steps]
        if self.sharp > 0:
            toned += (toned - cv2.GaussianBlur(toned, (0, 0), 1.0)) * np.float32(self.sharp)
        grain = rng.standard_normal(image.shape[:2], dtype=np.float32) * np.float32(self.noise)
        colored = cv2.merge([np.roll(grain, k * self.shift, axis=0) if k * self.shift else grain for k in range(3)])
        return np.asarray(cv2.add(toned, colored, dtype=cv2.CV_8U), dtype=np.uint8)


def focused(rng: np.random.Generator, scene: Array, depth: Array) -> Array:
    """Blur what does not lie at one distance, which is drawn among those in the scene, or nearer than all.

    Args:
        scene: (H, W, 3) linear RGB.
        depth: (2H, 2W) meters, inf where there is only the backdrop.
    """
    near = depth[::2, ::2]
    drawn = np.isfinite(near)
    if not drawn.any():
        return scene
    distance, sigma = float(rng.choice(near[drawn])), float(rng.uniform(0.6, 2.3))
    if rng.random() < 0.25:
        distance *= 0.6
    off = np.where(drawn, np.abs(1 - distance / np.where(drawn, near, 1)), 1).astype(np.float32)
    share = cv2.GaussianBlur(np.minimum(off / 0.4, 1), (0, 0), sigma)[..., None]
    result: Array = scene + (cv2.GaussianBlur(scene, (0, 0), sigma) - scene) * share
    return result


def _between(rng: np.random.Generator, pair: tuple[float, float]) -> float:
    """Draw a number between two; if they are equal nothing is drawn, so that such a level keeps its images."""
    return float(rng.uniform(*pair)) if pair[0] < pair[1] else pair[0]


def _tone_curve() -> Array:
    """Tabulate 8-bit sRGB, not rounded, by the root of the linear value from 0 to 1.5, soft in the highlights."""
    value = (np.arange(3072) / 3072 * 1.5) ** 2
    value = np.where(value > 0.7, 0.7 + 0.3 * np.tanh((value - 0.7) / 0.3), value)
    return (value ** (1 / 2.2) * 255).astype(np.float32)


_TONES = _tone_curve()
