"""The annotation files of a dataset's folder, and where the images of each are."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pose.data.foreign import find_foreign, refuse_foreign
from pose.data.image_entries import local_name
from pose.data.image_names import split_name
from pose.data.json_file import read_json
from pose.data.keypoint_files import keypoint_files
from pose.runtime.errors import DataError
from pose.runtime.text import plural, shell_word

LAYOUT = "annotations/*.json with images/NAME or NAME beside it, as `pose figures` and COCO have it"
VAL = ("val", "valid", "validation")  # what stands in the place of train in the names of files
TRIED = 20  # listed files that are looked for to tell which folder is theirs


@dataclass(frozen=True)
class FoundSplit:
    """One annotation file of a folder.

    Attributes:
        name: such as train2017 of annotations/person_keypoints_train2017.json.
        document: what the file holds, an object with a list of images.
        images_dir: where its images are.
        detections: the one file in person_detection_results whose name has that of the split in it.
    """

    name: str
    path: Path
    document: dict[str, Any]
    images_dir: Path
    detections: Path | None


def find_splits(folder: Path) -> list[FoundSplit]:
    """Find the splits of a folder, those for training first.

    Where names of files have `keypoints` in them, as COCO's, of the others (instances, captions) only those are read
    that have keypoints of another split.

    Raises:
        FileNotFoundError: no annotation file, or no images for one; with what was looked for.
        ValueError: an annotation file is not JSON.
    """
    below = sorted((folder / "annotations").glob("*.json"))
    files = below or sorted(folder.glob("*.json"))
    files = keypoint_files(files)
    read = [(path, read_json(path)) for path in files]
    documents = [(path, document) for path, document in read if _lists_images(document)]
    if not documents:
        for path, document in read:
            refuse_foreign(path, document)
        others = f" (not in {', '.join(path.name for path in files[:5])})" if files else ""
        config = folder / "config.yaml"
        foreign = None if (folder / "versions.json").is_file() else find_foreign(folder)  # a run has a CSV table
        if foreign:
            raise DataError(foreign)
        hint = f"; a run's dataset is checked by pose check {shell_word(config)}" if config.is_file() else ""
        raise FileNotFoundError(
            f"no COCO annotations in {folder}{others}; expected {LAYOUT}, or *.json in the folder itself; or give a "
            f"YAML config, or one JSON with --images DIR{hint}"
        )
    names = [split_name(path) for path, _ in documents]
    if len(set(names)) < len(names):
        names = [path.stem for path, _ in documents]
    splits = [
        FoundSplit(name, path, document, _images_dir(folder, name, path, document), _detections(folder, name))
        for name, (path, document) in zip(names, documents, strict=True)
    ]
    return sorted(splits, key=lambda split: not is_training(split.name))


def find_split(path: Path, *, images: Path | None = None) -> FoundSplit:
    """One annotation file, and its images: in the folder that is given, or where `find_splits` looks.

    Raises:
        FileNotFoundError: no images.
        ValueError: the file is not JSON, or no list of images.
    """
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    document = read_json(path)
    if not _lists_images(document):
        refuse_foreign(path, document)
        raise DataError(f"{path} has no list of images; give a COCO keypoint JSON")
    name = split_name(path)
    where = _images_dir(root, name, path, document) if images is None else images
    return FoundSplit(name, path, document, where, _detections(root, name))


def find_validation(path: Path, train: FoundSplit, *, images: Path | None) -> FoundSplit:
    """The annotation file to evaluate on, beside one to train on whose images are in `images`.

    Its own are there too, or in a folder beside that has the split's name, as COCO's images/val2017 beside
    images/train2017; that goes before where both files list an image of one name, as frames that are numbered alike.
    If they are in neither, `check_images` tells.
    """
    split = find_split(path, images=images)
    alike = set(_listed(train.document, None)) & set(_listed(split.document, None))
    if images is None or (not alike and _has_images(images, split.document)):
        return split
    beside = images.parent / split.name
    if _has_images(beside, split.document):
        return replace(split, images_dir=beside)
    if alike:
        warnings.warn(
            f"{path} lists images of {plural(len(alike), 'name')} that {train.path} lists too, e.g. {min(alike)}, "
            f"and no folder {beside} has them: {images} is taken for both; set data.val.images if others are meant",
            stacklevel=3,
        )
    return split


def check_images(split: FoundSplit) -> None:
    """Look for the first images that a file lists.

    Raises:
        FileNotFoundError: none of them is in the folder of its images.
    """
    files = _listed(split.document)
    if files and not _has_images(split.images_dir, split.document):
        raise FileNotFoundError(
            f"none of the first {plural(len(files), 'image')} of {split.path} is in {split.images_dir}, e.g. "
            f"{files[0]}; give the folder that these names are in as --images"
        )


def validation_file(path: Path) -> Path | None:
    """The file beside `path` whose name has val in the place of its train, as `pose split` and COCO call them."""
    stems = {
        path.stem[: m.start()] + val + path.stem[m.end() :] for m in re.finditer("train", path.stem) for val in VAL
    }
    return next((found for stem in sorted(stems) if (found := path.with_name(stem + path.suffix)).is_file()), None)


def is_training(name: str) -> bool:
    return name.lower().startswith("train")


def _lists_images(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("images"), list)


def _listed(document: dict[str, Any], count: int | None = TRIED) -> list[str]:
    """The names of the first images; of all of them by None."""
    names = [image.get("file_name") for image in document["images"] if isinstance(image, dict)]
    return [name for name in islice(names, count) if isinstance(name, str) and name]


def _has_images(folder: Path, document: dict[str, Any]) -> bool:
    """Whether the folder has one of the first images that the file lists."""
    return any((folder / local_name(file)).is_file() for file in _listed(document))


def _images_dir(folder: Path, name: str, path: Path, document: dict[str, Any]) -> Path:
    """Find the first place that has one of the listed files; else the first there is, where all will be missing."""
    places = [folder / "images" / name, folder / name, folder / "images", folder]
    files = _listed(document)
    for place in places:
        if _has_images(place, document):
            return place
    for place in places[:-1]:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"no images of {path}: looked for {files[0] if files else 'a folder'} in {', '.join(map(str, places))}; "
        f"move them there, or say where they are: pose check {shell_word(path)} --images DIR"
    )


def _detections(folder: Path, name: str) -> Path | None:
    found = [path for path in (folder / "person_detection_results").glob("*.json") if name in path.stem]
    return found[0] if len(found) == 1 else None
