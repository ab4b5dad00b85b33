"""Records that cannot be used: why each is left out, and a warning that counts them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pose.runtime.errors import DataError


class Unusable(ValueError):
    """Why a record is left out: what is counted, and the whole message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def warn_left_out(
    path: Path | str,
    what: str,
    problems: Sequence[Unusable],
    total: int,
    *,
    advice: str = "; `pose check` shows which",
) -> Counter[str]:
    """Count why records are left out, and warn; nothing left is an error.

    Args:
        advice: the end of the warning.

    Raises:
        DataError: all of them are left out.
    """
    if not problems:
        return Counter()
    if len(problems) == total:
        raise DataError(f"{path}: none of the {total} {what} can be read; the first: {problems[0]}")
    reasons = Counter(problem.reason for problem in problems)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    warnings.warn(
        f"{path}: {len(problems)} of {total} {what} are left out: {listed}; the first: {problems[0]}{advice}",
        stacklevel=4,
    )
    return reasons
