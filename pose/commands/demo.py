"""`pose demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose.commands.common import Device, Workers, check_writable, pick_workers


def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, run and pictures.")] = Path("demo"),
    device: Device = "auto",
    workers: Workers = None,
) -> None:
    """Generate people, train a small model on them, evaluate it, and draw what it sees: a few minutes on a CPU.

    Ctrl-C in training keeps everything; the same command goes on from there.
    """
    from pose.demo import run_demo
    from pose.engine.loggers import make_console
    from pose.engine.stop import Stopped
    from pose.predictor import pick_device

    chosen = pick_device(device)
    check_writable(out)
    console = make_console()
    try:
        run_demo(out, device=chosen, workers=pick_workers(workers, chosen), console=console)
    except Stopped as stop:
        console.print(f"{stop}; everything is saved. Go on with: pose demo --out {out}", highlight=False)
        raise typer.Exit(128 + stop.signal) from None
