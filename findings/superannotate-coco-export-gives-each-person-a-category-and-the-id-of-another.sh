#!/usr/bin/env bash
# version: superannotate 4.6.2 (export_annotation, which needs no account), pycocotools 2.0.11, numpy 2.4.6
# Behaviour: the exporter from SuperAnnotate to COCO keypoints keeps the ids of the skeletons that it has met as text
#   and looks for the number, so it never finds one and writes a further category for every single person. As
#   category_id of an annotation it writes not the id of one of these categories, but the number of the class in
#   SuperAnnotate.
# Guess: one category for each class, and each annotation names the category of its class.
# Seen: three people and two dogs give five categories, "person" three times, with ids from 1 to 5 as they are read.
#   Where the class "dog" has the number 1 and "person" has 2, the first person makes category 1 and a dog category 2,
#   so every person of the file is a dog and each dog is a person, with names of keypoints that he has not. With usual
#   class numbers (here 1456) no annotation belongs to any category: pycocotools then gives AP -1, as for an empty file,
#   to predictions that equal the labels; with a single category whose id is that of the annotations they get 1.
# Why it matters: no word is said, and the people are all there. A loader that follows the ids trains people with
#   names and mirror pairs of an animal, or has no labels; one that makes a class of each category has as many as
#   people.
# Instead: after the export, keep one category of each name and give it the class's number of SuperAnnotate as its id
#   (the exporter has put this number under "supercategory"); so it is done for the last line of the output.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work" SA_SKIP_METRICS=true
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check superannotate==4.6.2 pycocotools==2.0.11 numpy==2.4.6
cat > see.py <<'PY'
import contextlib
import copy
import io
import json
import shutil
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from superannotate import export_annotation

NAMES = {"person": ["nose", "left_wrist", "right_wrist"], "dog": ["nose", "withers", "tail"]}
TEMPLATES = {"person": 307, "dog": 308}  # numbers of the skeletons
POINTS = {"person": [(0, 0), (-30, 90), (30, 90)], "dog": [(0, 0), (40, -10), (90, 5)]}


def skeleton(name, classes, x, y):
    return {
        "type": "template", "classId": classes[name], "className": name, "probability": 100, "groupId": 0,
        "templateId": TEMPLATES[name], "templateName": name, "locked": False, "visible": True, "attributes": [],
        "points": [{"id": k, "x": x + dx, "y": y + dy} for k, (dx, dy) in enumerate(POINTS[name], 1)],
        "connections": [{"id": 1, "from": 1, "to": 2}, {"id": 2, "from": 1, "to": 3}],
        "pointLabels": {str(k): label for k, label in enumerate(NAMES[name])},
    }


def export(classes):
    for folder in "from", "to":
        shutil.rmtree(folder, ignore_errors=True)
    Path("from/classes").mkdir(parents=True)
    listed = [{"id": n, "name": name, "color": "#ffffff", "attribute_groups": []} for name, n in classes.items()]
    Path("from/classes/classes.json").write_text(json.dumps(listed))
    pictures = {
        "a.jpg": [("person", 100, 100), ("dog", 300, 250), ("person", 500, 120)],
        "b.jpg": [("person", 200, 90), ("dog", 400, 200)],
    }
    for picture, shown in pictures.items():
        content = {
            "metadata": {"name": picture, "width": 640, "height": 480}, "tags": [], "comments": [],
            "instances": [skeleton(name, classes, x, y) for name, x, y in shown],
        }
        Path(f"from/{picture}.json").write_text(json.dumps(content))
    with contextlib.redirect_stderr(io.StringIO()):
        export_annotation("from", "to", "COCO", "people", "Vector", "keypoint_detection")
    return json.loads(Path("to/people.json").read_text())


def kind(annotation):
    """What was drawn, told by the place of the third keypoint."""
    x, y, _, _, _, _, x3, y3, _ = annotation["keypoints"]
    return next(name for name, points in POINTS.items() if points[2] == (x3 - x, y3 - y))


def average_precision(labels):
    """AP of predictions that equal the labels."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(labels)
        truth.createIndex()
        keys = "image_id", "category_id", "keypoints"
        found = truth.loadRes([{k: a[k] for k in keys} | {"score": 1.0} for a in labels["annotations"]])
        judge = COCOeval(truth, found, "keypoints")
        judge.params.kpt_oks_sigmas = judge.params.kpt_oks_sigmas[:3]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


labels = export({"dog": 1, "person": 2})
kinds = [kind(a) for a in labels["annotations"]]
for category in labels["categories"]:
    print("category", category["id"], category["name"], category["keypoints"], category["supercategory"])
assert sorted(kinds) == ["dog"] * 2 + ["person"] * 3
assert sorted(c["name"] for c in labels["categories"]) == sorted(kinds)  # a category for each of them
assert [c["id"] for c in labels["categories"]] == [1, 2, 3, 4, 5]
names = {c["id"]: c["name"] for c in labels["categories"]}
ids = {"dog": 1, "person": 2}
assert [a["category_id"] for a in labels["annotations"]] == [ids[k] for k in kinds]
called = [names[a["category_id"]] for a in labels["annotations"]]
print("drawn", kinds)
print("called", called)
assert [c["name"] for c in labels["categories"]][:2] == ["person", "dog"]
assert called == [{"dog": "person", "person": "dog"}[k] for k in kinds]

labels = export({"dog": 1455, "person": 1456})
labels["annotations"] = [a for a in labels["annotations"] if kind(a) == "person"]
categories = {c["id"] for c in labels["categories"]}
print("categories", categories, "in annotations", {a["category_id"] for a in labels["annotations"]})
assert categories == {1, 2, 3, 4, 5} and {a["category_id"] for a in labels["annotations"]} == {1456}
as_exported = average_precision(labels)
person = next(c for c in labels["categories"] if c["name"] == "person")
labels["categories"] = [person | {"id": person["supercategory"], "supercategory": "person"}]
mended = average_precision(labels)
print(f"AP of predictions that equal the labels: as exported {as_exported}, with the right id {mended:.3f}")
assert as_exported == -1 and mended > 0.999
PY
venv/bin/python -W ignore see.py
echo "as recorded"
