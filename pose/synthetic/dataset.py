"""Generated people, or animals: pictures of jointed mannequins with exact keypoints, as a COCO-format dataset.

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
from pose.runtime.files import write_atomic, write_json
from pose.runtime.text import did_you_mean
from pose.synthetic.animals.body import ANIMAL
from pose.synthetic.animals.image import render_animals
from pose.synthetic.annotate import Figure
from pose.synthetic.levels import LEVELS, Level
from pose.synthetic.people.image import Picture, render_picture

__all__ = ["GENERATOR_VERSION", "KINDS", "LEVELS", "Figure", "Level", "Picture", "generate", "render_picture"]

GENERATOR_VERSION = 3
SPLITS = {"train": 0, "val": 1}  # part of each picture's seed
JPEG_QUALITY = 92
DONE, UNDERWAY = "figures.json", "figures.partial.json"


@dataclass(frozen=True)
class Kind:
    """What is on the pictures.

    Attributes:
        category_id, category: of the annotations, which lie in `annotations/{category}_keypoints_{split}.json`.
        render: makes one picture.
    """

    category_id: int
    category: str
    skeleton: Skeleton
    render: Callable[[np.random.Generator, Level], Picture]


KINDS = {
    "people": Kind(1, "person", COCO17, render_picture),
    "animals": Kind(7, "animal", ANIMAL, render_animals),
}


def picture_rng(seed: int, split: str, index: int) -> np.random.Generator:
    """The random stream of picture `index` (from 0) of a split: a pure function of its arguments."""
    return np.random.default_rng((seed, SPLITS[split], index))


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
    """Write a COCO-format dataset of generated pictures; a folder that already holds the same one is left as it is.

    With `train=0` one with pictures to train on will do as well; they can be added later by asking for them.

    The layout is `annotations/{person,animal}_keypoints_{train,val}.json`, `images/{train,val}/000001.jpg`,
    `person_detection_results/val.json` (detections as a person detector would give) and `figures.json` (the
    parameters), which is written last. An interrupted generation is started over by the same call.

    Args:
        root: the dataset's folder; new, empty, or one that `generate` began or finished with the same parameters.
        kind: a key of `KINDS`.
        level: a key of `LEVELS`.
        train, val: numbers of pictures; a picture holds one to five people, or up to three animals.
        seed: >= 0; another seed gives other pictures.
        workers: processes to spread the work over, 0 for this one; changes nothing in the result.
        progress: called with (pictures done, pictures in all).
    Raises:
        ValueError: unknown kind or level, a negative number, or a folder that holds something else.
    """
    _check_key("kind", kind, list(KINDS))
    _check_key("level", level, list(LEVELS))
    for name, number in (("train", train), ("val", val), ("seed", seed), ("workers", workers)):
        if number < 0:
            raise ValueError(f"{name} = {number}, but it must be 0 or more")
    folder = Path(root)
    parameters = {"level": level, "seed": seed, "train": train, "val": val, "version": GENERATOR_VERSION}
    parameters |= {} if kind == "people" else {"kind": kind}  # folders of earlier versions hold people
    there = _claim(folder, parameters)
    if there is not None and train in (0, there):
        return
    counts = {"train": train} if there == 0 else {"train": train, "val": val}
    total = sum(counts.values())
    done = 0
    for split, count in counts.items():
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
        people = []
        for size, figures in _pictures(folder, kind, level, split=split, count=count, seed=seed, workers=workers):
            people.append((size, figures))
            done += 1
            if progress is not None:
                progress(done, total)
        info = {"description": f"generated {kind}"} | parameters | {"split": split, "count": count}
        name = f"{KINDS[kind].category}_keypoints_{split}.json"
        write_json(folder / "annotations" / name, coco_dict(people, info, kind=kind), indent=None)
        if split == "val":
            detections = [
                d for i, p in enumerate(people) for d in detect(picture_rng(seed, "val", i), i + 1, *p, kind=kind)
            ]
            write_json(folder / "person_detection_results" / "val.json", detections, indent=None)
    write_json(folder / DONE, parameters)
    (folder / UNDERWAY).unlink(missing_ok=True)


def _check_key(what: str, key: str, valid: list[str]) -> None:
    if key not in valid:
        raise ValueError(f"figures {what} '{key}' is unknown; {did_you_mean(key, valid)}")


def _claim(folder: Path, parameters: dict[str, Any]) -> int | None:
    """Number of pictures to train on of the dataset that is there; without one None, and the folder is marked.

    Raises:
        ValueError: the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give a folder for the generated pictures")
    for name in (DONE, UNDERWAY):
        path = folder / name
        if not path.exists():
            continue
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path} is not JSON ({error}); delete {folder} or give another folder") from error
        if not _same(found, parameters):
            state = "holds" if name == DONE else "holds an interrupted generation of"
            raise ValueError(
                f"{folder} {state} generated pictures with {_words(found)}, but asked for were {_words(parameters)}; "
                f"give another folder, or delete {folder}"
            )
        if name == DONE:
            return int(found["train"])
        break
    else:
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(
                f"{folder} is not empty and holds no {DONE}, so it was not made by generate; "
                "give another folder, or an empty one"
            )
        write_json(folder / UNDERWAY, parameters)
    return None


def _same(found: Any, wanted: dict[str, Any]) -> bool:
    """Whether two sets of parameters agree, but that one of them may have no pictures to train on."""
    if not isinstance(found, dict) or not isinstance(found.get("train"), int):
        return False
    one_without = 0 in (found["train"], wanted["train"])
    return found | {"train": wanted["train"]} == wanted if one_without else found == wanted


def _words(parameters: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in parameters.items()) if isinstance(parameters, dict) else repr(parameters)


People = tuple[tuple[int, int], tuple[Figure, ...]]  # (height, width) of the picture, who is in it


def _pictures(
    folder: Path, kind: str, level: str, *, split: str, count: int, seed: int, workers: int
) -> Iterator[People]:
    """Write the images of a split; yields what is on them, in order."""
    task = partial(_write_picture, str(folder), kind, level, split, seed)
    if workers == 0 or count == 0:
        yield from map(task, range(count))
        return
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_one_thread) as pool:
        yield from pool.imap(task, range(count), chunksize=8)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _write_picture(folder: str, kind: str, level: str, split: str, seed: int, index: int) -> People:
    picture = KINDS[kind].render(picture_rng(seed, split, index), LEVELS[level])
    ok, data = cv2.imencode(".jpg", picture.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise OSError(f"OpenCV could not encode picture {index + 1} of {split} as JPEG")
    write_atomic(Path(folder) / "images" / split / f"{index + 1:06d}.jpg", data.tobytes(), flush=False)
    return picture.image.shape[:2], picture.people


def coco_dict(people: list[People], info: dict[str, Any], *, kind: str = "people") -> dict[str, Any]:
    """A COCO keypoint annotation file; image and annotation ids count from 1.

    Beside COCO's keys an annotation has `view` ("front", "side", "back"), `posture` and `truncated`. `bbox` is that
    of the whole silhouette inside the picture, hidden parts included, or of what is visible (`Level.only_visible`);
    `area` counts the visible pixels.
    """
    category_id, name, skeleton = KINDS[kind].category_id, KINDS[kind].category, KINDS[kind].skeleton
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, ((height, width), figures) in enumerate(people, start=1):
        images.append({"id": i, "file_name": f"{i:06d}.jpg", "width": width, "height": height})
        for figure in figures:
            points = [float(v) for v in np.round(figure.keypoints, 2).ravel()]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": category_id,
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
        "id": category_id,
        "name": name,
        "supercategory": name,
        "keypoints": list(skeleton.keypoint_names),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
    }
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": [category]}


def detect(
    rng: np.random.Generator,
    image_id: int,
    size: tuple[int, int],
    figures: tuple[Figure, ...],
    *,
    kind: str = "people",
) -> list[dict[str, Any]]:
    """Boxes as a good person detector gives them: shifted a little, some doubled, missed or false, with scores."""
    height, width = size
    found: list[tuple[np.ndarray, float]] = []

    def add(box_xywh: np.ndarray, spread: float, score: float) -> None:
        x, y, w, h = box_xywh
        shift = rng.normal(0, spread, 4) * (w, h, w, h)
        corners = np.clip(np.array([x, y, x + w, y + h]) + shift, 0, (width, height, width, height))
        if (corners[2:] - corners[:2]).min() >= 4:
            found.append((corners, float(np.clip(score - 2.0 * np.abs(shift / (w, h, w, h)).mean(), 0.01, 0.999))))

    for figure in figures:
        w, h = figure.box_xywh[2:]
        shown = min(figure.area / (0.30 * w * h), 1.0)  # a body that nothing hides fills about 0.3 to 0.5 of its box
        if figure.area < 20 or rng.random() < 0.03 + 0.12 * (1 - shown):
            continue
        score = 0.55 + 0.44 * shown - abs(rng.normal(0, 0.05))
        add(figure.box_xywh, 0.02 if rng.random() < 0.8 else 0.06, score)
        if rng.random() < 0.08:
            add(figure.box_xywh, 0.10, score * rng.uniform(0.2, 0.6))
    for _ in range(rng.poisson(0.35)):
        h = rng.uniform(0.15, 0.8) * height
        w = h * rng.uniform(0.25, 0.7)
        add(np.array([rng.uniform(-0.2, 0.9) * width, rng.uniform(0, 0.8) * height, w, h]), 0.0, rng.beta(1.2, 5))
    return [
        {
            "image_id": image_id,
            "category_id": KINDS[kind].category_id,
            "bbox": [round(float(v), 2) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])],
            "score": round(score, 4),
        }
        for b, score in found
    ]
