"""`pose runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose.runtime.text import visible


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder of runs, or one run.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List runs, their state and best score.

    Running, done, stopped, failed or crashed; and the command that goes on.
    """
    from json import dumps

    from pose.training.runs import find_runs

    found = find_runs(folder)
    if json:
        names = ("state", "epoch", "epochs", "best", "metric", "heartbeat", "message", "resume")
        print(
            dumps([{"run": str(run.path)} | {name: getattr(run, name) for name in names} for run in found], indent=2)
        )
        return
    if not found:
        print(f"no runs in {folder}")
        return
    shown = [visible(str(run.path)) for run in found]
    width = max(map(len, shown))
    print(f"{'run':<{width}}  {'state':<8}  {'epochs':>9}  {'best':>11}  last sign of life")
    for run, name in zip(found, shown, strict=True):
        epochs = "" if run.epoch is None else f"{run.epoch}/{run.epochs}"
        best = "" if run.best is None else visible(f"{run.metric} {run.best:.3f}")
        sign = visible(run.heartbeat or "")
        print(f"{name:<{width}}  {run.state:<8}  {epochs:>9}  {best:>11}  {sign}".rstrip())
        if run.state == "failed" and run.message:
            print(f"    {run.message.splitlines()[0]}")
        if run.resume is not None:
            print(f"    {visible(run.resume)}")
