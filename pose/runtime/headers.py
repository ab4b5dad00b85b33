"""What the files of trained models say of themselves: a JSON object with a format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def parse_header(text: str | None, *, format: str, kinds: Mapping[str, type]) -> dict[str, Any] | None:
    """The JSON object inside a file of this project's; None for what is no such header.

    Args:
        format: what its entry "format" must be.
        kinds: types of the entries that it must have.
    """
    try:
        header = json.loads(text or "")
    except (ValueError, RecursionError):  # ValueError: a number of thousands of digits, too
        return None
    if not isinstance(header, dict) or header.get("format") != format:
        return None
    return header if all(isinstance(header.get(key), kind) for key, kind in kinds.items()) else None
