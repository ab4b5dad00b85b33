"""Sizes and orientations from headers: as Pillow and OpenCV decode them, of every format and kind of header."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from pose.images.header import exif_orientation, image_size

SIZE = (37, 70)  # height, width
ARRAY = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def encoded(kind: str, array: np.ndarray = ARRAY, **options: Any) -> bytes:
    data = io.BytesIO()
    PIL.Image.fromarray(array).save(data, kind, **options)
    return data.getvalue()


def filled_jpeg() -> bytes:
    """Fill bytes and stray bytes between segments, which decoders pass over."""
    data = encoded("JPEG")
    return data[:2] + b"\xff\xff\xff" + data[3:20] + b"\x00stray" + data[20:]


def os2_bmp() -> bytes:
    return b"BM" + struct.pack("<IHHIIHHHH", 0, 0, 0, 26, 12, SIZE[1], SIZE[0], 1, 24) + ARRAY.tobytes()


def top_down_bmp() -> bytes:
    data = bytearray(encoded("BMP"))
    data[22:26] = struct.pack("<i", -SIZE[0])
    return bytes(data)


def big_tiff() -> bytes:
    entries = [(256, 4, 1, SIZE[1]), (257, 16, 1, SIZE[0])]
    body = struct.pack("<Q", len(entries)) + b"".join(struct.pack("<HHQQ", *entry) for entry in entries)
    return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + body


ALPHA = np.dstack([ARRAY, ARRAY[..., 0]])
FILES = {
    "jpeg": encoded("JPEG"),
    "progressive": encoded("JPEG", progressive=True),
    "jpeg with fill bytes": filled_jpeg(),
    "png": encoded("PNG"),
    "webp": encoded("WEBP"),
    "webp without loss": encoded("WEBP", lossless=True),
    "webp with alpha": encoded("WEBP", ALPHA),
    "bmp": encoded("BMP"),
    "bmp of OS/2": os2_bmp(),
    "bmp from the top": top_down_bmp(),
    "tiff": encoded("TIFF"),
    "tiff of the other order": cv2.imencode(".tif", ARRAY)[1].tobytes(),
    "BigTIFF": big_tiff(),
    "gif": encoded("GIF"),
    "jpeg 2000": encoded("JPEG2000"),
    "code stream": encoded("JPEG2000", no_jp2=True),
}


@pytest.mark.parametrize("name", FILES)
def test_size(name: str) -> None:
    assert image_size(FILES[name]) == SIZE


@pytest.mark.parametrize("name", FILES)
def test_headers_that_are_cut_off_or_damaged(name: str) -> None:
    """None, or some size, but nothing else; a loop without an end would show here too."""
    data = FILES[name]
    for end in range(0, min(len(data), 300)):
        size = image_size(data[:end])
        assert size is None or len(size) == 2
        assert exif_orientation(data[:end]) == 1
    rng = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(2, min(len(data), 200), 4):
            damaged[at] = rng.integers(256)
        size = image_size(bytes(damaged))
        assert size is None or len(size) == 2
        assert exif_orientation(bytes(damaged)) in range(1, 9)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "JPEG behind a color profile"])
def test_orientation(kind: str) -> None:
    options = {"icc_profile": bytes(100_000)} if " " in kind else {}
    for value in range(10):
        exif = PIL.Image.Exif()
        exif[0x010F], exif[0x0112] = "a maker", value
        data = encoded(kind.split()[0], exif=exif, **options)
        assert exif_orientation(data) == (value if value in range(1, 9) else 1)


def test_what_is_no_image() -> None:
    for data in (b"", b"\xff", b"\xff\xd8", b"RIFF", b"text", b"P6 3 4 255 ...", b"\xff\xd8" + b"\xff" * 1000):
        assert image_size(data) is None
