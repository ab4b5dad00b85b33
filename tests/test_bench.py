"""The benchmarks run, and their arithmetic is right; nothing here is timed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "bench"))

import activations
import timing


def test_interleave_takes_turns_and_drops_the_warm_up() -> None:
    calls: list[str] = []
    functions = {name: lambda name=name: calls.append(name) for name in "abc"}
    times = timing.interleave(functions, repeats=3, warmup=1)
    assert [len(times[name]) for name in "abc"] == [3, 3, 3]
    assert "".join(calls) == "cab" + "abc" + "bca" + "cab"


def test_ratios_are_medians_of_rounds() -> None:
    times = {"ours": [1.0, 4.0, 9.0], "base": [1.0, 2.0, 3.0]}
    assert timing.median_ratio(times, "ours", "base") == 2.0
    settings = {"what": "w", "against": "a", "ours": "ours", "baseline": "base"}
    assert timing.row(times, target="<= 2.5", **settings)["ratio"] == 2.0
    assert timing.row(times, target=">= 1", **settings)["ratio"] == 0.5  # a speed-up


@pytest.mark.parametrize(
    ("target", "ratio", "met"), [("<= 1.8", 1.8, True), ("<= 1.8", 1.9, False), (">= 4", 3.9, False), ("", 3, None)]
)
def test_targets(target: str, ratio: float, met: bool | None) -> None:
    assert timing.is_met(target, ratio) is met


def test_activations_run_and_keep_little_memory() -> None:
    rows = activations.rows(quick=True)
    assert len(rows) == 10
    assert all(row["ratio"] > 0 for row in rows)
    assert len(timing.markdown(rows).splitlines()) == 12
