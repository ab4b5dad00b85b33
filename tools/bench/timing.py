"""How the benchmarks here measure: what is compared runs in one process, in turns, and ratios are medians.

Speeds of one machine drift by tens of percent in seconds. A round calls each function once, so that both terms of a
ratio are from the same moment, in a random order: what runs right after its like finds code and memory in the caches.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

# What a row of a benchmark says; times in milliseconds.
Row = dict[str, Any]
Name = TypeVar("Name")


def interleave(
    functions: Mapping[Name, Callable[[], object]],
    *,
    repeats: int,
    warmup: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, list[float]]:
    """Seconds of each call: `repeats` rounds of all functions, after `warmup` rounds that are not counted.

    Args:
        clock: `time.process_time` where other programs on the machine would stretch the times of the wall's clock.
    """
    names = list(functions)
    times: dict[Name, list[float]] = {name: [] for name in names}
    order = random.Random(0)
    for turn in range(-warmup, repeats):
        order.shuffle(names)
        for name in names:
            function = functions[name]
            started = clock()
            function()
            seconds = clock() - started
            if turn >= 0:
                times[name].append(seconds)
    return times


def median_ratio(times: Mapping[Name, Sequence[float]], ours: Name, baseline: Name) -> float:
    """Median over rounds of the time of `ours` over that of `baseline`."""
    return statistics.median(a / b for a, b in zip(times[ours], times[baseline], strict=True))


def median_ms(times: Mapping[Name, Sequence[float]], name: Name) -> float:
    return 1e3 * statistics.median(times[name])


def row(
    times: Mapping[Name, Sequence[float]],
    *,
    what: str,
    against: str,
    target: str,
    ours: Name,
    baseline: Name,
    note: str = "",
) -> Row:
    """A row of a table.

    Args:
        target: such as "<= 1.8" for a time over the baseline's, ">= 4" for the baseline's time over ours (a
            speed-up); "" for a row that is for the record. The ratio is formed accordingly.
        ours, baseline: names in `times`.
    """
    faster = target.startswith(">=")
    return {
        "what": what,
        "against": against,
        "target": target,
        "ratio": median_ratio(times, *((baseline, ours) if faster else (ours, baseline))),
        "ours_ms": median_ms(times, ours),
        "baseline_ms": median_ms(times, baseline),
        "note": note,
    }


def is_met(target: str, ratio: float) -> bool | None:
    """Whether a ratio reaches its row's target; None without one."""
    if not target:
        return None
    relation, number = target.split()
    return ratio >= float(number) if relation == ">=" else ratio <= float(number)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | against | target | measured | met | ours, ms | baseline, ms | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        met = {True: "yes", False: "no", None: ""}[is_met(r["target"], r["ratio"])]
        # A row of bytes has no times.
        times = [f"{r[key]:.3g}" if r[key] is not None else "" for key in ("ours_ms", "baseline_ms")]
        target = f"{r['target']}x" if r["target"] else ""
        cells = (r["what"], r["against"], target, f"{r['ratio']:.2f}x", met, *times, r["note"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
