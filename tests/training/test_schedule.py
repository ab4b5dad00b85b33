"""How the rate falls and when a training ends: by epochs, by a budget of minutes, by its evaluations."""

from __future__ import annotations

import csv
import itertools
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from pose.checkpoints.checkpoint import load_checkpoint
from pose.config.load import load_config, make_config
from pose.config.sections import TrainConfig
from pose.runtime.stop import Stopped
from pose.training.keypoints import KeypointTask
from pose.training.optim import cosine_learning_rate, learning_rate
from pose.training.schedule import Schedule
from pose.training.state import TrainState
from tests.helpers.running import run_training, stop_in_step


def make(**settings: Any) -> Schedule:
    train = TrainConfig(**{"epochs": 10, "milestones": [6, 8], "lr": 1.0, **settings})
    return Schedule(
        train,
        steps_per_epoch=4,
        rate=lambda at: learning_rate(at, base=train.lr, milestones=train.milestones, factor=train.lr_factor),
        metric="AP",
    )


def test_by_epochs() -> None:
    schedule = make(warmup_epochs=1.0)
    assert [schedule.learning_rate(TrainState(), step=step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    rates = [schedule.learning_rate(TrainState(epoch=epoch), step=0) for epoch in (5, 6, 8)]
    assert rates == pytest.approx([1.0, 0.1, 0.01])
    assert schedule.ended(TrainState(epoch=9)) == ""
    assert schedule.ended(TrainState(epoch=10)) == "10 epochs (train.epochs)"
    # What other keys are for does not count here.
    assert schedule.ended(TrainState(epoch=1, elapsed=1e9, stale=99)) == ""


def test_a_budget_holds_the_whole_schedule() -> None:
    schedule = make(minutes=1)
    for seconds, rate in ((0, 1.0), (35, 1.0), (36, 0.1), (47, 0.1), (48, 0.01), (60, 0.01), (90, 0.01)):
        assert schedule.learning_rate(TrainState(epoch=1, elapsed=seconds), step=2) == pytest.approx(rate), seconds
    assert schedule.learning_rate(TrainState(epoch=8, elapsed=1), step=0) == pytest.approx(0.01)  # epochs came first
    assert schedule.ended(TrainState(epoch=3, elapsed=60, step=2)) == ""  # it is evaluated first
    assert schedule.ended(TrainState(epoch=3, elapsed=60)) == "its time is used up (train.minutes), after 3 epochs"
    assert not schedule.ended(TrainState(epoch=3, elapsed=59.9))
    cosine = Schedule(
        TrainConfig(epochs=10, minutes=1, milestones=[]),
        4,
        lambda at: cosine_learning_rate(at, base=1.0, epochs=10),
        "AP",
    )
    rates = [cosine.learning_rate(TrainState(elapsed=seconds), step=0) for seconds in (0, 30, 60)]
    assert rates == pytest.approx([1.0, 0.5, 0.0])


def test_patience_and_plateaus() -> None:
    schedule, state = make(patience=5, plateau=2, milestones=[]), TrainState(epoch=1)
    better = [schedule.judge(state, score) for score in (0.1, 0.2, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1)]
    assert better == [True, True, False, False, True, False, False, False, False]
    assert (state.best, state.stale, state.lowered) == (0.3, 4, 3)
    assert schedule.learning_rate(state, step=0) == pytest.approx(1e-3)
    assert schedule.ended(state) == ""
    schedule.judge(state, 0.0)
    assert schedule.ended(state) == "5 evaluations without a better AP (train.patience), after 1 epoch"


def test_nothing_counts_before_something_is_found() -> None:
    """Else patience would end a training, and plateaus lower its rate, before it has begun to learn."""
    schedule, state = make(patience=2, plateau=1, milestones=[]), TrainState(epoch=1)
    assert [schedule.judge(state, 0.0) for _ in range(5)] == [True] * 5  # the latest weights have learned most
    assert (state.best, state.stale, state.lowered) == (0.0, 0, 0)
    assert [schedule.judge(state, score) for score in (0.1, 0.0, 0.0)] == [True, False, False]
    assert (state.best, state.stale, state.lowered) == (0.1, 2, 2)
    assert schedule.ended(state)


def test_evaluations_without_a_number_never_end_a_training() -> None:
    """-1 is COCO's word for nobody to count: annotations without labeled people."""
    schedule, state = make(patience=1, plateau=1), TrainState(epoch=1)
    assert [schedule.judge(state, -1.0) for _ in range(3)] == [False] * 3
    assert (state.best, state.stale, state.lowered) == (-1.0, 0, 0)
    assert not schedule.ended(state)


@pytest.mark.parametrize(
    ("settings", "state", "change"),
    [
        ({"epochs": 1, "milestones": []}, TrainState(epoch=3), "train.epochs=6"),  # lowered since
        ({"minutes": 1.5}, TrainState(epoch=3, elapsed=90), "train.minutes=3"),
        ({"minutes": 0.01}, TrainState(epoch=3, elapsed=60), "train.minutes=2"),
        ({"patience": 5}, TrainState(epoch=9, stale=5), "train.patience=10"),
    ],
)
def test_the_change_to_go_on_is_of_the_key_that_ended_it(
    settings: dict[str, Any], state: TrainState, change: str
) -> None:
    schedule = make(**settings)
    assert schedule.ended(state)
    assert schedule.to_go_on(state) == change
    key, value = change.removeprefix("train.").split("=")
    assert not make(**{**settings, key: int(value)}).ended(state)


def test_the_state_keeps_what_the_schedule_needs() -> None:
    from dataclasses import asdict

    state = TrainState(elapsed=3.5, stale=2, lowered=1)
    assert TrainState.from_dict(asdict(state)) == state
    old = {key: value for key, value in asdict(state).items() if key not in ("elapsed", "stale", "lowered")}
    assert TrainState.from_dict(old) == TrainState()
    with pytest.raises(ValueError, match="stale"):
        TrainState.from_dict(asdict(state) | {"stale": -1})


def rates(run: Path) -> list[tuple[str, str, bool]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [(row["epoch"], row["lr"], bool(row["AP"])) for row in csv.DictReader(file)]


def same(one: Path, other: Path) -> bool:
    ours, theirs = (load_checkpoint(run / "last.safetensors") for run in (one, other))
    assert (ours.epoch, ours.metrics) == (theirs.epoch, theirs.metrics)
    return all(torch.equal(ours.weights[key], theirs.weights[key]) for key in theirs.weights)


@pytest.mark.slow
@pytest.mark.parametrize("stops", [[5], [7, 1]])
def test_a_budget_ends_with_its_decay_also_when_resumed(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: list[int]
) -> None:
    """By a clock of which each step takes ten seconds: the last epoch is cut short, and evaluated."""
    tiny_config["train"] |= {"epochs": 50, "minutes": 75 / 60, "milestones": [30]}
    tiny_config["eval"] |= {"every": 50}
    config = make_config(tiny_config)  # 3 steps an epoch
    monkeypatch.setattr("pose.training.trainer.Trainer.count_time", ten_seconds)
    run_training(config, tmp_path / "whole")
    for index, steps in enumerate(stops):
        with monkeypatch.context() as patched:
            stop_in_step(patched, steps)
            with pytest.raises(Stopped):
                run_training(config, tmp_path / "run", resume=index > 0)
    run_training(load_config(tmp_path / "run" / "config.yaml"), tmp_path / "run", resume=True)
    assert same(tmp_path / "run", tmp_path / "whole")
    # 75 s are 8 steps; the milestone is at 45 s, in the second epoch.
    assert rates(tmp_path / "run") == [("1", "0.001", False), ("2", "0.0001", False), ("3", "0.0001", True)]
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    run_training(config, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before


def ten_seconds(trainer: Any, seconds: float) -> None:
    trainer.state.elapsed += 10


@pytest.mark.slow
@pytest.mark.parametrize("steps", [[], [8], [2, 5, 2]])
def test_patience_ends_a_run_also_when_resumed(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]
) -> None:
    """Also where it is stopped before anything is found, and within the epochs that count."""
    scores = {1: 0.0, 2: 0.0, 3: 0.3, 4: 0.1, 5: 0.2}
    evaluate = KeypointTask.evaluate

    def scored(task: Any, *args: Any, **options: Any) -> Any:
        metrics, line = evaluate(task, *args, **options)
        return {**metrics, "AP": scores[next(count)]}, line

    monkeypatch.setattr(KeypointTask, "evaluate", scored)
    tiny_config["train"] |= {"epochs": 9, "milestones": [], "patience": 2, "plateau": 1}
    tiny_config["eval"] |= {"every": 1}
    config, run, count = make_config(tiny_config), tmp_path / "run", itertools.count(1)
    for index, step in enumerate(steps):
        with monkeypatch.context() as patched:
            stop_in_step(patched, step)
            with pytest.raises(Stopped):
                run_training(config, run, resume=index > 0)
    run_training(config, run, resume=bool(steps))
    assert [epoch for epoch, *_ in rates(run)] == ["1", "2", "3", "4", "5"]
    # The rate of the fifth epoch follows from the fourth evaluation.
    assert [float(rate) for _, rate, _ in rates(run)] == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-4])
    assert load_checkpoint(run / "best.safetensors").epoch == 3


@pytest.mark.slow
def test_the_time_of_a_run_is_counted(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    """A budget that the first step exceeds: one step, one evaluation."""
    tiny_config["train"] |= {"minutes": 1e-9}
    began = time.perf_counter()
    run_training(make_config(tiny_config), tmp_path / "run")
    from pose.training.resume import load_resume

    position = load_resume(tmp_path / "run" / "resume.pt")["position"]
    assert 0 < position["elapsed"] <= time.perf_counter() - began
    assert rates(tmp_path / "run") == [("1", "0.0001", True)]
