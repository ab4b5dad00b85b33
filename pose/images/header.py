"""What the first bytes of an image file claim: before anything is decoded, and without a library.

A file of a few KB can claim a billion pixels. Sizes are (height, width), as stored.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from pose.images.avif import avif_orientation, avif_size, is_avif


def image_size(data: bytes) -> tuple[int, int] | None:
    """The size in the header of a JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or JPEG 2000; None for others."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return _pair(">II", data, 16)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"BM"):
            return _bmp(data)
        if data[:2] in (b"II", b"MM"):
            return _tiff(data)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _pair("<HH", data, 6)
        if data.startswith((b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")):
            return _jpeg_2000(data)
        if is_avif(data):
            return avif_size(data)
    except (struct.error, IndexError, OverflowError):  # the header itself is cut off
        pass
    return None


def _pair(code: str, data: bytes, at: int) -> tuple[int, int]:
    """(height, width) of two numbers, the width first."""
    width, height = struct.unpack_from(code, data, at)
    return height, width


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment. As libjpeg does, what stands between two is passed over."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD9:  # they stand alone
            at += 2
        else:
            begin, at = at + 4, at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
            yield marker, begin, at


def _is_frame(marker: int) -> bool:
    return 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """The first frame header (SOF)."""
    for marker, begin, _ in _jpeg_segments(data):
        if _is_frame(marker):
            height, width = struct.unpack_from(">HH", data, begin + 1)
            return height, width
    return None


def exif_orientation(data: bytes) -> int:
    """The EXIF orientation of a JPEG, PNG, WebP, TIFF or AVIF, 1 to 8; 1 of others and broken ones.

    An AVIF has properties of its own that say the same.
    """
    try:
        if is_avif(data):
            return avif_orientation(data)
        exif = data if is_tiff(data) else _exif(data)
        value = tiff_tags(exif).get(274, (1, 0))[0] if is_tiff(exif) else 1
    except (struct.error, IndexError, OverflowError):
        return 1
    return value if value in range(1, 9) else 1


def _exif(data: bytes) -> bytes:
    """The EXIF data of a JPEG, PNG or WebP, which are a small TIFF; empty without."""
    if data.startswith(b"\xff\xd8"):
        for marker, begin, end in _jpeg_segments(data):
            if marker == 0xE1 and data[begin : begin + 6] == b"Exif\0\0":
                return data[begin + 6 : end]
            if _is_frame(marker):
                break
        return b""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        at, order, name, after = 8, ">I", b"eXIf", 4  # behind a chunk is its checksum
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        at, order, name, after = 12, "<I", b"EXIF", 0
    else:
        return b""
    while at + 8 <= len(data):
        length = int(struct.unpack_from(order, data, at if after else at + 4)[0])
        if data[at + 4 : at + 8] == name if after else data[at : at + 4] == name:
            return data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
        at += 8 + length + (after or length % 2)
    return b""


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
        return height, width
    if kind == b"VP8L":
        bits = int(struct.unpack_from("<I", data, 21)[0])
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8 ":
        height, width = _pair("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF  # above them is a scale
    return None


def _bmp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # of OS/2
        return _pair("<HH", data, 18)
    height, width = _pair("<ii", data, 18)
    return abs(height), abs(width)  # a negative height: the rows go down


def is_tiff(data: bytes) -> bool:
    """Whether a file is a TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def tiff_tags(data: bytes) -> dict[int, tuple[int, int]]:
    """The value and its place in the file of the first page's tags with one whole number.

    That includes a BigTIFF, whose numbers have 64 bits. Of several numbers, such as the bits of each channel, the
    first is taken where they stand in the tag itself.

    Raises:
        struct.error: the header is cut off.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    at += 8 if big else 2
    tags: dict[int, tuple[int, int]] = {}
    for entry in range(at, at + min(count, 4096) * (20 if big else 12), 20 if big else 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        (values,) = struct.unpack_from(order + ("Q" if big else "I"), data, entry + 4)
        if kind in (3, 4, 16):
            code, size = {3: ("H", 2), 4: ("I", 4), 16: ("Q", 8)}[kind]
            place = entry + (12 if big else 8)
            if values * size > (8 if big else 4):  # they stand elsewhere, and here is where
                (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
            if place + size <= len(data):
                tags.setdefault(tag, (struct.unpack_from(order + code, data, place)[0], place))
    return tags


def _tiff(data: bytes) -> tuple[int, int] | None:
    """The tags 256 (width) and 257 (height)."""
    tags = tiff_tags(data)
    return (tags[257][0], tags[256][0]) if {256, 257} <= tags.keys() else None


def tiff_bits(data: bytes) -> int:
    """The bits of a channel (tag 258); 8 where a TIFF's header is broken, which the decoder will say."""
    try:
        return tiff_tags(data).get(258, (1, 0))[0]
    except (struct.error, OverflowError):
        return 8


def tiff_as_stored(data: bytes) -> bytes:
    """A TIFF without its orientation (tag 274), by which OpenCV turns it whatever it is told."""
    try:
        value, place = tiff_tags(data).get(274, (1, 0))
    except (struct.error, OverflowError):
        return data
    if value == 1:
        return data
    upright = struct.pack("<H" if data[:2] == b"II" else ">H", 1)
    return data[:place] + upright + data[place + 2 :]


def _jpeg_2000(data: bytes) -> tuple[int, int] | None:
    """The largest size that a code stream in the file claims."""
    sizes = []
    at = -1
    while (at := data.find(b"\xff\x4f\xff\x51", at + 1)) >= 0:
        right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
        sizes.append((bottom - top, right - left))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def pnm_maximum(data: bytes) -> int | None:
    """The value that is white in a PPM or PGM, where the decoder leaves scaling by it to us; None elsewhere.

    OpenCV scales those of 8 bits that are written as text, and no others.
    """
    space = rb"(?:\s+|#[^\n]*\n)+"
    found = re.match(rb"P([2356])%b\d+%b\d+%b(\d+)\s" % (space, space, space), data[:4096])
    if found is None:
        return None
    most = int(found[2])
    return most if 0 < most < 65535 and most != 255 and (most > 255 or found[1] in b"56") else None
