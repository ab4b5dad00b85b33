"""`pose train`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pose.cli.options import BatchSize, Device, Overrides, Workers, check_writable, pick_workers, prepare_figures
from pose.runtime.text import shell_word

if TYPE_CHECKING:
    from pose.config.load import AnyConfig
    from pose.training.run_lock import RunLock
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
    resume: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="RUN", help="Continue the run in this folder; train.epochs=N makes it longer."),
    ] = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Train a model from a YAML file, or continue a run.

    The run folder gets the resolved config, versions, metrics.csv, the first batch as an image, TensorBoard logs
    and checkpoints. Ctrl-C stops after the current step and keeps everything; --resume goes on from there.
    Several GPUs or machines: the same below torchrun, see docs/distributed.md.
    """
    from pose.config.keypoints import Config
    from pose.runtime.console import make_console
    from pose.runtime.distributed import join_world
    from pose.runtime.stop import Stopped
    from pose.runtime.text import resume_command
    from pose.training.logs import print_end
    from pose.training.trainer import Trainer

    changes = [*(overrides or []), *([] if batch_size is None else [f"train.batch_size={batch_size}"])]
    try:
        with join_world(device) as (world, chosen), contextlib.ExitStack() as stack:
            console = make_console(quiet=not world.is_main)
            claimed = _claim(config, changes, out, resume) if world.is_main else None
            lock = stack.enter_context(claimed[1]) if claimed else None
            settings, run = world.broadcast((claimed[0], claimed[1].folder) if claimed else None, source=0)
            streamed = isinstance(settings, Config) and bool(settings.data.figures and settings.data.figures.stream)
            world.once_per_node(lambda: prepare_figures(settings, console, to_train=not streamed))
            console.print(f"run folder {run}", highlight=False)
            Trainer(
                settings,
                run,
                make_task=make_task,
                device=chosen,
                workers=pick_workers(workers if workers is not None else settings.train.workers, chosen),
                console=console,
                resume=resume is not None,
                lock=lock,
                world=world,
            ).run()
    except Stopped as stop:
        console.print(f"{stop}; everything is saved. Go on with: {resume_command(run)}", highlight=False)
        raise typer.Exit(128 + stop.signal) from None
    if not world.is_main:
        return
    print_end(run, console)
    _print_best(run, settings)


def _print_best(run: Path, settings: AnyConfig) -> None:
    """The result, on stdout."""
    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.config.keypoints import Config

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


def _claim(
    config: Path | None, changes: list[str], out: Path | None, resume: Path | None
) -> tuple[AnyConfig, RunLock]:
    """What to train, and the run folder, which nobody else gets while the data is made and read."""
    import time

    from pose.config.files import find_config
    from pose.config.load import load_config
    from pose.training.run_lock import check_free, claim_numbered_run, claim_run

    if resume is not None:
        if config is not None and "=" in str(config):  # the first of the overrides, as there is no config
            config, changes = None, [str(config), *changes]
        if config is not None or out is not None:
            raise ValueError("--resume continues a run: give the run folder alone, no config and no --out")
        return _claim_to_resume(resume, changes)
    if config is None:
        raise ValueError(
            "give a config file, e.g. `pose train configs/figures/mobilenet_v2_x0.5_dyrelu.yaml`, or its name, e.g. "
            "`pose train figures/mobilenet_v2_x0.5_dyrelu`"
        )
    if config.is_dir():
        raise ValueError(
            f"{config} is a folder; give a YAML file: pose new my.yaml --data {shell_word(config)} writes "
            f"one for a dataset, and --resume {config} continues a run"
        )
    settings = load_config(config, changes)
    run = out or Path("runs", f"{find_config(config).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    if out:
        check_free(run)
    check_writable(run)
    return settings, claim_run(run) if out else claim_numbered_run(run)


def _claim_to_resume(run: Path, changes: list[str]) -> tuple[AnyConfig, RunLock]:
    """The same for a run that goes on; the changes go into its config.yaml once its data are read."""
    import sys

    from pose.config.load import load_config
    from pose.training.resume import CHANGEABLE
    from pose.training.run_lock import lock_run

    if not (run / "config.yaml").is_file():
        raise ValueError(f"no run to continue in {run}; give the folder that `pose train` wrote to")
    fixed = [change for change in changes if change.partition("=")[0] not in CHANGEABLE]
    if fixed:
        raise ValueError(
            f"--resume continues a run as it was, so {fixed[0]} cannot change; {', '.join(CHANGEABLE)} can. For "
            f"anything else start a new run with model.init={run}"
        )
    lock = lock_run(run)
    try:
        settings = load_config(run / "config.yaml", changes)
        if changes:
            stretched = any(change.startswith("train.minutes=") for change in changes)
            kept = "; the schedule is stretched over the new time, so the rate may rise again" if stretched else ""
            if not stretched and settings.train.milestones:
                kept = f"; train.milestones stay {settings.train.milestones}"
            print(f"changed for the rest of the run: {', '.join(changes)}{kept}", file=sys.stderr)
        return settings, lock
    except BaseException:
        lock.close()
        raise
