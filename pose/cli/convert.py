"""`pose convert` and `pose split`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Annotations: a file or a folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write; it must not be there.")],
    source_format: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it at run time)
        typer.Option("--from", metavar="FORMAT", help="Format of IN. Default: told by its content."),
    ] = None,
    target_format: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--to", metavar="FORMAT", help="Format of OUT. Default: by its suffix; .json is COCO."),
    ] = None,
    images: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder of the images, where IN lacks their sizes or OUT needs copies."),
    ] = None,
    keypoints: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAMES", help="coco17 or another known skeleton, or a,b,c: the keypoints in order."),
    ] = None,
    category: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Take only objects of this name."),
    ] = None,
) -> None:
    """Convert annotations to and from COCO keypoints.

    Formats: coco, yolo (YOLO-pose), cvat (CVAT for images 1.1), labelstudio, labelme, roboflow, deeplabcut, sleap.
    What is left out, guessed or not held by OUT's format is listed with counts.
    """
    from pose.formats.convert import convert as run
    from pose.formats.convert import describe

    done = run(
        source,
        out,
        source_format=source_format,
        target_format=target_format,
        images=images,
        keypoints=keypoints,
        category=category,
    )
    print(describe(done))


def split(
    annotations: Annotated[Path, typer.Argument(metavar="FILE", help="A COCO JSON.")],
    val: Annotated[float, typer.Option(help="Share of the images that go to FILE_val.json.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another split.")] = 0,
    by_prefix: Annotated[
        bool,
        typer.Option("--by-prefix", help="Keep images together whose names differ in their last number: frames."),
    ] = False,
) -> None:
    """Split a COCO file by image, to train and to validate.

    Writes FILE_train.json and FILE_val.json beside FILE.json.
    """
    from pose.formats.split import split_coco
    from pose.runtime.text import plural

    for part in split_coco(annotations, share=val, seed=seed, by_prefix=by_prefix):
        groups = f" of {plural(part.groups, 'group')}" if by_prefix else ""
        people = plural(part.people, "person", "people")
        print(f"{part.path}: {plural(part.images, 'image')}{groups}, {people}")
