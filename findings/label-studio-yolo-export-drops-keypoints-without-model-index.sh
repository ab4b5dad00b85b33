#!/usr/bin/env bash
# version: label-studio-sdk 2.1.2 (the converter that Label Studio's exports run)
# Behaviour: the YOLO export writes the boxes alone if the labels of <KeyPointLabels> in the labeling config have no model_index, the
#   attribute for machine learning backends. With some of the labels indexed, only those are written, in the order of the indexes,
#   while notes.json still lists all keypoints in the order of the config. Nothing warns.
# Guess: the keypoints of the config in their order, as notes.json lists them; or an error that asks for the attribute.
# Seen: a dog with nose, left_eye and tail: 5 numbers a row without model_index; 14 with three; with model_index on two labels, turned
#   around (tail 0, nose 1), 11: tail, nose. notes.json: nose, left_eye, tail in all three.
# Why it matters: labelling by hand needs no model_index, so the first export of a keypoint project is a detection data set, which
#   YOLO trains on without a word; and a config that mixes indexed and other labels trains a network whose outputs are named wrongly.
# Instead: give each <Label> of <KeyPointLabels> model_index="0", "1", ... in the order wanted, or convert from the JSON export.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
cat > see.py <<'PY'
import json
import logging
import sys
from pathlib import Path

from label_studio_sdk.converter import Converter

logging.disable(logging.CRITICAL)
size = {"original_width": 100, "original_height": 100, "image_rotation": 0, "to_name": "img"}
value = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["dog"]}
result = [{"id": "dog1", "type": "rectanglelabels", "from_name": "box", "value": value, **size}]
for name, (x, y) in {"nose": (20, 21), "left_eye": (30, 31), "tail": (50, 51)}.items():
    point = {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}
    result.append({"id": name, "type": "keypointlabels", "from_name": "kp", "parentID": "dog1", "value": point, **size})
tasks = [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "was_cancelled": False, "result": result}]}]
Path("tasks.json").write_text(json.dumps(tasks))


def export(folder, indexes):
    labels = "".join(
        f'<Label value="{name}"' + (f' model_index="{indexes[name]}"' if name in indexes else "") + "/>"
        for name in ("nose", "left_eye", "tail")
    )
    config = (
        '<View><Image name="img" value="$image"/><RectangleLabels name="box" toName="img"><Label value="dog"/>'
        f'</RectangleLabels><KeyPointLabels name="kp" toName="img">{labels}</KeyPointLabels></View>'
    )
    Converter(config, ".", download_resources=False).convert_to_yolo("tasks.json", folder, is_dir=False)
    row = next(Path(folder, "labels").glob("*.txt")).read_text().split()
    names = json.loads(Path(folder, "notes.json").read_text())["categories"][0]["keypoints"]
    print(f"model_index {indexes or 'none'}: {len(row)} numbers, x of the points {row[5::3]}; notes.json: {names}")
    return [float(v) for v in row[5::3]], names


none, names = export("none", {})
all_, _ = export("all", {"nose": 0, "left_eye": 1, "tail": 2})
some, listed = export("some", {"tail": 0, "nose": 1})
as_described = none == [] and all_ == [0.2, 0.3, 0.5] and some == [0.5, 0.2] and names == listed == ["nose", "left_eye", "tail"]
sys.exit(0 if as_described else 1)
PY
venv/bin/python see.py && echo "as described" || { echo "label-studio-sdk behaves otherwise now"; exit 1; }
