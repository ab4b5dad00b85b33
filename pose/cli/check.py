"""`pose check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from pose.cli.options import Overrides, check_writable, prepare_figures

if TYPE_CHECKING:
    from pose.check.checker import Checked
    from pose.check.findings import Findings
    from pose.config.keypoints import Config


def check(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|DIR|ANNOTATIONS", help="A YAML config, a dataset's folder, or a COCO keypoint JSON."
        ),
    ],
    overrides: Overrides = None,
    images: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(metavar="DIR", help="Folder of the pictures of a JSON. Without it only the JSON is checked."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder for report.json and contact sheets of augmented crops."),
    ] = None,
    fix: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="OUT.json", help="Write a repaired copy of a JSON; safe repairs only."),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Read only the headers of pictures: no cut-off files, no overlap.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON instead.")] = False,
) -> None:
    """Find what is wrong with a dataset, all of it at once.

    Exit code 1 if there are errors, 0 if not. With --fix the code is that of the repaired file.
    """
    from rich.console import Console

    from pose.check.checker import check_pair, check_split, report
    from pose.check.columns import read_split
    from pose.check.findings import Findings
    from pose.check.fix import repair, without_nan
    from pose.check.text import print_findings, print_repair, print_split
    from pose.data.coco import read_json
    from pose.runtime.files import write_json

    is_folder = dataset.is_dir()
    is_config = not is_folder and dataset.suffix.lower() in (".yaml", ".yml")
    if (is_config or is_folder) and (images is not None or fix is not None):
        raise ValueError(
            "--images and --fix are for one annotation JSON: pose check FILE.json --images DIR --fix OUT.json"
        )
    if not is_config and overrides:
        raise ValueError(f"{' '.join(overrides)}: entries are overridden in a config, and {dataset} is none")
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"no folder {images}; give the one that the file names of {dataset} are in")
    if fix is not None:
        _check_fix(fix, dataset)
    if out is not None:
        check_writable(out)
    found = Findings()
    config = _load(dataset, list(overrides or [])) if is_config else None
    if config is not None:
        checked = _check_config(config, found, decode=not fast)
        check_pair(checked[0], checked[1], found)
    elif is_folder:
        checked = _check_folder(dataset, found, decode=not fast)
    else:
        split = read_split(dataset.stem, dataset, read_json(dataset), images_dir=images)
        with _PictureProgress(split.images.names if images else []) as progress:
            checked = [check_split(split, found, decode=not fast, progress=progress.step)]
    document = report(found, checked)
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110, markup=False, emoji=False)
    errors = found.count("error")
    if not as_json:
        for one in checked:
            print_split(console, one)
        print_findings(console, found, several=len(checked) > 1)
    if fix is not None:
        mended = repair(checked[0].split, found, checked[0].pictures)
        again = read_split(dataset.stem, fix, mended.document, images_dir=images)
        left = Findings()
        # Where an image was dropped, the rows no longer fit what is known of the pictures: look again.
        same = len(again.images.records) == len(checked[0].split.images.records)
        check_split(again, left, decode=not fast, pictures=checked[0].pictures if same else None)
        write_json(fix, without_nan(mended.document), indent=None)
        document["fix"] = {"file": str(fix), "changes": mended.changes, "left": [f.to_dict() for f in left.all()]}
        errors = left.count("error")
        if not as_json:
            print_repair(console, mended, left, str(fix))
    if out is not None:
        sheets = _write_sheets(out, checked, config)
        write_json(out / "report.json", document)
        if not as_json:
            print(f"written: {', '.join(str(path) for path in (out / 'report.json', *sheets))}")
    if as_json:
        print(json.dumps(document, indent=2))
    if errors:
        raise typer.Exit(1)


class _PictureProgress:
    """The live line on stderr."""

    def __init__(self, names: list[int | str]) -> None:
        from pose.runtime.console import Progress, make_console

        self.bar = Progress(make_console(), max(1, len(names)))

    def __enter__(self) -> _PictureProgress:
        self.bar.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self.bar.__exit__(*details)

    def step(self, done: int, total: int) -> None:
        self.bar.reach("pictures", done)


def _check_fix(fix: Path, dataset: Path) -> None:
    """Fail before the work."""
    if fix.resolve() == dataset.resolve():
        raise ValueError(f"--fix {fix} is the file that is checked; a repaired copy needs another name")
    if fix.exists():
        raise ValueError(f"{fix} exists already; give --fix another name")
    check_writable(fix.parent)


def _load(path: Path, overrides: list[str]) -> Config:
    from pose.config.keypoints import Config
    from pose.config.load import load_config
    from pose.config.skeleton import with_skeleton
    from pose.runtime.console import make_console

    config = load_config(path, overrides)
    if not isinstance(config, Config):
        raise ValueError(f"{path} is of a classifier; `pose check` is for keypoints")
    prepare_figures(config, make_console())
    return with_skeleton(config)


def _check_config(config: Config, found: Findings, *, decode: bool) -> list[Checked]:
    """Training and validation split, with the detections of the latter."""
    from pose.check.checker import check_split
    from pose.check.columns import read_split
    from pose.data.coco import read_json

    data, skeleton, checked = config.data, config.data.resolve_skeleton(), []
    for name, part in (("train", data.train), ("val", data.val)):
        path, folder = Path(data.root, part.annotations), Path(data.root, part.images)
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}; check data.root and data.{name}.images")
        split = read_split(
            name, path, read_json(path), images_dir=folder, skeleton=skeleton, category_name=data.category
        )
        boxes = Path(data.root, data.val.boxes) if name == "val" and data.val.boxes != "gt" else None
        with _PictureProgress(split.images.names) as progress:
            checked.append(
                check_split(
                    split,
                    found,
                    decode=decode,
                    detections=boxes,
                    input_size=config.model.input_size,
                    progress=progress.step,
                )
            )
    return checked


def _check_folder(folder: Path, found: Findings, *, decode: bool) -> list[Checked]:
    """Every split of a dataset's folder, and what those for training share with the others."""
    from pose.check.checker import check_pair, check_split
    from pose.check.columns import read_split
    from pose.check.folder import find_splits, is_training

    checked = []
    for part in find_splits(folder):
        split = read_split(part.name, part.path, part.document, images_dir=part.images_dir)
        with _PictureProgress(split.images.names) as progress:
            checked.append(
                check_split(split, found, decode=decode, detections=part.detections, progress=progress.step)
            )
    training = [one for one in checked if is_training(one.split.name)]
    for train in training:
        for other in checked:
            if other not in training:
                check_pair(train, other, found)
    return checked


def _write_sheets(out: Path, checked: list[Checked], config: Config | None) -> list[Path]:
    from pose.check.checker import INPUT_SIZE
    from pose.check.sheet import draw_crops
    from pose.data.transforms import Augment
    from pose.images.write import write_image

    size, augment, extra = INPUT_SIZE, Augment(), []
    if config is not None:
        size, given = config.model.input_size, config.augment
        extra = given.extra if given else []
        augment = Augment(**given.model_dump(exclude={"extra"})) if given else None  # type: ignore[assignment]
    written = []
    for one in checked:
        sheet = draw_crops(one, input_size=size, augment=augment, extra=extra)
        if sheet is not None:
            path = out / f"{one.split.name}.jpg"
            write_image(path, sheet)
            written.append(path)
    return written
