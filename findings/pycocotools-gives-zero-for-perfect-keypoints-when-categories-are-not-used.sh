#!/usr/bin/env bash
# version: pycocotools 2.0.11 and ultrafast-pycocotools 0.1.14 with numpy 2.4.6 (Python 3.11)
# Behaviour: params.useCats = 0 tells COCOeval to compare answers and truth whatever their category. For boxes it does. For
#   keypoints its similarity is looked up under the category -1, where nothing lies, so nobody is matched with anybody: every
#   number is 0.0 for every set of answers (only sizes of which there is nobody keep their usual -1). No warning comes.
# Guess: with one category in the file useCats = 0 changes nothing; perfect answers get AP 1.0.
# Seen: three people, answers equal to the truth: boxes get 1.0 with useCats 1 and 0; keypoints get 1.0 with 1 and 0.0 with 0,
#   in precision and recall. ultrafast-pycocotools, a "bit-exact" replacement, gives 1.0 for keypoints with both.
# Why it matters: useCats = 0 is what one sets where a tool numbers "person" otherwise than the file (0, 1); the model then
#   looks as if it found nothing, and two evaluators that should agree to the bit differ by 1.0.
# Instead: leave useCats at 1 and set the category ids of the answers to those of the file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pycocotools==2.0.11 ultrafast-pycocotools==0.1.14 numpy==2.4.6
cat > see.py <<'PY'
import contextlib
import copy
import io

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
import ultrafast_pycocotools

rng = np.random.default_rng(0)
truth = {"images": [{"id": k, "file_name": f"{k}.jpg", "width": 640, "height": 480} for k in (1, 2, 3)], "annotations": [],
         "categories": [{"id": 1, "name": "person"}]}
answers = {"keypoints": [], "bbox": []}
for k in (1, 2, 3):
    box = [100.0, 50.0, 120.0, 300.0]
    points = np.column_stack([box[0] + box[2] * rng.random(17), box[1] + box[3] * rng.random(17), np.full(17, 2.0)])
    truth["annotations"].append({"id": k, "image_id": k, "category_id": 1, "bbox": box, "area": 20000.0, "iscrowd": 0,
                                 "num_keypoints": 17, "keypoints": points.ravel().tolist()})
    answers["keypoints"].append({"image_id": k, "category_id": 1, "keypoints": points.ravel().tolist(), "score": 0.9})
    answers["bbox"].append({"image_id": k, "category_id": 1, "bbox": box, "score": 0.9})


def numbers(package, kind, use_cats):
    coco, evaluator = {
        "pycocotools": (pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
        "ultrafast": (ultrafast_pycocotools.COCO, ultrafast_pycocotools.COCOeval),
    }[package]
    with contextlib.redirect_stdout(io.StringIO()):
        right = coco()
        right.dataset = copy.deepcopy(truth)
        right.createIndex()
        run = evaluator(right, right.loadRes(copy.deepcopy(answers[kind])), kind)
        run.params.useCats = use_cats
        run.evaluate()
        run.accumulate()
        run.summarize()
    return np.round(np.array(run.stats), 6).tolist()


for package in ("pycocotools", "ultrafast"):
    for kind in ("bbox", "keypoints"):
        for use_cats in (1, 0):
            print(f"{package}, {kind}, useCats {use_cats}:", numbers(package, kind, use_cats))
assert numbers("pycocotools", "bbox", 1)[0] == numbers("pycocotools", "bbox", 0)[0] == 1.0
assert numbers("pycocotools", "keypoints", 1)[0] == 1.0
assert numbers("pycocotools", "keypoints", 0) == [0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0]  # guess: as with 1
assert numbers("ultrafast", "keypoints", 0) == numbers("ultrafast", "keypoints", 1) == numbers("pycocotools", "keypoints", 1)
PY
venv/bin/python see.py
echo "seen: perfect keypoints get 0.0 when categories are not used"
