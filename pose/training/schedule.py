"""When a training ends, and how its rate falls until then: by epochs, by minutes, by what its evaluations give.

All is a function of the config and the state, so a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pose.config.sections import TrainConfig
from pose.runtime.text import plural
from pose.training.optim import warmup
from pose.training.state import TrainState


@dataclass(frozen=True)
class Schedule:
    """The rate at each step, and the end.

    Attributes:
        train: `epochs`, `minutes`, `patience`, `plateau`, `lr_factor` and `warmup_epochs` count here.
        steps_per_epoch: of the data.
        rate: of the task, at an epoch counted from 0 with its fraction.
        metric: name of the number that evaluations are compared by.
    """

    train: TrainConfig
    steps_per_epoch: int
    rate: Callable[[float], float]
    metric: str

    def learning_rate(self, state: TrainState, *, step: int) -> float:
        """The rate of a step of the current epoch, from 0: the task's, warmed up, and lowered on plateaus.

        With `train.minutes` the schedule's epochs are shares of the budget, unless the epochs come first.
        """
        at = state.epoch + step / self.steps_per_epoch
        if self.train.minutes is not None:
            at = max(at, self.train.epochs * self._share(state))
        rise = warmup(at + 1 / self.steps_per_epoch, epochs=self.train.warmup_epochs)
        lowered: float = self.train.lr_factor**state.lowered
        return self.rate(at) * rise * lowered

    def out_of_time(self, state: TrainState) -> bool:
        """Whether the budget of `train.minutes` is used up."""
        return self.train.minutes is not None and self._share(state) >= 1

    def ended(self, state: TrainState) -> str:
        """Why there is no epoch to come, for the user; empty if there is one, or one is not finished yet."""
        if state.epoch >= self.train.epochs:
            return f"{plural(state.epoch, 'epoch')} (train.epochs)"
        if state.step:
            return ""
        if self.out_of_time(state):
            return f"its time is used up (train.minutes), after {plural(state.epoch, 'epoch')}"
        if self.train.patience is not None and state.stale >= self.train.patience:
            return (
                f"{plural(state.stale, 'evaluation')} without a better {self.metric} (train.patience), after "
                f"{plural(state.epoch, 'epoch')}"
            )
        return ""

    def to_go_on(self, state: TrainState) -> str:
        """The change of the config by which an ended training has epochs to come."""
        if state.epoch >= self.train.epochs:
            return f"train.epochs={2 * state.epoch}"
        if self.train.minutes is not None and self.out_of_time(state):
            return f"train.minutes={2 * max(self.train.minutes, state.elapsed / 60):.3g}"
        return f"train.patience={2 * state.stale}"

    def judge(self, state: TrainState, score: float) -> bool:
        """Note an evaluation in the state; whether its weights are the best ones so far.

        Before anything is found, at 0, none is better than another: they do not count for patience and plateaus, and
        the latest weights have learned most.
        """
        if score > state.best or score == state.best == 0:
            state.best, state.stale = score, 0
            return True
        if state.best <= 0:
            return False
        state.stale += 1
        if self.train.plateau is not None and state.stale % self.train.plateau == 0:
            state.lowered += 1
        return False

    def _share(self, state: TrainState) -> float:
        assert self.train.minutes is not None
        return min(1.0, state.elapsed / (60 * self.train.minutes))
