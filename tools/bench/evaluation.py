"""From predictions to COCO's ten numbers, against published code: Python loops, a file, pycocotools.

    OMP_NUM_THREADS=1 python tools/bench/evaluation.py [--quick]    # 104,125 detections on 5,000 images
    OMP_NUM_THREADS=1 python tools/bench/evaluation.py --growth     # and on half as many

The baseline is the procedure of HRNet and SimpleBaselines: `rescoring` and `oks_nms` with their loops, the results
written as JSON and read back by `COCO.loadRes`, and pycocotools' COCOeval. It is spared what is only slow there: the
JSON is not indented, and the annotations are read once, before the clock starts.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from timing import Row, markdown, row

from pose.__main__ import COLLECT_EVERY
from pose.data.coco import CocoFile, load_coco
from pose.evaluation.coco import Predictions, evaluate_coco, to_coco_results
from pose.evaluation.coco_backends import BACKENDS
from pose.keypoints.skeletons import COCO17

FOLDER = Path(__file__).parent
SIGMAS = np.array(COCO17.oks_sigmas)
COCO_IMAGES, COCO_DETECTIONS = 5_000, 104_125  # of val2017, by the detector of HRNet's tables
Array = NDArray[Any]


def make_truth(folder: Path, *, images: int) -> CocoFile:
    """An annotation file: 1 to 8 people an image, one in ten without keypoints, one in thirty a crowd."""
    rng = np.random.default_rng(0)
    annotations = []
    for image_id in range(1, images + 1):
        for _ in range(rng.integers(1, 9)):
            x, y, w, h = rng.uniform([0, 0, 20, 30], [400, 250, 240, 230])
            keypoints = np.column_stack([rng.uniform([x, y], [x + w, y + h], (17, 2)), rng.integers(0, 3, 17)])
            keypoints[:, 2] *= rng.random() < 0.9
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "bbox": [x, y, w, h],
                    "area": 0.6 * w * h,
                    "iscrowd": int(rng.random() < 1 / 30),
                    "num_keypoints": int((keypoints[:, 2] > 0).sum()),
                    "keypoints": keypoints.ravel().tolist(),
                }
            )
    entries = [{"id": i, "file_name": f"{i}.jpg", "height": 480, "width": 640} for i in range(1, images + 1)]
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoint_names), "skeleton": []}]
    path = folder / "truth.json"
    path.write_text(json.dumps({"images": entries, "categories": categories, "annotations": annotations}))
    return load_coco(path, COCO17)


def make_predictions(truth: CocoFile, *, count: int) -> Predictions:
    """`count` boxes, as many on each image: most on a person, often several on one; the rest on nobody."""
    rng = np.random.default_rng(1)
    assert truth.annotations is not None
    of: dict[int, list[Any]] = {}
    for a in truth.annotations:
        of.setdefault(a.image_id, []).append(a)
    ids, boxes, points = [], [], []
    for place, (image_id, people) in enumerate(of.items()):
        for _ in range(count // len(of) + (place < count % len(of))):
            person = people[rng.integers(len(people))]
            shift = rng.normal(0, rng.choice([0.01, 0.04, 0.1, 0.4]) * np.sqrt(person.area), (17, 2))
            ids.append(image_id)
            boxes.append(person.box_xywh)
            points.append(person.keypoints_img[:, :2] + shift)
    n = len(ids)
    box = np.array(boxes, dtype=np.float64)
    return Predictions(
        image_ids=np.array(ids),
        boxes_xywh=box,
        box_scores=rng.beta(1, 2, n),
        keypoints_img=np.array(points, dtype=np.float64),
        keypoint_scores=rng.uniform(0, 1, (n, 17)),
        input_size=(256, 192),
    )


def plain_nms(people: list[dict[str, Any]], threshold: float) -> list[dict[str, Any]]:
    """HRNet's oks_nms with its oks_iou."""
    scores = np.array([p["score"] for p in people])
    points = np.array([p["keypoints"].flatten() for p in people])
    areas = np.array([p["area"] for p in people])
    variances = (SIGMAS * 2) ** 2
    order, keep = scores.argsort()[::-1], []
    while order.size > 0:
        i, rest = order[0], order[1:]
        keep.append(i)
        xg, yg = points[i][0::3], points[i][1::3]
        ious = np.zeros(len(rest))
        for n, j in enumerate(rest):
            dx, dy = points[j][0::3] - xg, points[j][1::3] - yg
            e = (dx**2 + dy**2) / variances / ((areas[i] + areas[j]) / 2 + np.spacing(1)) / 2
            ious[n] = np.sum(np.exp(-e)) / e.shape[0] if e.shape[0] else 0.0
        order = order[np.where(ious <= threshold)[0] + 1]
    return [people[i] for i in keep]


def plain_evaluation(predictions: Predictions, truth: COCO, folder: Path) -> list[float]:
    """HRNet's COCODataset.evaluate."""
    p = predictions
    of: dict[int, list[dict[str, Any]]] = {}
    for n in range(len(p.image_ids)):
        keypoints = np.concatenate([p.keypoints_img[n], p.keypoint_scores[n][:, None]], axis=1)
        person = {"keypoints": keypoints, "area": p.areas[n], "score": p.box_scores[n], "image": int(p.image_ids[n])}
        of.setdefault(person["image"], []).append(person)
    results = []
    for people in of.values():
        for person in people:
            total, valid = 0.0, 0
            for k in range(17):
                score = person["keypoints"][k][2]
                if score > 0.2:
                    total, valid = total + score, valid + 1
            person["score"] *= total / valid if valid else 0.0
        for person in plain_nms(people, 0.9):
            record = {"image_id": person["image"], "category_id": 1, "score": float(person["score"])}
            results.append({**record, "keypoints": person["keypoints"].flatten().tolist()})
    path = folder / "results.json"
    path.write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(str(path)), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(x) for x in evaluation.stats]


def cases(folder: Path, *, images: int, count: int) -> dict[str, Callable[[], Any]]:
    """The ten numbers by each backend and by the baseline."""
    coco = make_truth(folder, images=images)
    predictions = make_predictions(coco, count=count)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(coco.path))

    def ours(backend: str) -> list[float]:
        return list(evaluate_coco(coco, to_coco_results(predictions, COCO17)[0], COCO17, backend=backend).values())

    functions: dict[str, Callable[[], Any]] = {"baseline": lambda: plain_evaluation(predictions, truth, folder)}
    functions |= {name: partial(ours, name) for name in BACKENDS}
    return functions


def rows(quick: bool) -> list[Row]:
    """Time and memory of an evaluation at COCO's size by each backend that is installed; `quick` takes few images."""
    images = 12 if quick else COCO_IMAGES
    baseline, most = measure("baseline", images)
    found = []
    for name in BACKENDS:
        if find_spec(name) is None:
            continue
        seconds, megabytes = measure(name, images)
        found.append(
            row(
                {"ours": [seconds], "baseline": [baseline]},
                what=f"evaluation of {detections(images):,} detections on {images:,} images, {name}",
                against="rescoring and OKS-NMS in Python loops, JSON to disk and back, pycocotools",
                target=">= 10" if name == "hotcoco" else ">= 1.5",
                ours="ours",
                baseline="baseline",
                note=f"once; takes {megabytes:.0f} MB, the baseline {most:.0f} MB",
            )
        )
    return found


def detections(images: int) -> int:
    """How many on so many images, as dense as on COCO's."""
    return COCO_DETECTIONS * images // COCO_IMAGES


def measure(way: str, images: int) -> tuple[float, float]:
    """Processor seconds of one evaluation in a process of its own, and the megabytes that it took for it."""
    code = f"import evaluation; evaluation.run_once({way!r}, {images})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (FOLDER, FOLDER.parents[1])))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def run_once(way: str, images: int) -> None:
    """Evaluate once, ours with the garbage collector as `pose` sets it, and print what `measure` reads."""
    with tempfile.TemporaryDirectory() as folder:
        function = cases(Path(folder), images=images, count=detections(images))[way]
        if way != "baseline":
            gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.process_time()
        function()
        seconds = time.process_time() - begin
    print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def growth() -> str:
    """A table of each way at COCO's size and at half of it."""
    lines = ["| way | images | processor time | against the baseline | memory for it |", "|---|---|---|---|---|"]
    for images in (COCO_IMAGES // 2, COCO_IMAGES):
        baseline, _ = found = measure("baseline", images)
        for way, (seconds, megabytes) in {"baseline": found, **{b: measure(b, images) for b in BACKENDS}}.items():
            lines.append(
                f"| {way} | {images:,} | {seconds:.1f} s | {baseline / seconds:.1f}x faster | {megabytes:.0f} MB |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", action="store_true", help="on all images and on half as many")
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it runs")
    options = parser.parse_args()
    print(growth() if options.growth else markdown(rows(quick=options.quick)))


if __name__ == "__main__":
    main()
