"""The learning-rate schedule, as a pure function of the epoch."""

from __future__ import annotations

from collections.abc import Sequence


def learning_rate(epoch: int, *, base: float, milestones: Sequence[int], factor: float) -> float:
    """Step schedule: `base` times `factor` for each milestone reached.

    Args:
        epoch: counted from 0; the paper's milestones 170 and 200 mean 1e-4 in epochs 170-199.
    """
    return base * factor ** sum(epoch >= milestone for milestone in milestones)
