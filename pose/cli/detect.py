"""`pose detect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Optional

import typer

from pose.cli.options import DetectorName, DetectorWeights, Device, ReadingThreads, pick_workers

if TYPE_CHECKING:
    from rich.console import Console

    from pose.images.files import ImageInput

MinScore = Annotated[
    Optional[float],  # noqa: UP045 (typer reads it at run time)
    typer.Option(min=0, max=1, help="Leave out people that score less. Default: 0.05 with a config, else 0.5."),
]
CONFIG_MIN_SCORE = 0.05  # AP counts weak boxes too; a drawing is better without them


def detect(
    inputs: Annotated[list[Path], typer.Argument(metavar="CONFIG|IMAGE|DIR...", help="A config, or images.")],
    out: Annotated[Path, typer.Option(help="The boxes, a .json.")],
    split: Annotated[str, typer.Option(metavar="val|train", help="Of a config.")] = "val",
    min_score: MinScore = None,
    detector: DetectorName = "ssdlite",
    weights: DetectorWeights = None,
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 8,
    workers: ReadingThreads = None,
) -> None:
    """Find people, and write their boxes into a file.

    `pose eval` and `pose predict` take it by --boxes.
    """
    from pose.images.files import find_images
    from pose.inference.detect_images import check_target, detect_images, warn_if_turned
    from pose.inference.detector import MIN_SCORE, is_exported, load_detector
    from pose.runtime.console import Progress, make_console

    check_target(out)
    console = make_console()
    configs = [path for path in inputs if path.suffix.lower() in (".yaml", ".yml")]
    if configs and len(inputs) > 1:
        raise ValueError(f"{configs[0]} is a config; give it alone, or give images and folders only")
    if split not in ("train", "val"):
        raise ValueError(f"--split is {split}; a config has train and val")
    if configs:
        chosen = _images_of(configs[0], split, console)
    else:
        found = find_images(inputs, out=out, tell=lambda line: console.print(line, highlight=False))
        chosen = _Chosen(found, None, 1)
        warn_if_turned(chosen.images)
    if min_score is None:
        min_score = CONFIG_MIN_SCORE if configs else MIN_SCORE
    chosen_device = None
    if not is_exported(detector):  # which needs no PyTorch
        from pose.runtime.device import pick_device

        chosen_device = pick_device(device)
    finder = load_detector(detector, weights=weights, device=chosen_device or "cpu", min_score=min_score)
    with Progress(console, len(chosen.images)) as progress:
        summary = detect_images(
            finder,
            chosen.images,
            out=out,
            image_ids=chosen.image_ids,
            category_id=chosen.category_id,
            batch_size=batch_size,
            workers=pick_workers(workers, chosen_device),
            progress=lambda done, total: progress.reach("images", done),
        )
    print(summary)


class _Chosen(NamedTuple):
    """What is searched, and what the boxes are called."""

    images: list[ImageInput]
    image_ids: list[int] | None
    category_id: int


def _images_of(path: Path, split: str, console: Console) -> _Chosen:
    """The images of a config's split."""
    from pose.cli.options import prepare_figures
    from pose.config.keypoints import Config
    from pose.config.load import load_config
    from pose.config.skeleton import with_skeleton
    from pose.data.coco import load_coco
    from pose.data.people import check_images_exist
    from pose.images.files import ImageInput

    config = load_config(path)
    if not isinstance(config, Config):
        raise ValueError(f"{path} is the config of a classifier; people are found for `task: keypoints`")
    prepare_figures(config, console, to_train=split == "train")
    data = with_skeleton(config).data
    chosen = data.train if split == "train" else data.val
    coco = load_coco(
        Path(data.root, chosen.annotations),
        data.resolve_skeleton(),
        category=data.category,
        need_annotations=False,
    )
    folder = Path(data.root, chosen.images)
    images = [ImageInput(image.file_name, folder / image.file_name, named=True) for image in coco.images.values()]
    check_images_exist(folder / image.name for image in images)
    return _Chosen(images, list(coco.images), coco.category_id)
