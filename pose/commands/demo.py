"""`pose demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose.commands.common import Device, Workers, pick_workers


def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, run and pictures.")] = Path("demo"),
    device: Device = "auto",
    workers: Workers = None,
) -> None:
    """Generate people, train a small model on them, evaluate it, and draw what it sees: a few minutes on a CPU."""
    from pose.demo import run_demo
    from pose.engine.loggers import make_console
    from pose.predictor import pick_device

    chosen = pick_device(device)
    run_demo(out, device=chosen, workers=pick_workers(workers, chosen), console=make_console())
