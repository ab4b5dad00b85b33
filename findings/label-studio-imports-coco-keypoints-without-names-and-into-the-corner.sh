#!/usr/bin/env bash
# version: label-studio-sdk 2.1.2 (its converter, as the command `label-studio-converter import coco` runs it)
# Behaviour: convert_coco_to_ls gives every keypoint the name of the category instead of its own, joins none to its person, and writes
#   keypoints that are not labelled (0, 0, 0) as points in the upper left corner. Only "hidden" tells them, and it is also on keypoints
#   that are labelled but hidden (visibility 1).
# Guess: a point for each labelled keypoint, labelled "nose" or "tail" as the category lists them, below the rectangle of its person.
# Seen: two dogs with 3 and 1 labelled keypoints of 4 become 8 points, all labelled "dog", 4 of them at 0, 0; the labeling config that
#   is written beside has the one label "dog"; no region has a parentID. One line of warning says "partially supported without skeletons".
# Why it matters: whoever corrects labels in Label Studio sees a heap of equal points, and what is exported again cannot be told apart:
#   the names are gone, and each missing keypoint has become a labelled one in the corner of the picture.
# Instead: write the tasks yourself: a rectangle for each person, and for each keypoint with visibility above 0 a region of type
#   keypointlabels with the keypoint's own name and the rectangle's id as parentID.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
cat > see.py <<'PY'
import json
import sys
from collections import Counter

from label_studio_sdk.converter.imports.coco import convert_coco_to_ls

common = {"image_id": 1, "category_id": 1, "iscrowd": 0, "area": 900}
coco = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
    "categories": [{"id": 1, "name": "dog", "keypoints": ["nose", "left_eye", "right_eye", "tail"], "skeleton": []}],
    "annotations": [
        {"id": 1, "bbox": [10, 10, 30, 30], "num_keypoints": 3, "keypoints": [11, 12, 2, 20, 21, 1, 30, 31, 2, 0, 0, 0], **common},
        {"id": 2, "bbox": [50, 50, 30, 30], "num_keypoints": 1, "keypoints": [0] * 9 + [60, 61, 2], **common},
    ],
}
with open("coco.json", "w") as file:
    json.dump(coco, file)
convert_coco_to_ls("coco.json", "tasks.json")
with open("tasks.json") as file:
    regions = json.load(file)[0]["annotations"][0]["result"]
points = [region["value"] for region in regions if region["type"] == "keypointlabels"]
names = Counter(name for value in points for name in value["keypointlabels"])
corner = [value for value in points if value["x"] == value["y"] == 0]
hidden = [value for value in points if value.get("hidden")]
parents = [region for region in regions if region.get("parentID")]
print(f"4 labelled keypoints of 2 dogs -> {len(points)} points, names {dict(names)}, {len(corner)} at 0 0, {len(hidden)} hidden")
print(f"regions that name their person: {len(parents)}")
as_described = len(points) == 8 and names == {"dog": 8} and len(corner) == 4 and len(hidden) == 5 and not parents
sys.exit(0 if as_described else 1)
PY
venv/bin/python see.py && echo "as described" || { echo "label-studio-sdk behaves otherwise now"; exit 1; }
