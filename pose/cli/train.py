"""`pose train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pose.cli.options import BatchSize, Device, Overrides, Workers, check_writable, pick_workers, prepare_figures

if TYPE_CHECKING:
    from pose.config.load import AnyConfig
    from pose.training.tasks import Task


def train(
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(
            help="A YAML file, or the name of one in configs/: figures/demo_model; of coco without folder."
        ),
    ] = None,
    overrides: Overrides = None,
    out: Annotated[Optional[Path], typer.Option(help="Run folder. Default: runs/<config>-<time>.")] = None,  # noqa: UP045
    resume: Annotated[Optional[Path], typer.Option(metavar="RUN", help="Continue the run in this folder.")] = None,  # noqa: UP045
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Train a model from a YAML file, or continue a run.

    The run folder gets the resolved config, versions, metrics.csv, the first batch as an image, TensorBoard logs
    and checkpoints. Ctrl-C stops after the current step and keeps everything; --resume goes on from there.
    Several GPUs or machines: the same below torchrun, see docs/distributed.md.
    """
    from pose.checkpoint import load_checkpoint
    from pose.config.keypoints import Config
    from pose.runtime.console import make_console
    from pose.runtime.distributed import join_world
    from pose.runtime.stop import Stopped
    from pose.training.logs import print_end
    from pose.training.trainer import Trainer

    changes = list(overrides or [])
    if batch_size is not None:
        changes.append(f"train.batch_size={batch_size}")
    try:
        with join_world(device) as (world, chosen):
            console = make_console(quiet=not world.is_main)
            settings, run = world.from_main(lambda: _settings_and_folder(config, changes, out, resume))
            world.once_per_node(lambda: prepare_figures(settings, console))
            console.print(f"run folder {run}", highlight=False)
            Trainer(
                settings,
                run,
                make_task=make_task,
                device=chosen,
                workers=pick_workers(workers if workers is not None else settings.train.workers, chosen),
                console=console,
                resume=resume is not None,
                world=world,
            ).run()
    except Stopped as stop:
        console.print(f"{stop}; everything is saved. Go on with: pose train --resume {run}", highlight=False)
        raise typer.Exit(128 + stop.signal) from None
    if not world.is_main:
        return
    print_end(run, console)
    best = load_checkpoint(run).metrics if (run / "best.safetensors").exists() else {}
    if best and isinstance(settings, Config):
        print(f"best AP {best['AP']:.3f}, boxes {settings.data.val.boxes}: {run / 'best.safetensors'}")
    elif best:
        print(f"best top-1 {best['top1']:.1%}, top-5 {best['top5']:.1%}: {run / 'best.safetensors'}")


def make_task(config: AnyConfig) -> Task:
    """Read the data of a config.

    Raises:
        FileNotFoundError, ValueError: data is missing or wrong.
    """
    from pose.classification.task import ClassificationTask
    from pose.config.keypoints import Config
    from pose.training.keypoints import KeypointTask

    return KeypointTask(config) if isinstance(config, Config) else ClassificationTask(config)


def _settings_and_folder(
    config: Path | None, changes: list[str], out: Path | None, resume: Path | None
) -> tuple[AnyConfig, Path]:
    """What to train, and the run folder, which is not made yet."""
    import time

    from pose.config.files import find_config
    from pose.config.load import load_config

    if resume is not None:
        if config is not None or changes or out is not None:
            raise ValueError("--resume continues a run as it was: give the run folder alone, no config or overrides")
        if not (resume / "config.yaml").is_file():
            raise ValueError(f"no run to continue in {resume}; give the folder that `pose train` wrote to")
        return load_config(resume / "config.yaml"), resume
    if config is None:
        raise ValueError(
            "give a config file, e.g. `pose train configs/figures/mobilenet_v2_x0.5_dyrelu.yaml`, or its name, e.g. "
            "`pose train figures/mobilenet_v2_x0.5_dyrelu`"
        )
    if config.is_dir():
        raise ValueError(f"{config} is a folder; give a YAML file, or continue a run with --resume {config}")
    settings = load_config(config, changes)
    run = out or Path("runs", f"{find_config(config).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    if run.exists() and (not run.is_dir() or _holds_something(run)):
        raise ValueError(f"{run} exists already; choose another --out, or continue it with --resume {run}")
    check_writable(run)
    return settings, run


def _holds_something(folder: Path) -> bool:
    """Other than the hidden files of a training that was killed before it had written anything else."""
    return any(not entry.name.startswith(".") for entry in folder.iterdir())
