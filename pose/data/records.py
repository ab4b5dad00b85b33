"""The values of a COCO file's records: what a number, an id or a flag is, wherever a file is read.

Training, `pose check` and `--fix` all read by these functions, so a value that one of them accepts means the same to
the others. Each returns None for what has no plain meaning; none raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np

from pose.runtime.arrays import Array

LARGEST = 1e12  # of coordinates, areas and scores; more is no measure of an image, and overflows float32
LARGEST_ID = 2**63 - 1  # ids are kept in arrays of int64
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


def is_int(value: Any) -> TypeGuard[int]:
    """Say whether a value is an integer, as true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def read_number(value: Any) -> float | None:
    """Read a finite number up to `LARGEST`, which may be written as text or as true and false (1 and 0)."""
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= LARGEST else None  # False for NaN


def read_whole(value: Any) -> int | None:
    """Read a whole number, 0 or more, such as a width; it may be written as 640.0 or as text."""
    number = None if isinstance(value, bool) else read_number(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def read_id(value: Any) -> int | None:
    """Read an id of at most 63 bits, which may be written as 7.0 or "7"."""
    if isinstance(value, float):
        # Beyond 2^53 a float is no longer one certain integer.
        return int(value) if value.is_integer() and abs(value) <= 2**53 else None
    if isinstance(value, str):
        digits = value.strip()
        digits = digits[1:] if digits.startswith("-") else digits
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
            return None
        value = int(value)
    return value if is_int(value) and abs(value) <= LARGEST_ID else None


def read_flag(value: Any) -> bool | None:
    """Read iscrowd: 0 or 1, true or false, or one of these as text; a missing one (None) is 0."""
    if value is None:
        return False
    if isinstance(value, str):
        return _FLAGS.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def read_numbers(value: Any) -> Array | None:
    """Read a flat list of numbers, as `read_number` reads each, to float64; None if one of them is none."""
    if not isinstance(value, list):
        return None
    numbers = value if all(type(v) in (int, float) for v in value) else [read_number(v) for v in value]
    try:
        array: Array = np.array([np.nan if v is None else v for v in numbers], dtype=np.float64)
    except OverflowError:  # an integer beyond float64
        return None
    return array if (np.abs(array) <= LARGEST).all() else None


def plain_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """List the keys of an image or annotation whose numbers have another type, with what is plainly meant.

    Lists are given whole. What has no plain meaning is not listed.
    """
    result: dict[str, Any] = {}
    for key, (read, types) in _PLAIN.items():
        value = record.get(key)
        if value is None or type(value) in types:
            continue
        meant = read(value)
        if meant is not None:
            result[key] = int(meant) if read is read_flag else _short(meant) if read is read_number else meant
    for key in ("bbox", "keypoints"):
        value = record.get(key)
        if not isinstance(value, list) or all(type(v) in (int, float) for v in value):
            continue
        meant_list = [v if type(v) in (int, float) else read_number(v) for v in value]
        fresh = [
            v if m is None else m if type(v) is float else _short(m) for v, m in zip(value, meant_list, strict=True)
        ]
        if any(type(a) is not type(b) for a, b in zip(value, fresh, strict=True)):
            result[key] = fresh
    return result


def _short(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number


_PLAIN: dict[str, tuple[Callable[[Any], Any], tuple[type, ...]]] = {
    "id": (read_id, (int,)),
    "image_id": (read_id, (int,)),
    "category_id": (read_id, (int,)),
    "height": (read_whole, (int,)),
    "width": (read_whole, (int,)),
    "iscrowd": (read_flag, (int,)),
    "num_keypoints": (read_whole, (int,)),
    "area": (read_number, (int, float)),
}
