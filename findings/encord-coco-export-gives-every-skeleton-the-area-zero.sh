#!/usr/bin/env bash
# version: encord 0.1.211 (extra coco), pycocotools 2.0.11, numpy 1.26.4, opencv-python 4.11.0.86, shapely 2.2.0
# Behaviour: Encord's COCO exporter writes area 0 for every skeleton, although it writes its box; the ids begin at 0, the category has
#   no "keypoints", and points marked as invisible get v = 0 but keep coordinates and count in num_keypoints and in the box.
# Guess: the area of the box (or of the labelled points), ids from 1, names of the keypoints, num_keypoints of those with v > 0.
# Seen: area 0.0 for people of 64 x 48 pixels. With pycocotools a prediction equal to the labels to the last digit has AP 0.25 (of two
#   people the one with id 0 counts as missed); shifted by one thousandth of a pixel it has AP 0.0 on the same file, and 1.0 with
#   area = w * h and ids from 1.
# Why it matters: OKS divides by the area, so with this export every real model scores 0 and nothing says why; a loader that
#   takes num_keypoints as given trains on points that the annotator marked as not to be used.
# Instead: after the export set area = w * h, add 1 to the ids, recount num_keypoints, and add the names to the category.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "encord[coco]==0.1.211" pycocotools==2.0.11 numpy==1.26.4 opencv-python==4.11.0.86 shapely==2.2.0
cat > see.py <<'PY'
import contextlib
import copy
import io

import numpy as np
from encord.objects import OntologyStructure, Shape
from encord.utilities.coco.exporter import CocoExporter
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

names = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
ontology = OntologyStructure()
person = ontology.add_object("Person", Shape.SKELETON)


def label(key, x0, hidden=()):
    points = {
        f"p{k}": {"x": (x0 + 16 * k) / 640, "y": (200 + 12 * k) / 480, "name": n, "value": n, "featureHash": f"p{k}", "invisible": n in hidden}
        for k, n in enumerate(names)
    }
    return {"name": "Person", "value": "person", "color": "#ffffff", "objectHash": key, "featureHash": person.feature_node_hash, "shape": "skeleton", "confidence": 1, "manualAnnotation": True, "skeleton": points}


unit = {"data_hash": "d", "data_title": "street.jpg", "data_type": "image/jpeg", "width": 640, "height": 480, "data_link": "street.jpg", "data_sequence": 0}
unit["labels"] = {"objects": [label("A", 100), label("B", 400, hidden=("nose",))], "classifications": []}
row = {"data_title": "street.jpg", "data_type": "image", "data_hash": "d", "data_units": {"d": unit}, "classification_answers": {}, "object_actions": {}}
row["object_answers"] = {key: {"objectHash": key, "classifications": []} for key in "AB"}
coco = CocoExporter([row], ontology).export()
for ann in coco["annotations"]:
    print({k: ann[k] for k in ("id", "area", "bbox", "num_keypoints")}, "v", ann["keypoints"][2::3], "first point", ann["keypoints"][:2])
print("category", coco["categories"][0])


def ap(truth, shift):
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = copy.deepcopy(truth)
        gt.createIndex()
        found = []
        for ann in truth["annotations"]:
            points = np.array(ann["keypoints"]).reshape(-1, 3).copy()
            points[:, :2] += shift
            found.append({"image_id": ann["image_id"], "category_id": ann["category_id"], "keypoints": points.ravel().tolist(), "score": 0.9})
        e = COCOeval(gt, gt.loadRes(found), "keypoints")
        e.params.kpt_oks_sigmas = np.array([0.026, 0.025, 0.025, 0.035, 0.035])
        e.evaluate()
        e.accumulate()
        e.summarize()
    return float(e.stats[0])


repaired = copy.deepcopy(coco)
for ann in repaired["annotations"]:
    ann["id"] += 1
    ann["area"] = ann["bbox"][2] * ann["bbox"][3]
result = {"exact": ap(coco, 0), "0.001 px off": ap(coco, 0.001), "0.001 px off, repaired": ap(repaired, 0.001)}
print("AP", {k: round(v, 3) for k, v in result.items()})
assert [a["area"] for a in coco["annotations"]] == [0, 0] and [a["id"] for a in coco["annotations"]] == [0, 1]
assert [round(a["bbox"][2]) for a in coco["annotations"]] == [64, 64]
assert [a["num_keypoints"] for a in coco["annotations"]] == [5, 5] and coco["annotations"][1]["keypoints"][2] == 0
assert abs(coco["annotations"][1]["keypoints"][0] - 400) < 1e-6
assert "keypoints" not in coco["categories"][0]
assert 0.2 < result["exact"] < 0.3 and result["0.001 px off"] == 0 and result["0.001 px off, repaired"] > 0.99
PY
venv/bin/python -W ignore see.py
echo "seen: area 0, so that a thousandth of a pixel costs all of the AP"
