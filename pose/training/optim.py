"""The learning-rate schedules as pure functions of the epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence


def learning_rate(epoch: float, *, base: float, milestones: Sequence[int], factor: float) -> float:
    """Step schedule: `base`, times `factor` for each milestone that is reached.

    Args:
        epoch: counted from 0; the paper's milestones 170 and 200 mean 1e-4 in epochs 170-199.
    """
    return base * factor ** sum(epoch >= milestone for milestone in milestones)


def warmup(epoch: float, *, epochs: float) -> float:
    """The factor of a warm-up: it rises in a line from 0 at epoch 0 to 1 at `epochs`, and stays 1."""
    return min(1.0, epoch / epochs) if epochs else 1.0


def cosine_learning_rate(epoch: float, *, base: float, epochs: int) -> float:
    """Half a cosine from `base` at epoch 0 to 0 at `epochs`; fractions count, so the rate falls in each step."""
    return base * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
