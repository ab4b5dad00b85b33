"""`pose check`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from pose.cli.options import Overrides, check_writable, prepare_figures

if TYPE_CHECKING:
    from rich.console import Console

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
        typer.Option(metavar="DIR", help="Folder of the images of a JSON. Without it only the JSON is checked."),
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
        bool, typer.Option("--fast", help="Read only the headers of images: no cut-off files, no overlap.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON instead.")] = False,
) -> None:
    """Find what is wrong with a dataset, all of it at once.

    Exit code 1 if there are errors, 0 if not. With --fix the code is that of the repaired file.
    """
    from pose.check.checker import report
    from pose.check.findings import Findings
    from pose.runtime.files import write_json

    changes = list(overrides or [])
    _check_options(dataset, changes, images=images, fix=fix, out=out)
    found, decode, config = Findings(), not fast, None
    if _is_config(dataset):
        config = _load(dataset, changes)
        checked = _check_config(config, found, decode=decode)
    elif dataset.is_dir():
        checked = _check_folder(dataset, found, decode=decode)
    else:
        checked = [_check_file(dataset, found, images=images, decode=decode)]
    document, left = report(found, checked), found
    if not as_json:
        _print(checked, found)
    if fix is not None:
        document["fix"], left = _repair(fix, checked[0], found, decode=decode, as_json=as_json)
    if out is not None:
        _check_out(out, [one.split.name for one in checked])
        sheets = _write_sheets(out, checked, config)
        write_json(out / "report.json", document)
        if not as_json:
            print(f"written: {', '.join(str(path) for path in (out / 'report.json', *sheets))}")
    if as_json:
        print(json.dumps(document, indent=2))
    if left.count("error"):
        raise typer.Exit(1)


def _is_config(dataset: Path) -> bool:
    return dataset.suffix.lower() in (".yaml", ".yml") and not dataset.is_dir()


def _check_options(
    dataset: Path, overrides: list[str], *, images: Path | None, fix: Path | None, out: Path | None
) -> None:
    """Fail before the work."""
    if (_is_config(dataset) or dataset.is_dir()) and (images is not None or fix is not None):
        raise ValueError(
            "--images and --fix are for one annotation JSON: pose check FILE.json --images DIR --fix OUT.json"
        )
    if not _is_config(dataset) and overrides:
        raise ValueError(f"{' '.join(overrides)}: entries are overridden in a config, and {dataset} is none")
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"no folder {images}; give the one that the file names of {dataset} are in")
    if fix is not None:
        _check_fix(fix, dataset)
    if out is not None:
        check_writable(out)
        _check_out(out, [])


def _check_out(out: Path, splits: list[str]) -> None:
    """Replace nothing but an earlier report and its sheets."""
    from pose.runtime.outputs import holds_json_of, refuse_foreign

    ours = holds_json_of(out / "report.json", errors=..., warnings=..., notes=..., splits=..., findings=...)
    targets = [out / "report.json", *(out / f"{split}.jpg" for split in splits)]
    refuse_foreign(targets, ours=ours, writer="`pose check`")


def _console() -> Console:
    """For stdout; a file gets lines of 110 characters."""
    from pose.runtime.console import PlainConsole

    return PlainConsole(sys.stdout, width=None if sys.stdout is None or sys.stdout.isatty() else 110)


def _print(checked: list[Checked], found: Findings) -> None:
    from pose.check.text import print_findings, print_split

    console = _console()
    for one in checked:
        print_split(console, one)
    print_findings(console, found, several=len(checked) > 1)


def _repair(
    fix: Path, checked: Checked, found: Findings, *, decode: bool, as_json: bool
) -> tuple[dict[str, Any], Findings]:
    """Write the repaired copy and check it.

    Returns:
        fix: what report.json says of it.
        left: the findings of the copy.
    """
    from pose.check.checker import check_split
    from pose.check.columns import read_split
    from pose.check.findings import Findings
    from pose.check.fix import repair, without_nan
    from pose.check.text import print_repair
    from pose.runtime.files import write_json

    split, left = checked.split, Findings()
    mended = repair(split, found, checked.probes)
    again = read_split(split.name, fix, mended.document, images_dir=split.images_dir)
    # Where an image was dropped, the rows no longer fit what is known of the image files: look again.
    same = len(again.images.records) == len(split.images.records)
    check_split(again, left, decode=decode, probes=checked.probes if same else None)
    write_json(fix, without_nan(mended.document), indent=None)
    if not as_json:
        print_repair(_console(), mended, left, str(fix))
    return {"file": str(fix), "changes": mended.changes, "left": [f.to_dict() for f in left.all()]}, left


@contextlib.contextmanager
def _image_progress(names: list[int | str]) -> Iterator[Callable[[int, int], None]]:
    """The live line on stderr; what it gives is called with (images done, images in all)."""
    from pose.runtime.console import Progress, make_console

    with Progress(make_console(), max(1, len(names))) as bar:
        yield lambda done, total: bar.reach("images", done)


def _check_fix(fix: Path, dataset: Path) -> None:
    """Fail before the work."""
    if fix.resolve() == dataset.resolve():
        raise ValueError(f"--fix {fix} is the file that is checked; a repaired copy needs another name")
    if fix.exists():
        raise ValueError(f"{fix} exists already; give --fix another name")
    check_writable(fix.parent, option="--fix")


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


def _check_file(path: Path, found: Findings, *, images: Path | None, decode: bool) -> Checked:
    """One annotation JSON; the image files too if their folder is given."""
    from pose.check.checker import check_split
    from pose.check.columns import read_split
    from pose.data.json_file import read_json

    split = read_split(path.stem, path, read_json(path), images_dir=images)
    with _image_progress(split.images.names if images else []) as progress:
        return check_split(split, found, decode=decode, progress=progress)


def _check_config(config: Config, found: Findings, *, decode: bool) -> list[Checked]:
    """Training and validation split, with the detections of the latter, and what the two share."""
    from pose.check.checker import check_pair, check_split
    from pose.check.columns import read_split
    from pose.data.json_file import read_json

    data, skeleton, checked = config.data, config.data.resolve_skeleton(), []
    for name, part in (("train", data.train), ("val", data.val)):
        path, folder = Path(data.root, part.annotations), Path(data.root, part.images)
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}; check data.root and data.{name}.images")
        split = read_split(
            name, path, read_json(path), images_dir=folder, skeleton=skeleton, category_name=data.category
        )
        boxes = Path(data.root, data.val.boxes) if name == "val" and data.val.boxes != "gt" else None
        with _image_progress(split.images.names) as progress:
            checked.append(
                check_split(
                    split,
                    found,
                    decode=decode,
                    detections=boxes,
                    input_size=config.model.input_size,
                    progress=progress,
                )
            )
    check_pair(checked[0], checked[1], found)
    return checked


def _check_folder(folder: Path, found: Findings, *, decode: bool) -> list[Checked]:
    """Every split of a dataset's folder, and what those for training share with the others."""
    from pose.check.checker import check_pair, check_split
    from pose.check.columns import read_split
    from pose.check.folder import find_splits, is_training

    checked = []
    for part in find_splits(folder):
        split = read_split(part.name, part.path, part.document, images_dir=part.images_dir)
        with _image_progress(split.images.names) as progress:
            checked.append(check_split(split, found, decode=decode, detections=part.detections, progress=progress))
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

    size, augment, extra, unbiased = INPUT_SIZE, Augment(), [], False
    if config is not None:
        size, given, unbiased = config.model.input_size, config.augment, config.model.make_codec().unbiased
        extra = given.extra if given else []
        augment = Augment(**given.model_dump(exclude={"extra"})) if given else None  # type: ignore[assignment]
    written = []
    for one in checked:
        sheet = draw_crops(one, input_size=size, unbiased=unbiased, augment=augment, extra=extra)
        if sheet is not None:
            path = out / f"{one.split.name}.jpg"
            write_image(path, sheet)
            written.append(path)
    return written
