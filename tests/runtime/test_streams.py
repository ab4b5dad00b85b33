"""Streams of different purposes or numbers differ, and the same ones are equal."""

from __future__ import annotations

import itertools

import numpy as np

from pose.runtime.streams import Stream, stream

# How many numbers stand behind each purpose.
LENGTHS = {Stream.ORDER: 2, Stream.CROP: 3, Stream.IMAGE: 3, Stream.STEP: 4, Stream.PEOPLE: 3, Stream.SHAPES: 3}
LENGTHS |= {Stream.CLIP: 1, Stream.SCENERY: 1, Stream.CAMERA: 1, Stream.NOISE: 2, Stream.STREAMED: 4}


def test_streams_never_coincide() -> None:
    """Also where one key is another with zeros behind it, which are one key to numpy."""
    assert np.random.default_rng((1, 2)).random() == np.random.default_rng((1, 2, 0)).random()
    assert set(LENGTHS) == set(Stream)
    keys = [(p, key) for p in Stream for key in itertools.product((0, 1, 2), repeat=LENGTHS[p])]
    assert len({stream(purpose, *key).random() for purpose, key in keys}) == len(keys)


def test_a_stream_is_a_function_of_its_key() -> None:
    for purpose in Stream:
        assert stream(purpose, 3, 1).random(4).tolist() == stream(purpose, 3, 1).random(4).tolist()
