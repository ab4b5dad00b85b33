"""`pose figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def figures(
    out: Annotated[Path, typer.Argument(help="Folder for the dataset; new or empty.")],
    kind: Annotated[str, typer.Option(help="people or animals.")] = "people",
    level: Annotated[str, typer.Option(help="easy, normal, hard or wild.")] = "normal",
    train: Annotated[int, typer.Option(min=1, help="Images to train on.")] = 2000,
    val: Annotated[int, typer.Option(min=1, help="Images to evaluate on.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes.")] = 2,
) -> None:
    """Generate a dataset of people or animals.

    Images, annotations and detections, in COCO's layout and format.
    """
    from pose.runtime.console import Progress, make_console
    from pose.synthetic.dataset import generate

    with Progress(make_console(), train + val) as progress:
        generate(
            out,
            kind=kind,
            level=level,
            train=train,
            val=val,
            seed=seed,
            workers=workers,
            progress=lambda done, total: progress.reach("images", done),
        )
    print(f"{train} + {val} images: {out}")
