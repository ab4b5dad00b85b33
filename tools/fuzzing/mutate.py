"""Damage: to JSON-like data at a random place, to text, and to bytes; all of it drawn from the given `rng`."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

HTML = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><svg/onload=alert(1)>",
    "'-alert(1)-'",
)
NAMES = (
    *("", " ", ".", "..", "\0", "a\0b", "\ud800", "a\nb\r\tc", "\x1b[31mred\x1b[0m", "\u202etxt.exe", "💀" * 40),
    *("[/red]", "[bold]x", "%s%n%d", "{0.__class__}", "{{7*7}}", "${HOME}", "$HOME", "~root", "CON", "x" * 100_000),
    *("C:\\x.jpg", "file:///etc/passwd", "/etc/passwd", "../../../../../../../../etc/passwd", "a/" * 3000 + "b.jpg"),
    *("nan", "inf", "1e400", "-1", "None", "__class__", *HTML),
)
NUMBERS = (
    *(None, True, False, 0, -1, 1, 2, 3, 7, 0.5, -0.0, 1.5, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324),
    *(2**31, -(2**31), 2**32, 2**53 + 1, 2**63, -(2**63), 2**64, 10**30, -(10**30), 10**400, 65_537, 1_000_000_007),
)
# Text that `json.dumps` would not write, in place of a marker.
RAW = (
    "[" * 500 + "]" * 500,
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 5000 + "1" + "}" * 5000,
    "9" * 5000,
)
RAW += ("-", "1e999999", "0x10", "tru", "[1,", "'a'", "\x00", "01", "-" + "1" * 4000)
MARK = "@raw{}@"


def odd(rng: random.Random, outside: Sequence[str] = ()) -> Any:
    """A value that hardly fits anywhere; `outside` are paths that must not be read."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(NUMBERS)
    if kind < 0.7:
        return rng.choice(NAMES)
    if kind < 0.75 and outside:
        return rng.choice(outside)
    if kind < 0.85:
        return MARK.format(rng.randrange(len(RAW)))
    return copy.deepcopy(
        rng.choice(([], {}, [[]], [None], [0] * 1000, {"a": {}}, {"": ""}, [[1, 2], [3]], ["a", 1, {}]))
    )


def places(data: Any, found: list[tuple[Any, Any]] | None = None) -> list[tuple[Any, Any]]:
    """(container, key or index) of every value inside."""
    found = [] if found is None else found
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        found.append((data, key))
        places(value, found)
    return found


def tree(rng: random.Random, data: Any, *, outside: Sequence[str] = (), deep: bool = True) -> Any:
    """A copy of JSON-like data with one to three things wrong.

    Args:
        deep: few places are near the root, and many far from it (coordinates); prefer the near ones at times.
    """
    data = copy.deepcopy(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        everywhere = places(data)
        if not everywhere:
            return odd(rng, outside)
        # By key, so that each kind of entry is as likely as another, however often it stands there.
        kinds: dict[str, list[tuple[Any, Any]]] = {}
        for container, key in everywhere:
            kinds.setdefault(key if isinstance(key, str) else "[]", []).append((container, key))
        container, key = rng.choice(kinds[rng.choice(sorted(kinds))] if deep else everywhere)
        _damage(rng, container, key, outside)
    return data if rng.random() > 0.02 else odd(rng, outside)


def _damage(rng: random.Random, container: Any, key: Any, outside: Sequence[str]) -> None:
    value, how = container[key], rng.random()
    if how < 0.5:
        container[key] = odd(rng, outside)
    elif how < 0.6:
        del container[key]
    elif how < 0.7:
        name = rng.choice((str(key).upper(), f"{key} ", rng.choice(NAMES), str(key)[:-1]))
        if isinstance(container, dict):
            container[name] = container.pop(key)
        else:
            container.insert(key, copy.deepcopy(value))
    elif how < 0.8:
        container[key] = rng.choice(([value], {"value": value}, str(value), [value] * 50, type(value)()))
    elif how < 0.9 and isinstance(value, list) and value:
        rng.shuffle(value)
        del value[rng.randrange(len(value)) :]
    else:
        if isinstance(value, bool) or not isinstance(value, int | float):
            container[key] = odd(rng, outside)
        else:
            container[key] = rng.choice((-value, value * 1e9, value + 0.5, str(value), value * 10**12))


def to_json(rng: random.Random, data: Any) -> bytes:
    """As JSON, sometimes with a key that stands there twice; NaN, infinities and markers as they are not allowed."""
    text = json.dumps(data)
    for number, raw in enumerate(RAW):
        text = text.replace(json.dumps(MARK.format(number)), raw)
    if rng.random() < 0.1:
        spots = [i for i in range(min(len(text), 4000)) if text.startswith('": ', i)]
        if spots:
            end = rng.choice(spots)
            key = text[text.rfind('"', 0, end) : end + 3]
            text = text.replace(key, f"{key}{json.dumps(rng.choice(NUMBERS))}, {key}", 1)
    data_bytes = text.encode("utf-8", errors="surrogatepass")
    return text.encode("utf-16") if rng.random() < 0.02 else data_bytes


def raw_bytes(rng: random.Random, data: bytes) -> bytes:
    """One to three blind changes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        size = len(changed)
        at = rng.randrange(size + 1) if rng.random() < 0.7 else rng.randrange(min(size, 64) + 1)
        length = rng.choice((1, 1, 2, 4, 16, 256))
        rng.choice(CHANGES)(rng, changed, at, length)
    return bytes(changed)


def _flip(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    for place in range(at, min(at + length, len(data))):
        data[place] ^= 1 << rng.randrange(8)


def _truncate(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    del data[at:]


def _insert(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    data[at:at] = rng.randbytes(length)


def _fill(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    length = min(length, len(data) - at)
    data[at : at + length] = bytes([rng.choice((0, 0xFF, 0x7F, 0x80, 0x20))]) * length


def _remove(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    del data[at : at + length]


def _repeat(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))


def _append(rng: random.Random, data: bytearray, at: int, length: int) -> None:
    data += rng.randbytes(length)


CHANGES: tuple[Callable[[random.Random, bytearray, int, int], None], ...] = (
    *(_flip, _flip, _truncate, _insert, _fill, _remove, _repeat, _append),
)
