"""Random streams: each is a pure function of what it is for and of its numbers, so nothing holds random state."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are for.

    The purpose stands first in a stream's key. Without it streams coincide, as numpy pads short keys with zeros: the
    order of an epoch, drawn from (seed, epoch), was the augmentation of sample 0, drawn from (seed, epoch, 0).
    """

    ORDER = 1  # (seed, epoch): the order of an epoch's samples
    CROP = 2  # (seed, epoch, annotation id): the augmentation of a person's crop
    IMAGE = 3  # (seed, epoch, index): the augmentation of an image to classify
    STEP = 4  # (seed, epoch, step, part): what is random in a training step, such as dropout
    PEOPLE = 5  # (seed, split, index): a generated image of people or animals
    SHAPES = 6  # (seed, split, index): a generated image of shapes
    CLIP = 7  # (seed,): who walks through a clip, and in what light
    SCENERY = 8  # (number,): a clip's backdrop, the same in every frame
    CAMERA = 9  # (number,): a clip's camera
    NOISE = 10  # (seed, frame): the noise of a frame
    STREAMED = 11  # (seed, epoch, number, attempt): a generated image of people that is trained on once


def stream(purpose: Stream, *key: int) -> np.random.Generator:
    """Make the generator of a purpose and its numbers, which must not be negative."""
    return np.random.default_rng((purpose, *key))
