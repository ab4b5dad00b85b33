"""Generated people, or animals: images of jointed mannequins with exact keypoints, as a COCO-format dataset.

The default dataset where nothing can be downloaded, and a task on which a network learns something: bodies with
volume, clothes, light, shadows and perspective, that hide themselves and each other. Left and right look alike, so
they can be told apart only by understanding which way the body faces.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose.keypoints.skeletons import COCO17, Skeleton
from pose.runtime.errors import DataError
from pose.runtime.files import write_atomic, write_json
from pose.runtime.stop import hold_back_ctrl_c
from pose.runtime.streams import Stream, stream
from pose.runtime.text import did_you_mean
from pose.synthetic.animals.image import render_animals
from pose.synthetic.animals.skeleton import ANIMAL
from pose.synthetic.annotate import Figure, SyntheticImage
from pose.synthetic.detections import detect
from pose.synthetic.levels import LEVELS, Level
from pose.synthetic.people.image import render_people

GENERATOR_VERSION = 16
SPLITS = {"train": 0, "val": 1}  # part of each image's seed
JPEG_QUALITY = 92
DONE, UNDERWAY = "figures.json", "figures.partial.json"


@dataclass(frozen=True)
class Subject:
    """What is on the images of a dataset.

    Attributes:
        category_id, category: of the annotations, which lie in `annotations/{category}_keypoints_{split}.json`.
        render: makes one image.
    """

    category_id: int
    category: str
    skeleton: Skeleton
    render: Callable[[np.random.Generator, Level], SyntheticImage]


SUBJECTS = {
    "people": Subject(1, "person", COCO17, render_people),
    "animals": Subject(7, "animal", ANIMAL, render_animals),
}


@dataclass(frozen=True)
class Truth:
    """What is annotated on one image.

    Attributes:
        image_size: (height, width).
        figures: who is in it.
    """

    image_size: tuple[int, int]
    figures: tuple[Figure, ...]


def image_rng(seed: int, split: str, index: int) -> np.random.Generator:
    """Make the random stream of image `index` (from 0) of a split, a pure function of its arguments."""
    return stream(Stream.PEOPLE, seed, SPLITS[split], index)


def generate(
    root: str | os.PathLike[str],
    *,
    kind: str = "people",
    level: str = "normal",
    train: int = 2000,
    val: int = 500,
    seed: int = 0,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a COCO-format dataset of generated images; a folder that already holds the same one is left as it is.

    With `train=0`, a dataset that has images to train on will do as well; they can be added later by asking for them.

    The layout is `annotations/{person,animal}_keypoints_{train,val}.json`, `images/{train,val}/000001.jpg`,
    `person_detection_results/val.json` (detections as a person detector would give) and `figures.json` (the
    parameters), which is written last. An interrupted generation is started over by the same call.

    Args:
        root: the dataset's folder; new, empty, or one that `generate` began or finished with the same parameters.
        kind: a key of `SUBJECTS`.
        level: a key of `LEVELS`.
        train, val: numbers of images; an image holds one to five people, or up to three animals.
        seed: >= 0; another seed gives other images.
        workers: processes to spread the work over, 0 for this one; changes nothing in the result.
        progress: called with (images done, images in all).
    Raises:
        DataError: unknown kind or level, a negative number, or a folder that holds something else.
    """
    _check_key("kind", kind, list(SUBJECTS))
    _check_key("level", level, list(LEVELS))
    for name, number in (("train", train), ("val", val), ("seed", seed), ("workers", workers)):
        if number < 0:
            raise DataError(f"{name} = {number}, but it must be 0 or more")
    folder = Path(root)
    parameters = {"level": level, "seed": seed, "train": train, "val": val, "version": GENERATOR_VERSION}
    parameters |= {} if kind == "people" else {"kind": kind}  # folders of earlier versions hold people
    there = _claim(folder, parameters)
    if there is not None and train in (0, there):
        return
    counts = {"train": train} if there == 0 else {"train": train, "val": val} if train else {"val": val}
    total, done = sum(counts.values()), 0
    for split, count in counts.items():
        truths = []
        for truth in _render_split(folder, kind, level, split=split, count=count, seed=seed, workers=workers):
            truths.append(truth)
            done += 1
            if progress is not None:
                progress(done, total)
        info = {"description": f"generated {kind}"} | parameters | {"split": split, "count": count}
        _write_annotations(folder, truths, info, kind=kind, split=split, seed=seed)
    write_json(folder / DONE, parameters)
    (folder / UNDERWAY).unlink(missing_ok=True)


def _write_annotations(
    folder: Path, truths: list[Truth], info: dict[str, Any], *, kind: str, split: str, seed: int
) -> None:
    """Write the annotation file of a split, and the detections of a validation split."""
    subject = SUBJECTS[kind]
    document = coco_dict(truths, info, subject=subject)
    write_json(folder / "annotations" / f"{subject.category}_keypoints_{split}.json", document, indent=None)
    if split == "val":
        detections = [
            {"image_id": i + 1, "category_id": subject.category_id, "bbox": box, "score": score}
            for i, truth in enumerate(truths)
            for box, score in detect(image_rng(seed, "val", i), truth.image_size, truth.figures)
        ]
        write_json(folder / "person_detection_results" / "val.json", detections, indent=None)


def _check_key(what: str, key: str, valid: list[str]) -> None:
    if key not in valid:
        raise DataError(f"figures {what} '{key}' is unknown; {did_you_mean(key, valid)}")


def _claim(folder: Path, parameters: dict[str, Any]) -> int | None:
    """Find how many images to train on the dataset in a folder has; without one return None, and mark the folder.

    Raises:
        DataError: the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder for the generated images")
    for name in (DONE, UNDERWAY):
        path = folder / name
        if not path.exists():
            continue
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({error}); delete {folder} or give another folder") from error
        if not _same(found, parameters):
            state = "holds" if name == DONE else "holds an interrupted generation of"
            raise DataError(
                f"{folder} {state} generated images with {_words(found)}, but asked for were {_words(parameters)}; "
                f"give another folder, or delete {folder}"
            )
        if name == DONE:
            return int(found["train"])
        break
    else:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(
                f"{folder} is not empty and holds no {DONE}, so it was not made by `pose figures`; "
                "give another folder, or an empty one; for data of your own set data.figures=null"
            )
        write_json(folder / UNDERWAY, parameters)
    return None


def _same(found: Any, wanted: dict[str, Any]) -> bool:
    """Say whether two sets of parameters agree, apart from one of them having no images to train on."""
    if not isinstance(found, dict) or not isinstance(found.get("train"), int):
        return False
    one_without = 0 in (found["train"], wanted["train"])
    return found | {"train": wanted["train"]} == wanted if one_without else found == wanted


def _words(parameters: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in parameters.items()) if isinstance(parameters, dict) else repr(parameters)


def _render_split(
    folder: Path, kind: str, level: str, *, split: str, count: int, seed: int, workers: int
) -> Iterator[Truth]:
    """Write the images of a split; yields what is on them, in order."""
    (folder / "images" / split).mkdir(parents=True, exist_ok=True)
    task = partial(_write_image, str(folder), kind, level, split, seed)
    if workers == 0 or count == 0:
        yield from map(task, range(count))
        return
    with hold_back_ctrl_c():  # who generates ends its helpers; they have nothing to say
        made = multiprocessing.get_context("spawn").Pool(workers, initializer=_one_thread)
    with made as pool:
        yield from pool.imap(task, range(count), chunksize=8)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _write_image(folder: str, kind: str, level: str, split: str, seed: int, index: int) -> Truth:
    made = SUBJECTS[kind].render(image_rng(seed, split, index), LEVELS[level])
    ok, data = cv2.imencode(".jpg", made.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise OSError(f"OpenCV could not encode image {index + 1} of {split} as JPEG")
    write_atomic(Path(folder) / "images" / split / f"{index + 1:06d}.jpg", data.tobytes(), flush=False)
    height, width = made.image.shape[:2]
    return Truth((height, width), made.figures)


def coco_dict(truths: list[Truth], info: dict[str, Any], *, subject: Subject) -> dict[str, Any]:
    """Make a COCO keypoint annotation file; image and annotation ids count from 1.

    Beside COCO's keys an annotation has `view` ("front", "side", "back"), `posture` and `truncated`. `bbox` is that
    of the whole silhouette inside the image, hidden parts included, or of what is visible (`Level.only_visible`);
    `area` counts the visible pixels.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, truth in enumerate(truths, start=1):
        height, width = truth.image_size
        images.append({"id": i, "file_name": f"{i:06d}.jpg", "width": width, "height": height})
        for figure in truth.figures:
            points = [float(v) for v in np.round(figure.keypoints, 2).ravel()]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": subject.category_id,
                    "bbox": [float(v) for v in np.round(figure.box_xywh, 2)],
                    "area": round(figure.area, 2),
                    "iscrowd": 0,
                    "num_keypoints": int((figure.keypoints[:, 2] > 0).sum()),
                    "keypoints": [int(v) if k % 3 == 2 else v for k, v in enumerate(points)],
                    "view": figure.view,
                    "posture": figure.posture,
                    "truncated": figure.truncated,
                }
            )
    category = {
        "id": subject.category_id,
        "name": subject.category,
        "supercategory": subject.category,
        "keypoints": list(subject.skeleton.keypoint_names),
        "skeleton": [[a + 1, b + 1] for a, b in subject.skeleton.edges],
    }
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": [category]}
