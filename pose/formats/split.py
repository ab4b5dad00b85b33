"""Split a COCO file into one to train on and one to evaluate, by image."""

from __future__ import annotations

import json
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.json_file import read_json
from pose.data.records import read_id
from pose.runtime.errors import ConfigError, DataError
from pose.runtime.files import write_together
from pose.runtime.text import plural, shell_word


@dataclass(frozen=True)
class Part:
    """One of the two files, with what is in it."""

    path: Path
    images: int
    people: int
    groups: int


def split_coco(path: Path, *, share: float, seed: int = 0, by_prefix: bool = False) -> tuple[Part, Part]:
    """Write FILE_train.json and FILE_val.json; images stay whole, and everything else of the file is in both.

    Args:
        share: of the images, or of the groups of images, that go to val; at least one goes to each.
        by_prefix: keep images together whose names differ in their last number only, such as frames of a video.
    Raises:
        DataError: no COCO file, too few images or groups, or a file of these names is there.
    """
    if not 0 < share < 1:
        raise ConfigError(f"--val {share} is no share; give one between 0 and 1, such as 0.2")
    outs = [path.with_name(f"{path.stem}_{name}.json") for name in ("train", "val")]
    there = [out for out in outs if os.path.lexists(out)]
    if len(there) == len(outs) and not path.exists():
        both = " and ".join(out.name for out in outs)
        raise DataError(f"no file {path}, but {both} are there: what they were made of was split already")
    for out in there:
        raise DataError(f"{out} exists already; remove it, or copy {path.name} to another name")
    if path.is_dir():
        raise DataError(
            f"{path} is a folder; a COCO JSON is split: "
            f"pose convert {shell_word(path)} {shell_word(path.name + '.json')}"
        )
    document = read_json(path)
    if not isinstance(document, dict) or not all(
        isinstance(document.get(k), list) for k in ("images", "annotations")
    ):
        raise DataError(
            f"{path} is no COCO file; convert it first: "
            f"pose convert {shell_word(path)} {shell_word(path.stem + '_coco.json')}"
        )
    groups = _groups(document["images"], path, by_prefix=by_prefix)
    if len(groups) < 2:
        what = "group of names (--by-prefix)" if by_prefix else "image"
        many = "groups of names (--by-prefix)" if by_prefix else "images"
        raise DataError(f"{path} has {plural(len(groups), what, many)}; a split needs two")
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    count = min(max(1, round(share * len(names))), len(names) - 1)
    val = {names[i] for i in order[:count]}
    chosen = [[name for name in names if name not in val], sorted(val)]
    documents = [_part(document, {i for name in own for i in groups[name]}) for own in chosen]
    lost = len(document["annotations"]) - sum(len(part["annotations"]) for part in documents)
    if lost:
        warnings.warn(
            f"{path}: {plural(lost, 'annotation')} of images that it does not list are in neither file", stacklevel=2
        )
    parts = []
    for out, own, part in zip(outs, chosen, documents, strict=True):
        if document["annotations"] and not part["annotations"]:
            warnings.warn(f"{out} has images with nobody alone; give another --seed or --val", stacklevel=2)
        parts.append(Part(out, len(part["images"]), len(part["annotations"]), len(own)))
    texts = [(json.dumps(part, ensure_ascii=False) + "\n").encode() for part in documents]
    write_together(dict(zip(outs, texts, strict=True)))
    return parts[0], parts[1]


def _groups(images: list[Any], path: Path, *, by_prefix: bool) -> dict[str, list[int]]:
    """Ids of images by the name of their group."""
    groups: dict[str, list[int]] = {}
    names: dict[int, str] = {}
    for i, image in enumerate(images):
        number = read_id(image.get("id")) if isinstance(image, dict) else None
        name = image.get("file_name") if isinstance(image, dict) else None
        if number is None or not isinstance(name, str):
            raise DataError(
                f"{path}: images[{i}] has no id and file_name; `pose check {shell_word(path)}` shows all such"
            )
        if names.setdefault(number, name) != name:
            raise DataError(
                f"{path}: images[{i}] ({name}) has the id {number} of {names[number]}, so nobody knows whose the "
                "annotations are; number them apart"
            )
        key = prefix(name) if by_prefix else name
        groups.setdefault(key, []).append(number)
    return groups


def prefix(name: str) -> str:
    """What comes before the last number of a file's name, with its folder: walk/frame_ of walk/frame_0012.jpg."""
    folder, slash, file = name.replace("\\", "/").rpartition("/")
    stem, _, suffix = file.rpartition(".")
    stem = stem if stem and suffix.isalnum() else file
    before, dot, digest = stem.rpartition(".rf.")  # of Roboflow
    backward = (before if dot and digest.isalnum() else stem)[::-1]  # where a pattern that fits nothing ends at once
    number = re.match(r"\D*\d+", backward)
    return f"{folder}{slash}{backward[number.end() if number else 0 :][::-1]}"


def _part(document: dict[str, Any], ids: set[int]) -> dict[str, Any]:
    images = [image for image in document["images"] if read_id(image["id"]) in ids]
    people = [a for a in document["annotations"] if isinstance(a, dict) and read_id(a.get("image_id")) in ids]
    return {**document, "images": images, "annotations": people}
