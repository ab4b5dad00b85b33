"""How much of a file is used, said in a line at the start and in metrics.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pose.runtime.text import first_few


@dataclass(frozen=True)
class Usage:
    """How many annotations or boxes of a file are used, and why the others are not.

    Attributes:
        total: all of the file's.
        left_out: numbers by reason.
        what: "annotations" or "boxes".
        categories: names of the categories that are read as one, where there are several.
    """

    total: int
    used: int
    left_out: Mapping[str, int]
    what: str = "annotations"
    categories: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in a line: 132 annotations: 80 used, 51 without labels, 1 crowd."""
        parts = [f"{self.used:,} used", *(f"{count:,} {why}" for why, count in self.left_out.items())]
        as_one = f" (as one category: {first_few(self.categories)})" if self.categories else ""
        return f"{self.total:,} {self.what}: {', '.join(parts)}{as_one}"

    def to_dict(self) -> dict[str, Any]:
        as_one = {"categories": list(self.categories)} if self.categories else {}
        return {self.what: self.total, "used": self.used, "left_out": dict(self.left_out), **as_one}
