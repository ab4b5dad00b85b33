"""The command `pose`. Results go to stdout, messages and progress to stderr; bad input exits with 2."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

import pose

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from pose.config import Config

# Every other import stands inside a command, so that `pose --help` answers at once.

app = typer.Typer(
    name="pose",
    help="Lightweight human pose estimation with Dynamic ReLU: train, evaluate, look.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045 (typer reads it at run time)
    typer.Argument(metavar="[KEY=VALUE]...", help="Override entries of the config, e.g. train.lr=5e-4."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(min=0, help="Loader processes; 0 loads in the main one. Default: from the config, or by machine."),
]
BatchSize = Annotated[Optional[int], typer.Option(min=1, help="People in a batch.")]  # noqa: UP045


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pose {pose.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def train(
    config: Annotated[Optional[Path], typer.Argument(help="YAML file, e.g. from configs/.")] = None,  # noqa: UP045
    overrides: Overrides = None,
    out: Annotated[Optional[Path], typer.Option(help="Run folder. Default: runs/<config>-<time>.")] = None,  # noqa: UP045
    resume: Annotated[Optional[Path], typer.Option(metavar="RUN", help="Continue the run in this folder.")] = None,  # noqa: UP045
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Train a model from a YAML file, or continue a run.

    The run folder gets the resolved config, versions, metrics.csv, the first batch as a picture, TensorBoard logs
    and checkpoints. Ctrl-C stops after the current step and keeps everything; --resume goes on from there.
    """
    import time

    from pose.config import load_config
    from pose.engine.checkpoint import load_checkpoint
    from pose.engine.loggers import make_console
    from pose.engine.stop import Stopped
    from pose.engine.trainer import train as run_training
    from pose.predictor import pick_device

    console = make_console()
    changes = list(overrides or [])
    if batch_size is not None:
        changes.append(f"train.batch_size={batch_size}")
    if resume is not None:
        if config is not None or changes or out is not None:
            raise ValueError("--resume continues a run as it was: give the run folder alone, no config or overrides")
        run, settings = resume, load_config(resume / "config.yaml")
    elif config is None:
        raise ValueError("give a config file, e.g. `pose train configs/figures/mobilenet_v2_x0.5_dyrelu.yaml`")
    else:
        settings = load_config(config, changes)
        run = out or Path("runs", f"{config.stem}-{time.strftime('%Y%m%d-%H%M%S')}")
        if run.exists() and (not run.is_dir() or any(run.iterdir())):
            raise ValueError(f"{run} exists already; choose another --out, or continue it with --resume {run}")
    chosen = pick_device(device)
    _prepare_figures(settings, console)
    console.print(f"run folder {run}", highlight=False)
    try:
        run_training(
            settings,
            run,
            device=chosen,
            workers=_workers(workers if workers is not None else settings.train.workers, chosen),
            console=console,
            resume=resume is not None,
        )
    except Stopped as stop:
        console.print(f"{stop}; everything is saved. Go on with: pose train --resume {run}", highlight=False)
        raise typer.Exit(128 + stop.signal) from None
    best = load_checkpoint(run).metrics if (run / "best.safetensors").exists() else {}
    if best:
        print(f"best AP {best['AP']:.3f}, boxes {settings.data.val.boxes}: {run / 'best.safetensors'}")


@app.command(name="eval")
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file, or a run folder for its best one.")],
    overrides: Overrides = None,
    boxes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="gt|FILE", help="Annotated boxes or a detections JSON. Default: the checkpoint's config."
        ),
    ] = None,
    only_images_with_boxes: Annotated[bool, typer.Option(help="Leave out images without any box.")] = False,
    flip_test: Annotated[
        bool, typer.Option("--flip-test/--no-flip-test", help="Average with the mirrored crop.")
    ] = True,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for metrics.json and results.json. Default: eval-<boxes> beside the checkpoint."),
    ] = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Evaluate a checkpoint as COCO does; the ten numbers go to stdout and into a folder."""
    from pose.config import make_config
    from pose.engine.checkpoint import load_checkpoint
    from pose.engine.evaluator import evaluate as run_evaluation
    from pose.engine.loggers import Progress, make_console
    from pose.engine.splits import validation_set
    from pose.engine.trainer import summary_line
    from pose.predictor import pick_device

    console = make_console()
    loaded = load_checkpoint(checkpoint)
    changes = list(overrides or [])
    if batch_size is not None:
        changes.append(f"eval.batch_size={batch_size}")
    if not flip_test:
        changes.append("eval.flip_test=false")
    settings = make_config(loaded.config.model_dump(mode="json"), changes, source=f"the config inside {loaded.path}")
    if settings.model != loaded.config.model:
        raise ValueError("the model is the checkpoint's; overrides of model.* are for `pose train`")
    chosen = pick_device(device)
    _prepare_figures(settings, console)
    val = validation_set(settings.data, boxes=boxes, only_images_with_boxes=only_images_with_boxes)
    folder = out or loaded.path.parent / f"eval-{Path(val.boxes).stem}"
    _check_writable(folder)
    model = loaded.build(chosen)
    with Progress(console, len(val.people)) as progress:
        result = run_evaluation(
            model,
            val,
            settings,
            device=chosen,
            workers=_workers(workers, chosen),
            on_batch=lambda count: progress.update("people", steps=count),
        )
    details = {
        "checkpoint": str(loaded.path),
        "epoch": loaded.epoch,
        "flip_test": settings.eval.flip_test,
        "only_images_with_boxes": only_images_with_boxes,
    }
    result.write(folder, config=settings, details=details)
    print(summary_line(result))
    if result.metrics:
        print("  ".join(f"{name:>6}" for name in result.metrics))
        print("  ".join(f"{value:6.3f}" for value in result.metrics.values()))
        print(f"metrics and results: {folder}")
    else:
        print(f"no annotations, so no numbers; results: {folder / 'results.json'}")


@app.command()
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


@app.command()
def summary(
    model: Annotated[
        str, typer.Argument(metavar="CONFIG|MODEL", help="A YAML file, or a name such as mobilenet_v2_x1.0_dyrelu.")
    ],
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count parameters and multiply-adds by stage, beside the paper's figure where there is one."""
    from pose.analysis.summary import print_summary

    print_summary(model, list(overrides or []), as_json=json)


@app.command()
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
    run_demo(out, device=chosen, workers=_workers(workers, chosen), console=make_console())


@app.command()
def figures(
    out: Annotated[Path, typer.Argument(help="Folder for the dataset; new or empty.")],
    level: Annotated[str, typer.Option(help="easy, normal or hard.")] = "normal",
    train: Annotated[int, typer.Option(min=1, help="Pictures to train on.")] = 2000,
    val: Annotated[int, typer.Option(min=1, help="Pictures to evaluate on.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes.")] = 2,
) -> None:
    """Generate pictures of people with annotations and detections, in COCO's format."""
    from pose.data.figures import generate
    from pose.engine.loggers import Progress, make_console

    with Progress(make_console(), train + val) as progress:
        generate(
            out,
            level=level,
            train=train,
            val=val,
            seed=seed,
            workers=workers,
            progress=lambda done, total: progress.update("pictures", steps=done - progress.done),
        )
    print(f"{train} + {val} pictures: {out}")


@app.command()
def env() -> None:
    """Print versions and devices, for bug reports."""
    from pose.engine.loggers import versions

    for name, value in versions().items():
        print(f"{name}: {value}")


def main() -> None:
    """Run the command line; what users can get wrong ends in one message, not a traceback."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (ValueError, OSError) as error:
        if os.environ.get("POSE_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _show_warning(message: Warning | str, *details: object, **more: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _prepare_figures(config: Config, console: Console) -> None:
    """Generate a config's people if they are not there yet."""
    from pose.engine.loggers import Progress
    from pose.engine.splits import make_figures

    wanted = config.data.figures
    if wanted is None:
        return
    with Progress(console, wanted.train + wanted.val) as progress:
        update: Callable[[int, int], None] = lambda done, total: progress.update(  # noqa: E731
            f"generating people in {config.data.root}", steps=done - progress.done
        )
        make_figures(config.data, progress=update)


def _check_writable(folder: Path) -> None:
    """Fail before the work, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None
    if not os.access(folder, os.W_OK):
        raise ValueError(f"cannot write to {folder}; choose another --out")


def _workers(wanted: int | None, device: torch.device) -> int:
    """On a small machine without a GPU the model needs every core, and loading beside it only gets in its way."""
    if wanted is not None:
        return wanted
    cores = os.cpu_count() or 1
    return min(8, cores - 1) if device.type != "cpu" else min(2, cores // 4)
