"""From linear light to a photograph: what lens and sensor do."""

from __future__ import annotations

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.levels import Level

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def develop(rng: np.random.Generator, level: Level, scene: Array) -> Array:
    """Exposure, colour cast, blur, tone curve and noise: (H, W, 3) linear to uint8."""
    gray = np.array(cv2.mean(scene)[:3]) @ _LUMINANCE
    gain = rng.uniform(*level.exposure) / max(gray, 1e-3) * (1 + rng.normal(0, 0.04, 3))
    pale = rng.uniform(*level.pale)
    picture: Array = cv2.transform(scene, gain[:, None] * ((1 - pale) * np.eye(3) + pale * _LUMINANCE))
    sigma = rng.uniform(*level.blur)
    if sigma > 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    steps = cv2.sqrt(np.maximum(picture, 0)) * np.float32(len(_TONES) / 1.5)
    steps = np.minimum(steps, len(_TONES) - 1).astype(np.int32)
    strength = np.float32(rng.uniform(*level.noise))
    shift = int(rng.choice([0, 37]))  # of the noise between the channels; 0 is gray noise
    grain = rng.standard_normal(picture.shape[:2], dtype=np.float32) * strength
    colored = cv2.merge([np.roll(grain, k * shift, axis=0) if k * shift else grain for k in range(3)])
    return cv2.add(_TONES[steps], colored, dtype=cv2.CV_8U)


def _tone_curve() -> Array:
    """8-bit sRGB, not rounded, by the root of the linear value from 0 to 1.5, soft in the highlights."""
    value = (np.arange(3072) / 3072 * 1.5) ** 2
    value = np.where(value > 0.7, 0.7 + 0.3 * np.tanh((value - 0.7) / 0.3), value)
    return (value ** (1 / 2.2) * 255).astype(np.float32)


_TONES = _tone_curve()
