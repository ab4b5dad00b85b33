"""How the benchmarks here measure: what is compared runs in one process, in turns, and ratios are medians.

Speeds of one machine drift by tens of percent in seconds. A round calls each function once, so that both terms of a
ratio are from the same moment, and rounds begin with another function each, so that none is always the first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# What a row of a benchmark says; times in milliseconds.
Row = dict[str, Any]


def interleave(functions: Mapping[str, Callable[[], object]], *, repeats: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each call: `repeats` rounds of all functions, after `warmup` rounds that are not counted."""
    names = list(functions)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-warmup, repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            function = functions[name]
            started = time.perf_counter()
            function()
            seconds = time.perf_counter() - started
            if turn >= 0:
                times[name].append(seconds)
    return times


def median_ratio(times: Mapping[str, Sequence[float]], ours: str, baseline: str) -> float:
    """Median over rounds of the time of `ours` over that of `baseline`."""
    return statistics.median(a / b for a, b in zip(times[ours], times[baseline], strict=True))


def median_ms(times: Mapping[str, Sequence[float]], name: str) -> float:
    return 1e3 * statistics.median(times[name])


def row(
    times: Mapping[str, Sequence[float]],
    *,
    what: str,
    against: str,
    target: str,
    ours: str,
    baseline: str,
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
