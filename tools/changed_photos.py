"""Changes photographs one way at a time, and evaluates a model on them: what does it lean on, what does it need?

    python tools/changed_photos.py demo FOLDER/train2017

of a folder as in `tools/photo_gap.py`, in annotated boxes. Prints for each change the mean similarity (OKS) of all
people with labeled keypoints, and AP. The changes below `alone` have one person to an image, and need outlines.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as masks

from pose.check.folder import find_split
from pose.data.json_file import read_json
from pose.keypoints.oks import keypoint_similarity
from pose.keypoints.skeletons import COCO17

Change = Callable[[np.ndarray], np.ndarray]


def power(exponent: float) -> Change:
    """Each value of 0..1 to a power: brighter below 1, darker above."""
    return lambda image: (255 * (image / 255.0) ** exponent).round().astype(np.uint8)


def spread(factor: float) -> Change:
    """More or less contrast about the mean."""
    return lambda image: np.clip((image - image.mean()) * factor + image.mean(), 0, 255).astype(np.uint8)


def color(factor: float) -> Change:
    """More or less color; none at 0."""

    def change(image: np.ndarray) -> np.ndarray:
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None].astype(float)
        return np.clip(gray + (image - gray) * factor, 0, 255).astype(np.uint8)

    return change


def smooth(image: np.ndarray) -> np.ndarray:
    """Without fine texture."""
    for _ in range(2):
        image = cv2.bilateralFilter(image, 7, 40, 5)
    return image


def mean_color(image: np.ndarray) -> np.ndarray:
    return np.broadcast_to(image.reshape(-1, 3).mean(0), image.shape).astype(np.uint8)


WHOLE: dict[str, Change] = {
    "nothing": lambda image: image,
    "fine texture taken out": smooth,
    "color x 1.6": color(1.6),
    "gray": color(0),
    "contrast x 0.7": spread(0.7),
    "contrast x 1.4": spread(1.4),
    "darker": power(1.6),
    "brighter": power(0.5),
}
ALONE: dict[str, tuple[Change | None, Change | None]] = {  # of the person, and of what is around
    "alone: nothing": (None, None),
    "alone: the person brighter": (power(0.5), None),
    "alone: the surroundings brighter": (None, power(0.5)),
    "alone: the surroundings of one color": (None, mean_color),
}


def outline(person: dict, image: np.ndarray) -> np.ndarray:
    """The pixels (H, W, 1) bool of a person."""
    polygons = masks.frPyObjects(person["segmentation"], *image.shape[:2])
    return np.asarray(masks.decode(masks.merge(polygons)), bool)[..., None]


def changed(document: dict, images_dir: Path, name: str, out: Path) -> list[dict]:
    """Write changed images and their annotations below `out`; return the people in them."""
    images = {image["id"]: image for image in document["images"]}
    people = [a for a in document["annotations"] if a["num_keypoints"] and not a.get("iscrowd")]
    alone = name in ALONE
    whole = [(None, image) for image in document["images"]]
    jobs = [(person, images[person["image_id"]]) for person in people] if alone else whole
    listed = []
    for number, (person, image) in enumerate(jobs, 1):
        pixels = cv2.imread(str(images_dir / image["file_name"]))
        if person is None:
            pixels = WHOLE[name](pixels)
        else:
            on_person, around = ALONE[name]
            inside = outline(person, pixels)
            pixels = np.where(
                inside, on_person(pixels) if on_person else pixels, around(pixels) if around else pixels
            )
        cv2.imwrite(str(out / f"{number}.png"), pixels)
        listed.append(image | {"id": number if alone else image["id"], "file_name": f"{number}.png"})
    annotations = document["annotations"]
    if alone:
        people = annotations = [person | {"image_id": number} for number, person in enumerate(people, 1)]
    (out / "people.json").write_text(json.dumps(document | {"images": listed, "annotations": annotations}))
    return people


def evaluate(model: str, people: list[dict], folder: Path) -> tuple[float, float]:
    """The mean similarity of people to what is found of them, and AP."""
    command = [sys.executable, "-m", "pose", "eval", model, "data.figures=null", f"data.root={folder}"]
    command += [
        "data.val.images=.",
        "data.val.annotations=people.json",
        "--boxes",
        "gt",
        "--out",
        str(folder / "eval"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[int, list[np.ndarray]] = {}
    for result in read_json(folder / "eval" / "results.json"):
        found.setdefault(result["image_id"], []).append(np.array(result["keypoints"]).reshape(-1, 3))
    best = []
    for person in people:  # the results do not say whose they are: the likest is taken
        truth = np.array(person["keypoints"], float).reshape(-1, 3)
        squared = ((np.stack(found[person["image_id"]])[..., :2] - truth[:, :2]) ** 2).sum(-1)
        alike = keypoint_similarity(squared, np.array([person["area"]]), COCO17.oks_sigmas)
        best.append(alike[:, truth[:, 2] > 0].mean(1).max())
    return float(np.mean(best)), read_json(folder / "eval" / "metrics.json")["AP"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="what `pose eval` takes: demo, a checkpoint or a run folder")
    parser.add_argument("folder", type=Path, help="FOLDER/NAME")
    options = parser.parse_args()
    model, folder = options.model, options.folder
    split = find_split(folder.parent / "annotations" / f"person_keypoints_{folder.name}.json")
    print(f"{'change':40s}{'OKS':>8s}{'AP':>8s}")
    for name in (*WHOLE, *ALONE):
        with tempfile.TemporaryDirectory() as copies:
            people = changed(split.document, split.images_dir, name, Path(copies))
            similarity, precision = evaluate(model, people, Path(copies))
        print(f"{name:40s}{similarity:8.3f}{precision:8.3f}", flush=True)


if __name__ == "__main__":
    main()
