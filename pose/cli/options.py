"""Options that several commands have, and what they do before the work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pose.runtime.errors import ConfigError, DataError
from pose.runtime.system import processors

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from pose.config.load import AnyConfig

CHECKPOINT = "A .safetensors file, a run folder for its best one, or demo for the small model of the package."
CHECKPOINT_OR_ONNX = f"{CHECKPOINT[:-1]}; or an .onnx of `pose export`."
Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045 (typer reads it at run time)
    typer.Argument(metavar="KEY=VALUE", help="Override entries of the config, e.g. train.lr=5e-4."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(min=0, help="Loader processes; 0 loads in the main one. Default: from the config, or by machine."),
]
BatchSize = Annotated[Optional[int], typer.Option(min=1, help="People in a batch.")]  # noqa: UP045
DetectorName = Annotated[
    str,
    typer.Option(
        "--detector",
        help="ssdlite, or fasterrcnn: larger and a little better; or an .onnx of `pose export-detector`.",
    ),
]
DetectorWeights = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--weights", help="File of the detector's weights. Default: downloaded once, into torch's cache."),
]
ReadingThreads = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(min=0, help="Threads that read images ahead; 0 reads them in turn. Default: by machine."),
]


def prepare_figures(config: AnyConfig, console: Console, *, to_train: bool = True, trusted: bool = True) -> None:
    """Generate a config's people or shapes if they are not there yet.

    Args:
        to_train: make people to train on too; shapes, which are made at once, come with both splits.
        trusted: whether the user chose `data.root`. The config inside a file of weights may be anybody's: by that
            alone, nothing is made outside of the working folder.
    Raises:
        ConfigError: it would be.
        ValueError: the folder holds something else.
    """
    from pose.classification.shapes import DONE as SHAPES
    from pose.classification.task import make_shapes
    from pose.config.keypoints import Config
    from pose.data.image_entries import leaves_folder
    from pose.evaluation.splits import make_figures
    from pose.runtime.console import Progress
    from pose.synthetic.dataset import DONE as FIGURES

    wanted = config.data.figures if isinstance(config, Config) else config.data.shapes
    if wanted is None:
        return
    root = config.data.root
    if not trusted and leaves_folder(root) and not any(Path(root, name).is_file() for name in (FIGURES, SHAPES)):
        raise ConfigError(
            f"the config inside the file has its data in {root}, where there are none; give data.root=FOLDER for "
            "them to be generated in"
        )
    what = "people" if isinstance(config, Config) else "shapes"
    with Progress(console, wanted.train + wanted.val) as progress:

        def update(done: int, total: int) -> None:
            progress.reach(f"generating {what} in {root}", done, total=total)

        if isinstance(config, Config):
            make_figures(config.data, to_train=to_train, progress=update)
        else:
            make_shapes(config.data, progress=update)


def check_writable(folder: Path, *, option: str = "--out") -> None:
    """Fail before the work, not after it; nothing is left of the trial.

    Args:
        option: by which the user gave it.
    """
    made = [place for place in (folder, *folder.parents) if not os.path.exists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except FileExistsError:
        raise ValueError(f"cannot write to {folder}: it is a file; choose another {option}") from None
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}; choose another {option}") from None
    finally:
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
    if not writable:
        raise ValueError(f"cannot write to {folder}: no permission, or a read-only disk; choose another {option}")


@contextlib.contextmanager
def evaluation_folder(
    out: Path | None, *, default: Path, checkpoint: Path, data: Path, boxes: str, settings: Sequence[str] = ()
) -> Iterator[tuple[Path, str]]:
    """Choose where an evaluation goes, before the work, and keep others out of it meanwhile.

    Args:
        out: the user's choice; without one it is `default`, or default-2 and so on where that holds another one, or
            where another process writes.
        checkpoint, data, boxes, settings: see `evaluation_mark`.
    Yields:
        The folder, and the line that marks its config.yaml.
    Raises:
        DataError: it holds something else.
        ValueError: it cannot be written to.
        OSError: another process writes there.
    """
    from pose.runtime.folder_lock import FolderBusy, lock_output
    from pose.runtime.outputs import check_evaluation_folder, evaluation_mark

    number, folder = 1, out or default
    with contextlib.ExitStack() as stack:
        while True:
            mark = evaluation_mark(folder, checkpoint=checkpoint, data=data, boxes=boxes, settings=settings)
            try:
                check_writable(folder)
                with contextlib.ExitStack() as trial:
                    trial.enter_context(lock_output(folder))
                    check_evaluation_folder(folder, mark)
                    stack.push(trial.pop_all())
                break
            except (DataError, FolderBusy):
                if out is not None:
                    raise
            number += 1
            folder = default.with_name(f"{default.name}-{number}")
        yield folder, mark


def name_in_run(checkpoint: Path) -> str:
    """What tells a checkpoint from a run's best one in names of folders: "-last", and "" for the best."""
    return "" if checkpoint.stem == "best" else f"-{checkpoint.stem}"


def evaluation_workers(wanted: int | None, of_training: int | None, device: torch.device | None) -> int:
    """How many load for an evaluation: the training's, which may be of another machine, or of anybody's file."""
    if wanted is None and of_training is not None:
        wanted = min(of_training, processors())
    return pick_workers(wanted, device)


def pick_workers(wanted: int | None, device: torch.device | None) -> int:
    """How many load beside the model, which runs on `device`, None for the CPU.

    On a small machine without a GPU the model needs every core, and loading beside it only gets in its way.
    """
    if wanted is not None:
        return wanted
    cores = max(1, processors() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))  # torchrun's processes
    return min(8, cores - 1) if device is not None and device.type != "cpu" else min(2, cores // 4)
