"""`pose eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pose.cli.analysis import write_analysis
from pose.cli.options import (
    CHECKPOINT_OR_ONNX,
    BatchSize,
    Device,
    Overrides,
    Workers,
    check_writable,
    pick_workers,
    prepare_figures,
)

if TYPE_CHECKING:
    from pose.evaluation.run import Evaluation


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help=CHECKPOINT_OR_ONNX)],
    overrides: Overrides = None,
    boxes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="gt|FILE", help="Annotated boxes or a detections JSON. Default: the checkpoint's config."
        ),
    ] = None,
    only_images_with_boxes: Annotated[
        bool, typer.Option("--only-images-with-boxes", help="Leave out images without any box.")
    ] = False,
    flip_test: Annotated[
        bool,
        typer.Option(
            "--flip-test/--no-flip-test",
            help="Average with the mirrored crop. An .onnx file does as it was exported.",
        ),
    ] = True,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Folder for the numbers and results. Default: eval-<boxes> beside the checkpoint; of demo, "
            "demo-eval-<boxes>."
        ),
    ] = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Evaluate a model on its validation data.

    COCO's ten numbers and an analysis, of a classifier top-1 and top-5, go to stdout and into a folder.
    """
    from pose.checkpoint import DEMO_MODEL, load_checkpoint
    from pose.cli.evaluate_classifier import evaluate_classifier
    from pose.config.keypoints import Config
    from pose.config.load import make_config
    from pose.evaluation.run import evaluate as run_evaluation
    from pose.evaluation.splits import validation_set
    from pose.inference.load import is_onnx
    from pose.runtime.console import Progress, make_console
    from pose.runtime.device import pick_device

    console = make_console()
    changes = list(overrides or [])
    if is_onnx(checkpoint):
        from pose.cli.evaluate_onnx import evaluate_onnx

        changes += [] if batch_size is None else [f"eval.batch_size={batch_size}"]
        evaluate_onnx(
            checkpoint,
            changes,
            boxes=boxes,
            only_images_with_boxes=only_images_with_boxes,
            flip_test=flip_test,
            out=out,
            device=device,
            workers=workers,
            console=console,
        )
        return
    loaded = load_checkpoint(checkpoint)
    if batch_size is not None:
        changes.append(f"eval.batch_size={batch_size}")
    if not flip_test and isinstance(loaded.config, Config):
        changes.append("eval.flip_test=false")
    settings = make_config(loaded.config.model_dump(mode="json"), changes, source=f"the config inside {loaded.path}")
    if settings.model != loaded.config.model:
        raise ValueError("the model is the checkpoint's; overrides of model.* are for `pose train`")
    chosen = pick_device(device)
    prepare_figures(settings, console, to_train=False, trusted=any(c.startswith("data.root=") for c in changes))
    if not isinstance(settings, Config):
        if boxes is not None or only_images_with_boxes or not flip_test:
            raise ValueError(f"{loaded.path} holds a classifier: it has no boxes and no flip test")
        evaluate_classifier(loaded, settings, out=out, device=chosen, workers=workers, console=console)
        return
    val = validation_set(settings.data, boxes=boxes, only_images_with_boxes=only_images_with_boxes)
    name = f"eval-{Path(val.boxes).stem}"
    # Nothing is written into the package.
    folder = out or (Path(f"demo-{name}") if loaded.path == DEMO_MODEL else loaded.path.parent / name)
    check_writable(folder)
    model = loaded.build(chosen)
    with Progress(console, len(val.people)) as progress:
        result = run_evaluation(
            model,
            val,
            settings,
            device=chosen,
            workers=pick_workers(workers if workers is not None else settings.train.workers, chosen),
            on_batch=lambda count: progress.update("people", steps=count),
        )
    details = {
        "checkpoint": str(loaded.path),
        "epoch": loaded.epoch,
        "flip_test": settings.eval.flip_test,
        "only_images_with_boxes": only_images_with_boxes,
    }
    result.write(folder, config=settings, details=details)
    print_result(result, write_analysis(result, val, loaded.pose_config, model, folder), folder)


def print_result(result: Evaluation, analysis: str, folder: Path) -> None:
    """The numbers to stdout, and where the files are."""
    from pose.training.keypoints import metrics_table, summary_line

    print(summary_line(result))
    if result.metrics:
        print(metrics_table(result.metrics))
        print(analysis)
        print(f"metrics and results: {folder}")
    else:
        print(f"no annotations, so no numbers; results: {folder / 'results.json'}")
