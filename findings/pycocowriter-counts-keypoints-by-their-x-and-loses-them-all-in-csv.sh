#!/usr/bin/env bash
# version: pycocowriter 0.5.6 with pycocotools 2.0.11, numpy 2.4.6, pillow 13.0.0 (Python 3.11)
# Behaviour: the annotations that this package builds count their keypoints themselves: num_keypoints is the number of triples
#   (x, y, v) whose x is larger than 0, not whose v is. A person for whom the table has places but visibility 0 (points outside
#   the picture or not labelled, as trackers and annotation tools write them) counts as fully labelled, and a labelled keypoint
#   on the left edge does not count. The way back, flatten_coco, chooses the columns of the table by the first annotation: when
#   that one has no keypoints (a crowd, a box), nobody's keypoints are written. Nothing is said in either case.
# Guess: num_keypoints counts v > 0, as the comment in the code says too ("visible"); keypoints of later people are written.
# Seen: 3 for a person without a labelled keypoint and 2 for one with three, one of them at x = 0; in pycocotools the first is a missed
#   person, so that perfect predictions get a recall of 0.5 instead of 1. The table has the columns of the box alone.
# Why it matters: num_keypoints decides who counts in COCO's evaluation and who is used in training.
# Instead: recount after building (sum of v > 0), and put an annotation with keypoints first before flatten_coco.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pycocowriter==0.5.6 pycocotools==2.0.11 numpy==2.4.6 pillow==13.0.0
cat > see.py <<'PY'
import contextlib
import io
import json

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocowriter.coco import COCOAnnotation
from pycocowriter.coco2csv import flatten_coco

names = ["hip", "knee", "ankle"]
seen = COCOAnnotation(1, 1, 1, bbox=(100, 100, 60, 120), keypoints=[110, 110, 2, 120, 150, 2, 130, 200, 2])
unlabelled = COCOAnnotation(1, 2, 1, bbox=(300, 100, 60, 120), keypoints=[310, 110, 0, 320, 150, 0, 330, 200, 0])
edge = COCOAnnotation(1, 3, 1, bbox=(0, 100, 60, 120), keypoints=[0, 110, 2, 20, 150, 2, 30, 200, 2])
counts = [a.to_dict()["num_keypoints"] for a in (seen, unlabelled, edge)]
print("num_keypoints: seen, unlabelled, on the left edge:", counts)
assert counts == [3, 3, 2]  # guess: [3, 0, 3]

data = {"images": [{"id": 1, "file_name": "a.png", "width": 640, "height": 480}],
        "categories": [{"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2], [2, 3]]}],
        "annotations": [seen.to_dict(), unlabelled.to_dict()]}


def coco(content):
    json.dump(content, open("labels.json", "w"))
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO("labels.json")


def recall(content):
    """COCO's average recall of a perfect prediction of the one labelled person."""
    truth = coco(content)
    result = [{"image_id": 1, "category_id": 1, "keypoints": seen.keypoints, "score": 0.9}]
    with contextlib.redirect_stdout(io.StringIO()):
        e = COCOeval(truth, truth.loadRes(result), "keypoints")
        e.params.kpt_oks_sigmas = np.full(3, 0.05)
        e.evaluate(), e.accumulate(), e.summarize()
    return e.stats[5]


recounted = json.loads(json.dumps(data))
for a in recounted["annotations"]:
    a["num_keypoints"] = sum(v > 0 for v in a["keypoints"][2::3])
print("recall of a perfect prediction:", recall(data), "with recounted keypoints:", recall(recounted))
assert recall(data) == 0.5 and recall(recounted) == 1.0

box = {"id": 9, "image_id": 1, "category_id": 1, "bbox": [400, 100, 60, 120], "area": 7200, "iscrowd": 1}
for first, annotations in (("box first", [box, seen.to_dict()]), ("person first", [seen.to_dict()])):
    rows = list(flatten_coco(coco({**data, "annotations": annotations})))
    width = rows[0].index("file_name")  # the columns before it belong to the annotation and the image
    print(first, rows[0][:width])
    assert ("keypoints" in rows[0][:width]) == (first == "person first")  # guess: in both
assert len(list(flatten_coco(coco({**data, "annotations": [box, seen.to_dict()]})))) == 3
PY
venv/bin/python see.py
echo "seen: keypoints are counted by x, and a table that begins with a box has none"
