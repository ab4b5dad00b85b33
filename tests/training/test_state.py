"""How far a run is, out of a file that anybody may have changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from pose.training.state import TrainState


def test_it_comes_back() -> None:
    state = TrainState(
        epoch=3, step=2, taken=16, used=15, loss_sum=0.5, seconds=1.5, metrics={"AP": 0.25, "AR": -1.0}
    )
    assert TrainState.from_dict(asdict(state)) == state
    state.next_epoch()
    assert state == TrainState(epoch=4, metrics={"AP": 0.25, "AR": -1.0})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("epoch", value) for value in (-1, 1.5, None, "3", [3], float("nan"), 10**400)),
        *(("seconds", value) for value in (-1.0, [1.0], float("nan"), None, 10**400, float("inf"))),
        *(("best", value) for value in ("x", None)),
        *(("metrics", value) for value in ({"AP": "x"}, {"AP": None})),
    ],
)
def test_wrong_values_are_named(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"its position has {key} "):
        TrainState.from_dict({key: value})


@pytest.mark.parametrize("data", [{"epok": 1}, [], 3, None, {"metrics": []}, {"metrics": 3}])
def test_what_is_no_state(data: Any) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        TrainState.from_dict(data)
