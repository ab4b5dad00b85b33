"""`pose eval` of a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pose.cli.options import check_writable, pick_workers

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from pose.checkpoint import Checkpoint
    from pose.config.classification import ClassificationConfig


def evaluate_classifier(
    checkpoint: Checkpoint,
    config: ClassificationConfig,
    *,
    out: Path | None,
    device: torch.device,
    workers: int | None,
    console: Console,
) -> None:
    """Top-1 and top-5 to stdout, and all predictions into a folder (by default eval-<split> beside the weights)."""
    from pose.classification.dataset import find_pictures
    from pose.classification.task import evaluate_pictures
    from pose.runtime.console import Progress

    classes = checkpoint.classes or ()
    pictures = find_pictures(Path(config.data.root, config.data.val), classes)
    folder = out or checkpoint.path.parent / f"eval-{Path(config.data.val).name}"
    check_writable(folder)
    model = checkpoint.build_classifier(device)
    with Progress(console, len(pictures)) as progress:
        result = evaluate_pictures(
            model,
            pictures,
            classes=classes,
            config=config,
            device=device,
            workers=pick_workers(workers if workers is not None else config.train.workers, device),
            on_batch=lambda count: progress.update("images", steps=count),
        )
    result.write(folder, config=config, details={"checkpoint": str(checkpoint.path), "epoch": checkpoint.epoch})
    print(result.line())
    print(f"metrics and results: {folder}")
