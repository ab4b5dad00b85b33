"""`pose demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose.cli.options import BatchSize, Device, Workers, check_writable, pick_workers


def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, run and pictures.")] = Path("demo"),
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Train a small model on generated people, and draw.

    Generates them, trains, evaluates and draws what it sees: some minutes on a CPU. Ctrl-C in training keeps
    everything; the same command goes on from there. Another --batch-size is another training.
    """
    from pose.cli.demo_run import run_demo
    from pose.runtime.console import make_console
    from pose.runtime.device import pick_device
    from pose.runtime.stop import Stopped

    chosen = pick_device(device)
    check_writable(out)
    console = make_console()
    again = f"pose demo --out {out}" + (f" --batch-size {batch_size}" if batch_size else "")
    try:
        run_demo(out, device=chosen, batch_size=batch_size, workers=pick_workers(workers, chosen), console=console)
    except Stopped as stop:
        console.print(f"{stop}; everything is saved. Go on with: {again}", highlight=False)
        raise typer.Exit(128 + stop.signal) from None
