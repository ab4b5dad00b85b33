"""YOLO-pose, as Ultralytics has it: a data.yaml (yolo_yaml.py), and a text file of shares of the image for each one.

A row is class, center x, center y, width, height, and x, y or x, y, visibility of each keypoint. The labels of
images/train/a.jpg are in labels/train/a.txt.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pose.data.image_entries import leaves_folder, local_name
from pose.data.image_names import shared_end
from pose.formats.image_files import upright_size
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind
from pose.formats.yolo_yaml import find_yaml, keypoint_shape, load_yaml, read_kinds
from pose.images.files import files_below, is_image_name
from pose.runtime.arrays import Floats
from pose.runtime.errors import DataError
from pose.runtime.text import first_few

SPLITS = ("train", "val", "test")
MOST_SHARE = 1e6  # of an image's side
CONFIDENCES = "keypoints with a confidence in place of a visibility, taken as visible from 0.5, else as not labeled"


def read_yolo(
    path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None, images: Path | None = None
) -> LabelSet:
    """Read the splits that a data.yaml names.

    Sizes come from the image files, so an image must be there for its labels to count.

    Args:
        images: where images are looked for by the names of their labels if the data.yaml leads to none.
    Raises:
        DataError: no data.yaml with kpt_shape, or it names no folder of images.
    """
    file = find_yaml(path)
    if file is None:
        raise DataError(f"{path} has no data.yaml with kpt_shape (or several), by which YOLO-pose labels are read")
    config = load_yaml(file)
    count, values = keypoint_shape(file, config)
    kinds = read_kinds(file, config, count, keypoints, notes)
    root = file.parent
    base = local_name(str(config.get("path") or ""))
    place = root.absolute() / base
    if not (place.is_dir() and place.resolve().is_relative_to(root.resolve())):
        notes.remark(
            f"guessed: the images are below {root}, the folder of {file.name}; its path is not followed, as it leads "
            f"nowhere below that: {base!r:.80}"
        )
    labels = LabelSet([], [], root)
    found, nowhere = _find_images(root, config, file, notes)
    for image in found:
        image.size = upright_size(root / image.path)
        if image.size is None:
            notes.left_out["images that cannot be read"] += 1
            continue
        labels.images.append(image)
        _read_labels(root / label_name(image.path), image, values, kinds, labels, notes)
    _count_labels_alone(root, {image.path for image in found}, notes)
    if not labels.images and images is not None:
        _match_labels(root, images, values, kinds, labels, notes)
        if labels.images:
            notes.remark(
                f"guessed: each image is that below {images} of the name of its labels, as {file.name} leads to none"
            )
            nowhere = []
    for what in nowhere:
        notes.remark(f"left out: {what}")
    if not labels.images:
        raise DataError(
            f"{file} leads to no images: looked for {first_few(str(config.get(s)) for s in SPLITS if config.get(s))} "
            f"below {root}; YOLO-pose has shares of the image's size, so the images must lie there, or "
            "give their folder by --images"
        )
    return labels


def _find_images(
    root: Path, config: dict[str, Any], file: Path, notes: Notes
) -> tuple[list[LabeledImage], list[str]]:
    """The images of all splits, each once, and which splits lead nowhere."""
    found: dict[str, LabeledImage] = {}
    nowhere: list[str] = []
    for split in SPLITS:
        given = config.get(split)
        same = next((other for other in SPLITS[: SPLITS.index(split)] if given and config.get(other) == given), None)
        if same is not None:
            notes.remark(f"{split} leads to the images of {same} in {file.name}; they are taken once")
            continue
        for entry in given if isinstance(given, list) else [given] if given else []:
            images = _images_of(root, config, entry, split, notes)
            if images is None:
                nowhere.append(f"{split}, as {file.name} has {entry!r:.60} there, and no such folder is below {root}")
            for image in images or []:
                if image.path in found:
                    notes.left_out["images that two splits name, in the second"] += 1
                found.setdefault(image.path, image)
    return list(found.values()), nowhere


def _images_of(root: Path, config: dict[str, Any], entry: Any, split: str, notes: Notes) -> list[LabeledImage] | None:
    """The images of a folder, or of a list of names, that a split names; nothing outside of the root is read.

    None where it leads to neither.

    As Ultralytics does, a leading ../ that leads nowhere is dropped: Roboflow writes ../train/images.
    """
    base = str(config.get("path") or "")
    texts = [f"{base}/{entry}"] if base else []
    texts += [str(entry), re.sub(r"^(\.\./)+", "", local_name(str(entry)))]
    texts += [str(PurePosixPath(*PurePosixPath(local_name(str(entry))).parts[-n:])) for n in (3, 2)]
    for text in texts:
        place = root / local_name(text)
        if leaves_folder(local_name(text).removeprefix("./")) or not place.exists():
            continue
        if place.is_dir():
            files = [p.relative_to(root).as_posix() for p in files_below(place) if is_image_name(p)]
            folder = place.relative_to(root).as_posix()
        else:
            lines = place.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            names = [local_name(line.strip()) for line in lines if line.strip()]
            files = [file for name in names if (file := _listed(root, place.parent, name)) is not None]
            notes.left_out[f"lines of {text} that lead to no image below {root}"] += len(names) - len(files)
            folder = ""
        folder = "" if folder == "." else folder
        return [LabeledImage(f.removeprefix(f"{folder}/") if folder else f, folder, None, None, split) for f in files]
    return None


def _listed(root: Path, folder: Path, name: str) -> str | None:
    """The path below the root of an image in a list of names: below the list's own folder (./), or the root."""
    bare = name.removeprefix("./")
    if leaves_folder(bare):
        return None
    places = (folder, root) if name != bare else (root, folder)
    file = next((place / bare for place in places if (place / bare).is_file()), None)
    return None if file is None else file.relative_to(root).as_posix()


def _match_labels(
    root: Path, images: Path, values: int, kinds: dict[int, ObjectKind], labels: LabelSet, notes: Notes
) -> None:
    """Read the text files below the root whose names, and as many folders as both have, are those of images."""
    texts = [path for path in files_below(root) if path.suffix.lower() == ".txt"]
    for text, file in _image_of_each(texts, root, images, notes).items():
        size = upright_size(file)
        if size is None:
            notes.left_out["text files without an image of their name"] += 1
            continue
        split = next((part for part in reversed(text.relative_to(root).parts[:-1]) if part in (*SPLITS, "valid")), "")
        name = file.relative_to(images).as_posix()
        image = LabeledImage(name, "", size, None, {"valid": "val"}.get(split, split))
        labels.images.append(image)
        _read_labels(text, image, values, kinds, labels, notes)
    labels.root = images


def _image_of_each(texts: list[Path], root: Path, images: Path, notes: Notes) -> dict[Path, Path]:
    """By text file its image: of those of its name the one that has most folders in common, from the end.

    Where that is not one, or where an image would have several text files, nothing tells whose the labels are.
    """
    by_stem: dict[str, list[Path]] = {}
    for path in files_below(images):
        if is_image_name(path):
            by_stem.setdefault(path.stem, []).append(path)
    chosen: dict[Path, tuple[Path, int]] = {}
    for text in texts:
        own = _parts(text.relative_to(root))
        fits = [(shared_end(own, _parts(p.relative_to(images))), p) for p in by_stem.get(text.stem, [])]
        most = max((shared for shared, _ in fits), default=0)
        best = [path for shared, path in fits if shared == most]
        if len(best) == 1:
            chosen[text] = best[0], most
        else:
            what = "whose name several images have" if best else "without an image of their name"
            notes.left_out[f"text files {what}"] += 1
    rivals: dict[Path, list[int]] = {}
    for image, shared in chosen.values():
        rivals.setdefault(image, []).append(shared)
    kept: dict[Path, Path] = {}
    for text, (image, shared) in chosen.items():
        if shared == max(rivals[image]) and rivals[image].count(shared) == 1:
            kept[text] = image
        else:
            notes.left_out["text files whose image has another one"] += 1
    return kept


def _parts(path: Path) -> list[str]:
    """Of a path without suffix and folders called labels or images."""
    return [part for part in path.with_suffix("").parts if part not in ("labels", "images")]


def _count_labels_alone(root: Path, images: set[str], notes: Notes) -> None:
    """Labels of images that are not there, in the folders of those that are; beside images a text may be anything."""
    read = {label_name(image) for image in images}
    folders = {os.path.dirname(name) for name in read} - {os.path.dirname(image) for image in images}
    for folder in sorted(folders):
        texts = [path for path in (root / folder).glob("*.txt") if path.name != "classes.txt"]
        alone = [path for path in texts if path.relative_to(root).as_posix() not in read]
        notes.left_out["text files without an image of their name"] += len(alone)


def label_name(image: str) -> str:
    """labels/train/a.txt of images/train/a.jpg: the last folder called images is another one."""
    parts = list(PurePosixPath(image).with_suffix(".txt").parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return "/".join(parts)


def _read_labels(
    file: Path, image: LabeledImage, values: int, kinds: dict[int, ObjectKind], labels: LabelSet, notes: Notes
) -> None:
    assert image.size is not None
    if not file.is_file():
        return  # without anybody
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        if not line.strip():
            continue
        try:
            numbers = np.array([float(v) for v in line.split()])  # NaN is more than any share
        except ValueError:
            numbers = np.array([np.nan])
        kind = kinds.get(int(numbers[0])) if (np.abs(numbers) <= MOST_SHARE).all() else None
        if kind is None or len(numbers) != 5 + values * len(kind.keypoint_names):
            notes.left_out["rows with another number of values, or of a class without a name"] += 1
            continue
        height, width = image.size
        x, y, w, h = (numbers[1:5] * (width, height, width, height)).tolist()
        points = _points(numbers[5:].reshape(-1, values), width, height, notes)
        labels.people.append(LabeledPerson(image, kind, points, (x - w / 2, y - h / 2, w, h)))


def _points(given: Floats, width: int, height: int, notes: Notes) -> Floats:
    """(K, 3); without visibility, a point at 0, 0 is not labeled, though Ultralytics takes it as visible."""
    if given.shape[1] == 2:
        at_zero = (given <= 0).all(axis=1)
        notes.guessed["keypoints at 0 0, taken as not labeled as kpt_shape has no visibility"] += int(at_zero.sum())
        given = np.column_stack([given, np.where(at_zero, 0, 2)])
    points: Floats = given * (width, height, 1)
    odd = ~np.isin(points[:, 2], (0, 1, 2))  # predictions saved as labels have confidences there
    notes.guessed[CONFIDENCES] += int(odd.sum())
    points[odd, 2] = np.where(points[odd, 2] >= 0.5, 2, 0)
    points[points[:, 2] == 0] = 0
    return points
