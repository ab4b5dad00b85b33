"""What the header of an AVIF claims: the size of its image, and how viewers turn it.

Boxes as in ISO/IEC 14496-12 and 23008-12 (HEIF). OpenCV decodes AVIF, and leaves turning to who calls it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# By `irot`, quarter turns against the clock, and then `imir`: 0 exchanges top and bottom, 1 left and right.
_EXIF: dict[tuple[int, int | None], int] = {
    (0, None): 1,
    (0, 1): 2,
    (2, 0): 2,
    (2, None): 3,
    (0, 0): 4,
    (2, 1): 4,
    (1, 0): 5,
    (3, 1): 5,
    (3, None): 6,
    (1, 1): 7,
    (3, 0): 7,
    (1, None): 8,
}


def is_avif(data: bytes) -> bool:
    """Whether a file is an AVIF, or a sequence of them."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), 1024)
    brands = {data[at : at + 4] for at in range(8, end, 4)}  # the second is a version
    return bool(brands & {b"avif", b"avis"})


def avif_size(data: bytes) -> tuple[int, int] | None:
    """The (height, width) of the image as stored; None where the header has none.

    Raises:
        struct.error: the header is cut off.
    """
    own = [body for kind, body in _properties(data) if kind == b"ispe"]
    if not own:
        return None
    width, height = struct.unpack_from(">II", own[0], 4)
    return height, width


def avif_bits(data: bytes) -> int:
    """The bits of a channel, 8, 10 or 12."""
    own = dict(_properties(data))
    if b"av1C" in own:
        return {0: 8, 0x40: 10}.get(own[b"av1C"][2] & 0x60, 12)
    return own[b"pixi"][5] if b"pixi" in own else 8  # of an image in tiles


def avif_orientation(data: bytes) -> int:
    """How viewers turn the image, as the EXIF orientation that says the same, 1 to 8.

    Raises:
        struct.error, IndexError: the header is cut off.
    """
    own = dict(_properties(data))
    turns = own[b"irot"][0] & 3 if b"irot" in own else 0
    return _EXIF[turns, own[b"imir"][0] & 1 if b"imir" in own else None]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and content of each box, as far as they reach."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        length = length or len(data) - at
        if length < head:
            return
        yield kind, data[at + head : at + length]
        at += length


def _properties(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and content of each property of the primary image."""
    meta = dict(_boxes(dict(_boxes(data)).get(b"meta", b"")[4:]))
    parts = dict(_boxes(meta.get(b"iprp", b"")))
    known = list(_boxes(parts.get(b"ipco", b"")))
    pitm, ipma = meta.get(b"pitm", b""), parts.get(b"ipma", b"")
    if not (known and pitm and ipma):
        return
    (primary,) = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)
    long_id, long_index = ipma[0] > 0, bool(ipma[3] & 1)
    (entries,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(min(entries, len(ipma))):
        item, count = struct.unpack_from(">IB" if long_id else ">HB", ipma, at)
        at += 5 if long_id else 3
        for _ in range(count):
            (index,) = struct.unpack_from(">H" if long_index else ">B", ipma, at)
            at += 2 if long_index else 1
            index &= 0x7FFF if long_index else 0x7F  # above it is whether readers have to know the property
            if item == primary and 0 < index <= len(known):
                yield known[index - 1]
