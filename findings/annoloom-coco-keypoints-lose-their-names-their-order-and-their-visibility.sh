#!/usr/bin/env bash
# version: annoloom 0.1.3 (Python 3.11; its formats need no other package)
# Behaviour: the COCO module of this annotation tool says that all instances of a label get the union of their keypoint names in
#   one order, and that missing points are written with v = 0. It writes each person's points in the order in which they were
#   clicked, without the missing ones, and no names in the categories, so that the same place in the array means another body
#   part in each person. Its reader names the points kp0, kp1, ... and takes v = 1 (hidden) for visible, and 0 0 0 (not labelled)
#   for a hidden point in the corner, which is written back as labelled, with a box that reaches to (0, 0).
# Guess: what the module's own text says; and a file read and written again is the same.
# Seen: persons clicked as (nose, left, right), (right, left, nose) and (nose, right) become arrays of three, three and two
#   points; after reading and writing a hidden wrist (v = 1) is visible (2) and an unlabelled point is 0 0 1, labelled but hidden.
# Why it matters: the file loads in COCO tools; a network trained on it learns the mean of the left and the right wrist.
# Instead: keep the tool's own project file, and write COCO from shape.keypoints by label.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps annoloom==0.1.3
cat > see.py <<'PY'
import json

from annoloom.core.shapes import ImageAnnotation, Keypoint, Point, Shape, ShapeType
from annoloom.formats.coco import export_coco, import_coco

places = {"nose": (50, 20), "left wrist": (80, 60), "right wrist": (20, 60)}


def person(*names, hidden=(), dx=0):
    points = [Keypoint(Point(places[n][0] + dx, places[n][1]), n, n not in hidden) for n in names]
    return Shape(ShapeType.KEYPOINTS, "person", keypoints=points)


image = ImageAnnotation("a.png", 640, 480)
image.add_shape(person("nose", "left wrist", "right wrist"))
image.add_shape(person("right wrist", "left wrist", "nose", dx=200))
image.add_shape(person("nose", "right wrist", dx=400, hidden=["right wrist"]))
export_coco([image], ["person"], "labels.json")
data = json.load(open("labels.json"))
for a in data["annotations"]:
    print("written:", a["keypoints"], "num_keypoints", a["num_keypoints"])
print("category:", data["categories"][0])
first, second, third = (a["keypoints"] for a in data["annotations"])
assert "keypoints" not in data["categories"][0]  # guess: the three names
assert first[3:5] == [80, 60] and second[3:5] == [280, 60]
assert second[:2] == [220, 60] and second[6:8] == [250, 20]  # guess: the nose first
assert len(third) == 6  # guess: 9, the left wrist as 0 0 0
assert third[5] == 1 and data["annotations"][2]["num_keypoints"] == 1  # COCO counts v = 1 too

coco = {"images": data["images"], "categories": [{"id": 1, "name": "person", "keypoints": list(places), "skeleton": []}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [300, 200, 60, 90], "area": 5400, "iscrowd": 0,
                         "num_keypoints": 2, "keypoints": [310, 210, 2, 350, 280, 1, 0, 0, 0]}]}
json.dump(coco, open("in.json", "w"))
export_coco(import_coco("in.json", "."), ["person"], "out.json")
out = json.load(open("out.json"))["annotations"][0]
print("read and written again:", out["keypoints"], "box", out["bbox"])
assert out["keypoints"] == [310, 210, 2, 350, 280, 2, 0, 0, 1]  # guess: 2, 1, 0 as read
assert out["bbox"] == [0, 0, 350, 280]  # guess: about 310, 210, 40, 70
PY
venv/bin/python see.py
echo "seen: no names, the order of the clicks, hidden becomes visible and unlabelled becomes a point in the corner"
