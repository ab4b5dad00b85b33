"""Bring a set of labels to disk in one format: files whole or not at all, nothing overwritten."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pose.formats import coco_write, cvat_write, deeplabcut, label_studio_write, labelme, sleap, yolo_write
from pose.formats.image_files import is_file, upright_size
from pose.formats.labels import LabeledImage, LabelSet, Notes
from pose.runtime.errors import DataError
from pose.runtime.files import part_prefix, write_atomic, write_together, writing

# What makes the files of a folder, and where in it an image goes.
FOLDERS: dict[str, tuple[Callable[[LabelSet, Notes], dict[str, bytes]], Callable[[LabeledImage], str]]] = {
    "yolo": (yolo_write.render_yolo, yolo_write.place),
    "labelme": (labelme.render_labelme, lambda image: image.path),
    "roboflow": (coco_write.render_roboflow, coco_write.roboflow_place),
}


def write(
    labels: LabelSet, out: Path, target: str, notes: Notes, *, description: str
) -> tuple[tuple[Path, ...], int]:
    """Write the file, files or folder of a format.

    Args:
        target: the format, a key of `recognize.FORMATS`.
        description: for COCO's `info`.
    Returns:
        written: the files, or the folder.
        copied: how many images were copied into it.
    """
    if target in FOLDERS:
        render, place = FOLDERS[target]
        files = render(labels, notes)
        _check_places(labels, place)
        copies = [(path, place(image)) for image in labels.images if (path := _image_file(labels, image)) is not None]
        _write_folder(out, files, copies)
        return (out,), len(copies)
    return _write_files(labels, out, target, notes, description), 0


def _check_places(labels: LabelSet, place: Callable[[LabeledImage], str]) -> None:
    """Check that no image would be written over another, which has other folders where it comes from."""
    taken: dict[str, str] = {}
    for image in labels.images:
        other = taken.setdefault(place(image), image.path)
        if other != image.path:
            raise DataError(f"{other} and {image.path} would both be {place(image)}; rename one of them")


def _image_file(labels: LabelSet, image: LabeledImage) -> Path | None:
    """The file to copy; a name that leads to what is no image leads to something else of the user's."""
    path = None if labels.root is None else labels.root / image.path
    return path if path is not None and is_file(path) and upright_size(path) is not None else None


def _write_files(labels: LabelSet, out: Path, target: str, notes: Notes, description: str) -> tuple[Path, ...]:
    if target == "coco":
        return _write_coco(labels, out, notes, description)
    if target == "cvat":
        notes.remark(
            f"in CVAT: paste {out.stem}.labels.json into the labels (Raw) of a new task of the images, then upload "
            f"{out.name} there as CVAT 1.1"
        )
        return _write_two(
            out, cvat_write.render_cvat(labels, notes), ".labels.json", cvat_write.render_cvat_labels(labels)
        )
    if target == "labelstudio":
        tasks, config = label_studio_write.render_label_studio(labels, notes)
        return _write_two(out, tasks, ".config.xml", config)
    if target == "deeplabcut":
        scorer = out.stem.removeprefix(deeplabcut.PREFIX) if out.stem.startswith(deeplabcut.PREFIX) else "pose"
        table = deeplabcut.render_table(labels, notes)
        if out.suffix.lower() == ".csv":
            write_atomic(out, deeplabcut.render_csv(table, scorer=scorer))
        else:
            _write_by_library(out, lambda path: deeplabcut.write_h5(table, path, notes, scorer=scorer))
    else:
        _write_by_library(out, lambda path: sleap.write_sleap(labels, path, notes))
    return (out,)


def _write_two(out: Path, data: bytes, suffix: str, beside: bytes) -> tuple[Path, Path]:
    """A file, and beside it the one by which the tool is prepared for it."""
    other = out.with_suffix(suffix)
    if os.path.lexists(other):
        raise DataError(f"{other} exists already; give another name")
    write_together({other: beside, out: data})
    return out, other


def _write_coco(labels: LabelSet, out: Path, notes: Notes, description: str) -> tuple[Path, ...]:
    """One file, or one for each split: out_train.json, out_val.json."""
    parts = coco_write.by_split(labels, notes)
    splits = list(parts)
    paths = [
        out if len(splits) == 1 else out.with_name(f"{out.stem}_{split or 'rest'}{out.suffix}") for split in splits
    ]
    for path in paths:
        if os.path.lexists(path):
            raise DataError(f"{path} exists already; give another name")
    documents = [coco_write.write_coco(part, notes, description=description) for part in parts.values()]
    texts = [(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode() for document in documents]
    write_together(dict(zip(paths, texts, strict=True)))
    return tuple(paths)


def _write_folder(out: Path, files: dict[str, bytes], copies: list[tuple[Path, str]]) -> None:
    """Everything into a folder beside `out`, which gets its name once it is whole."""
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=part_prefix(out), suffix=".part"))
        try:
            for name, data in files.items():
                path = staging / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            for source, name in copies:
                path = staging / name
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, path)
            staging.chmod(0o777 & ~_umask())
            os.rename(staging, out)
        except BaseException:
            with contextlib.suppress(OSError):
                shutil.rmtree(staging)
            raise


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _write_by_library(out: Path, write: Callable[[Path], None]) -> None:
    """A library writes files of its own; its file comes to its place whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / out.name
        write(path)
        write_atomic(out, path.read_bytes())
