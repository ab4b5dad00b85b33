"""Findings, grouped by kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pose.check.kinds import KINDS, LEVELS, Kind

KEPT = 1000  # examples of a kind that go into the report


@dataclass
class Finding:
    """What was found of one kind in one split.

    Attributes:
        split: name of the split.
        examples: the first `KEPT`: what it is about (an id, a file, a keypoint) and what is seen there.
        about: what the examples name: "annotation", "image", ...
        mendable: how many of them `--fix` mends, where it mends their kind.
    """

    kind: str
    split: str
    about: str
    count: int = 0
    examples: list[tuple[int | str, str]] = field(default_factory=list)
    mendable: int = 0

    @property
    def what(self) -> Kind:
        return KINDS[self.kind]

    def to_dict(self) -> dict[str, Any]:
        what = self.what
        return {
            "kind": self.kind,
            "level": what.level,
            "split": self.split,
            "count": self.count,
            "title": what.title,
            "breaks": what.breaks,
            "mend": what.mend,
            "fix": what.fix and self.mendable > 0,
            "about": self.about,
            "examples": [{"id": name, "detail": detail} for name, detail in self.examples],
        }


class Findings:
    """Collects findings; `Findings.all()` gives them by level, in the order of `KINDS`."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}

    def add(
        self, kind: str, split: str, about: str, name: int | str, detail: str = "", *, mendable: bool = True
    ) -> None:
        """Add one finding.

        Args:
            name: which one it is: an id, or a file's name.
            detail: what is seen there.
            mendable: False where `--fix` mends the kind, but not this one.
        """
        finding = self._at(kind, split, about)
        finding.count += 1
        finding.mendable += mendable
        self._keep(kind, split, name, detail)

    def add_all(
        self,
        kind: str,
        split: str,
        about: str,
        where: ArrayLike,
        *,
        names: list[int | str],
        detail: Callable[[int], str] = lambda row: "",
        mendable: ArrayLike = True,
    ) -> None:
        """Add the rows for which `where` (N,) holds; `detail` is called for those that are kept only.

        Args:
            mendable: (N,) as of `add`, or for all.
        """
        rows = np.flatnonzero(np.asarray(where))
        if len(rows):
            finding = self._at(kind, split, about)
            finding.count += len(rows)
            finding.mendable += int(np.broadcast_to(np.asarray(mendable), np.shape(where))[rows].sum())
            for row in rows[:KEPT].tolist():
                self._keep(kind, split, names[row], detail(row))

    def has(self, kind: str, split: str) -> bool:
        return (kind, split) in self._found

    def all(self) -> list[Finding]:
        order = {kind: index for index, kind in enumerate(KINDS)}
        return sorted(
            self._found.values(), key=lambda f: (LEVELS.index(f.what.level), order[f.kind])
        )  # stable: splits stay in their order

    def count(self, level: str) -> int:
        """Count the kinds of a level that were found, each split for itself."""
        return sum(f.what.level == level for f in self._found.values())

    def _at(self, kind: str, split: str, about: str) -> Finding:
        assert kind in KINDS, kind
        return self._found.setdefault((kind, split), Finding(kind, split, about))

    def _keep(self, kind: str, split: str, name: int | str, detail: str) -> None:
        examples = self._found[kind, split].examples
        if len(examples) < KEPT:
            examples.append((name, detail))
