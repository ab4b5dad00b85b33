"""How far a run is: what `resume.pt` holds beside weights and optimizer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

LARGEST = 2**53  # the bound of all numbers, which can still be added to


@dataclass
class TrainState:
    """How far a run is: all that resuming needs beside weights and optimizer.

    Attributes:
        epoch: the current epoch, from 0.
        step: number of steps done in it.
        batch_size: samples of each of those steps; 0 in files of older versions.
        taken: samples of the epoch's order that those steps took.
        checksum: of the labels, see `Task`; 0 in files of older versions.
        used: samples that count in the loss: neither unreadable nor of a skipped batch.
        unreadable: samples of the epoch that were left out because their image could not be read.
        skipped: bad batches that were skipped in the whole run.
        seconds: time spent on the epoch, by all processes that worked on it one after the other.
        waiting: the part of `seconds` spent waiting for data.
        loss_sum: sum of the losses of the epoch's used samples.
        elapsed: seconds of the run, spent on steps and evaluations.
        stale: evaluations since the best one.
        lowered: how often the rate was lowered on a plateau.
        best: the best value so far of the task's first metric; -1 before the first evaluation.
        metrics: numbers of the last evaluation.
    """

    epoch: int = 0
    step: int = 0
    batch_size: int = 0
    taken: int = 0
    checksum: int = 0
    used: int = 0
    unreadable: int = 0
    skipped: int = 0
    seconds: float = 0.0
    waiting: float = 0.0
    loss_sum: float = 0.0
    elapsed: float = 0.0
    stale: int = 0
    lowered: int = 0
    best: float = -1.0
    metrics: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrainState:
        """Make a state from what `dataclasses.asdict` gave.

        Raises:
            TypeError, ValueError, AttributeError: no training has written this.
        """
        state = cls(**data)
        for key, value in asdict(state).items():
            numbers = list(value.values()) if key == "metrics" else [value]
            kinds = float | int if key in ("best", "elapsed", "loss_sum", "seconds", "waiting", "metrics") else int
            least = -LARGEST if key in ("best", "loss_sum", "metrics") else 0
            if not all(isinstance(n, kinds) and least <= n <= LARGEST for n in numbers):
                raise ValueError(f"its position has {key} {value!r:.60}")
        return state

    def next_epoch(self) -> None:
        """Go on to the beginning of the next epoch."""
        self.epoch += 1
        self.step = self.taken = self.used = self.unreadable = 0
        self.loss_sum = self.seconds = self.waiting = 0.0

    def numbers(self, *, epochs: int, steps: int, metric: str) -> dict[str, Any]:
        """What state.json says of progress.

        Args:
            epochs: of the run.
            steps: of an epoch.
            metric: name of the one that `best` is of.
        """
        best = self.best if self.best >= 0 else None
        where = {"epoch": self.epoch, "epochs": epochs, "step": self.step, "steps": steps}
        return {**where, "best": best, "metric": metric, "skipped_batches": self.skipped}
