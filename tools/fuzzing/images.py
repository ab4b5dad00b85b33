"""Damaged pictures: absurd sizes in headers, bombs, other formats under the name of a picture."""

from __future__ import annotations

import random
import struct
import zlib

from . import mutate

SIDES = (0, 1, 2, 16_384, 30_000, 32_766, 32_767, 65_535, 65_500, 100_000, 2**30, 2**31 - 1, 2**32 - 1)
OTHERS = (
    *(
        b"",
        b"\x00",
        b"GIF89a",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ),
    *(
        b"<html><script>alert(1)</script></html>",
        b"#!/bin/sh\ntouch x\n",
        b"P1 100000 100000\n",
        b"P6 90000 90000 255\n",
    ),
    *(b"P5 40000 40000 65535\n" + bytes(64), b"Pf\n50000 50000\n-1.0\n", b"P7\nWIDTH 60000\nHEIGHT 60000\nDEPTH 4\n"),
    *(
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 50000 +X 50000\n",
        b"v/1\x01\x02\x00\x00\x00",
        b"\xff\x4f\xff\x51" + bytes(60),
    ),
    *(b"\x00\x00\x00\x20ftypavif" + bytes(40), b"\x59\xa6\x6a\x95" + struct.pack(">6I", 60_000, 60_000, 24, 0, 1, 0)),
    *(b"push graphic-context\nimage over 0,0 0,0 'https://example.invalid/x'\npop graphic-context",),
)


def png(width: int, height: int, *, depth: int, color: int, data: bytes) -> bytes:
    """A PNG with these in its header, its checksums right; `data` is what IDAT holds."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def damaged(rng: random.Random, pictures: dict[str, bytes], bomb: bytes) -> tuple[bytes, str]:
    """Bytes and the suffix to give them."""
    suffix = rng.choice(("jpg", "jpg", "jpg", "png", "png", *pictures))
    how = rng.random()
    if how < 0.03:
        return bomb, suffix
    if how < 0.15:
        return rng.choice(OTHERS), suffix
    if how < 0.25:  # of another format than the name says
        return mutate.raw_bytes(rng, pictures[rng.choice(sorted(pictures))]), suffix
    if how < 0.6:
        return _resized(rng, suffix, pictures[suffix]), suffix
    return mutate.raw_bytes(rng, pictures[suffix]), suffix


def _resized(rng: random.Random, suffix: str, data: bytes) -> bytes:
    """The header says another size."""
    width, height = rng.choice(SIDES), rng.choice(SIDES)
    changed = bytearray(data)
    if suffix == "png":
        depth, color = rng.choice((1, 8, 8, 16, 3)), rng.choice((0, 2, 2, 3, 6, 9))
        return png(width, height, depth=depth, color=color, data=zlib.compress(bytes(rng.choice((0, 100, 10**6)))))
    if suffix == "jpg":
        at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC1, 0xC2))
        struct.pack_into(">HH", changed, at + 5, height % 65_536, width % 65_536)
    elif suffix == "bmp":
        struct.pack_into("<II", changed, 18, width, height)
    elif suffix == "gif":
        struct.pack_into("<HH", changed, 6, width % 65_536, height % 65_536)
    elif suffix == "webp":
        struct.pack_into("<HH", changed, 26, width % 16_384, height % 16_384)
    elif suffix == "tif":
        (start,) = struct.unpack_from("<I", data, 4)
        for entry in range(struct.unpack_from("<H", data, start)[0]):
            tag = struct.unpack_from("<H", data, start + 2 + 12 * entry)[0]
            if tag in (256, 257):
                struct.pack_into("<HII", changed, start + 4 + 12 * entry, 4, 1, width if tag == 256 else height)
    return bytes(changed)
