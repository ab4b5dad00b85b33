"""`pose label`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

import pose
from pose.cli.options import (
    CHECKPOINT_OR_ONNX,
    BatchSize,
    DetectorName,
    DetectorWeights,
    Device,
    ReadingThreads,
    check_writable,
    pick_workers,
)
from pose.cli.predict import BoxChoice, FlipTest, MinBoxScore, load_finder
from pose.runtime.text import shell_word


def label(
    checkpoint: Annotated[Path, typer.Argument(metavar="MODEL", help=CHECKPOINT_OR_ONNX)],
    inputs: Annotated[list[Path], typer.Argument(metavar="IMAGE|DIR...", help="Images, or folders of them.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="cvat, labelstudio, labelme, coco or yolo.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not be there.")],
    boxes: BoxChoice = "whole",
    threshold: Annotated[float, typer.Option(min=-1, help="Keypoints that score less are not labeled.")] = 0.2,
    min_box_score: MinBoxScore = None,
    detector: DetectorName = "ssdlite",
    weights: DetectorWeights = None,
    flip_test: FlipTest = True,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: ReadingThreads = None,
) -> None:
    """Annotate images by a model, to correct in a tool.

    What scores low is not labeled. `pose convert` brings back what was corrected; docs/own_data.md has the whole way.
    """
    from pose.inference.label_images import check_target, label_images
    from pose.runtime.console import Progress, make_console
    from pose.runtime.paths import user_path

    check_target(user_path(out), to)
    check_writable(user_path(out))
    finder, min_score = load_finder(
        boxes, detector=detector, weights=weights, device=device, min_box_score=min_box_score
    )
    predictor = pose.load(checkpoint, device, flip_test=flip_test, batch_size=batch_size or 64, detector=finder)
    console = make_console()
    with Progress(console, 0) as progress:
        summary = label_images(
            predictor,
            inputs,
            target=to,
            out=out,
            boxes=boxes,
            threshold=threshold,
            min_box_score=min_score,
            workers=pick_workers(workers, predictor.device),
            progress=lambda done, total: progress.reach("images", done, total=total),
            tell=lambda line: console.print(line, highlight=False),
        )
    print(summary)
    root = os.path.relpath(summary.root)
    if to == "coco":
        print(f"to look at them: pose check {shell_word(summary.written[0])} --images {shell_word(root)}")
    else:
        print(f"once they are corrected and exported: pose convert EXPORT corrected.json --images {shell_word(root)}")
