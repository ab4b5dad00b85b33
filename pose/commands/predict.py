"""`pose predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose.commands.common import BatchSize, Device


def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file, or a run folder for its best one.")],
    inputs: Annotated[list[Path], typer.Argument(metavar="IMAGE|DIR...", help="Pictures, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the drawn pictures and predictions.json.")],
    boxes: Annotated[
        str, typer.Option(metavar="whole|FILE", help="The whole image as one person, or a JSON of boxes.")
    ] = "whole",
    heatmaps: Annotated[bool, typer.Option("--heatmaps", help="Also write each person's heatmaps.")] = False,
    threshold: Annotated[float, typer.Option(help="Keypoints that score less are not drawn.")] = 0.2,
    flip_test: Annotated[
        bool, typer.Option("--flip-test/--no-flip-test", help="Average with the mirrored crop.")
    ] = True,
    device: Device = "auto",
    batch_size: BatchSize = None,
) -> None:
    """Find keypoints in pictures and draw them."""
    from pose.engine.loggers import Progress, make_console
    from pose.predict_files import predict_files
    from pose.predictor import Predictor

    console = make_console()
    predictor = Predictor.from_checkpoint(checkpoint, device=device, flip_test=flip_test, batch_size=batch_size or 64)
    progress: list[Progress] = []

    def show(done: int, total: int) -> None:
        if not progress:
            progress.append(Progress(console, total).__enter__())
        progress[0].update("pictures", steps=done - progress[0].done)

    try:
        summary = predict_files(
            predictor,
            inputs,
            out=out,
            boxes=boxes if boxes == "whole" else Path(boxes),
            heatmaps=heatmaps,
            threshold=threshold,
            progress=show,
        )
    finally:
        for bar in progress:
            bar.__exit__(None, None, None)
    print(summary)
