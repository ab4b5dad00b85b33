#!/usr/bin/env bash
# version: hotcoco 1.3.0 with numpy 2.4.6, checked against pycocotools 2.0.11 (Python 3.11)
# Behaviour: hotcoco is a replacement for pycocotools with the same numbers. The object keypoint similarity needs one
#   sigma for each keypoint; COCO's 17 are the default. pycocotools stops with an error where a person has another
#   number of keypoints. hotcoco goes on: of more keypoints it looks at the first 17 only, and fewer get the sigmas of
#   other points of the body.
# Guess: the same error, or at least a warning; a wrong hand cannot be perfect.
# Seen: 133 keypoints (whole body), the body right and all feet, face and hands 500 pixels off: AP 1.000, without a
#   word; with 133 sigmas both libraries say 0.000. A hand of 21 whose little finger (17 to 20) is 500 pixels off:
#   1.000, with sigmas 0.700. 14 keypoints in the order of CrowdPose, each 5 % of the person's size off: 0.800 instead
#   of 1.000, as the left shoulder is judged as a nose. The only warning comes to the one who does set the sigmas ("no
#   longer COCO keypoint AP").
# Why it matters: whoever changes the import in an evaluation of whole bodies or hands because it is faster gets a
#   finished table. A model that finds no hand at all scores like one that does; checkpoints are chosen by that
#   number.
# Instead: always set ev.params.kpt_oks_sigmas to as many sigmas as there are keypoints, and assert the lengths, as
#   below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check hotcoco==1.3.0 pycocotools==2.0.11 numpy==2.4.6
cat > see.py <<'PY'
import contextlib
import copy
import io
import warnings

import hotcoco
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

random = np.random.default_rng(0)
# CrowdPose: shoulders, elbows, wrists, hips, knees, ankles, top of the head, neck
CROWD = np.array([0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89, 0.79, 0.79]) / 10


def data(count, wrong, by):
    """Thirty persons, and predictions of them in which the keypoints of `wrong` are `by` pixels to the right."""
    images = [{"id": i, "width": 640, "height": 480, "file_name": f"{i}.jpg"} for i in range(1, 31)]
    truth, found = [], []
    for image in images:
        points = np.column_stack([random.uniform(100, 300, (count, 2)), np.full(count, 2)])
        person = {"image_id": image["id"], "category_id": 1, "keypoints": points.ravel().tolist()}
        truth.append(person | {"id": image["id"], "bbox": [100, 100, 200, 200], "area": 20000, "iscrowd": 0})
        truth[-1]["num_keypoints"] = count
        points[wrong, 0] += by
        found.append(person | {"keypoints": points.ravel().tolist(), "score": 0.9})
    names = [f"point {i}" for i in range(count)]
    categories = [{"id": 1, "name": "person", "keypoints": names, "skeleton": []}]
    return {"images": images, "annotations": truth, "categories": categories}, found


def evaluate(library, truth, found, sigmas=None):
    """AP, the words of an error, and the warnings."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if library == "hotcoco":
            gt = hotcoco.COCO(copy.deepcopy(truth))
            evaluation = hotcoco.COCOeval(gt, gt.loadRes(copy.deepcopy(found)), "keypoints")
        else:
            gt = COCO()
            gt.dataset = copy.deepcopy(truth)
            gt.createIndex()
            evaluation = COCOeval(gt, gt.loadRes(copy.deepcopy(found)), "keypoints")
        if sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.array(sigmas) if library == "pycocotools" else list(sigmas)
        try:
            evaluation.evaluate()
        except ValueError as error:
            return None, str(error), [str(w.message) for w in caught]
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[0]), 3), "", [str(w.message) for w in caught]


for title, count, wrong, by, sigmas, without, true in (
    ("133 keypoints, 116 wrong", 133, slice(17, None), 500, np.full(133, 0.05), 1.0, 0.0),
    ("21 keypoints, 4 wrong", 21, slice(17, None), 500, np.full(21, 0.05), 1.0, 0.7),
    ("14 keypoints, all a little off", 14, slice(None), 0.05 * 20000**0.5, CROWD, 0.8, 1.0),
):
    truth, found = data(count, wrong, by)
    ap, error, words = evaluate("hotcoco", truth, found)
    print(f"{title}: hotcoco {ap} warnings {words}")
    assert error == "" and words == [] and ap == without, ap
    none, error, _ = evaluate("pycocotools", truth, found)
    print("   pycocotools:", error)
    assert none is None and "broadcast" in error
    with_sigmas, _, words = evaluate("hotcoco", truth, found, sigmas)
    reference, _, _ = evaluate("pycocotools", truth, found, sigmas)
    print(f"   with {count} sigmas: hotcoco {with_sigmas}, pycocotools {reference}; hotcoco warns: {words}")
    assert with_sigmas == reference == true
    assert len(words) == 1 and "no longer COCO keypoint AP" in words[0]
PY
venv/bin/python see.py
echo "as recorded"
