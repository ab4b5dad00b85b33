#!/usr/bin/env bash
# version: x-anylabeling-cvhub 4.2.1, PyQt6 6.9.1, opencv-contrib-python-headless 5.0.0.93, onnxruntime 1.32.0, numpy 2.4.6
# Behaviour: `xanylabeling convert` writes YOLO-pose keypoints as int(x) / width, rounded to six digits, and reads them back as
#   that times the width, without rounding. Where the six digits were rounded down, 230 comes back as 229.9998, and the next export
#   cuts it to 229. So a keypoint moves one pixel left or up with each round trip until it meets a pixel whose digits are rounded
#   up. Boxes are cut to whole pixels when they are read, and move once.
# Guess: keypoints on whole pixels are the same after any number of round trips, or at worst lose their fraction once.
# Seen: in a picture of 640 x 427, of twelve keypoints on whole pixels four have moved in x and five in y after the second export;
#   after the sixth, three of them lie three, four and five pixels too high. None moves right or down. The top of the box is 49,
#   where it was 50.
# Why it matters: labels go back and forth when a model pre-labels and a person corrects, which is what the two commands are for.
#   All errors have one direction, so they do not cancel; five pixels are the whole tolerance of an eye of a person 200 pixels tall.
#   The first export also cuts 349.9 to 349, half a pixel up and left on average; the COCO export does that too.
# Instead: keep the tool's own JSON files as the source, and export from these; or round where you read YOLO back.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
# What its converter imports, without the browser of its window and the models.
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 opencv-contrib-python-headless==5.0.0.93 \
    PyQt6==6.9.1 PyQt6-Qt6==6.9.2 onnxruntime==1.32.0 pillow==13.0.0 openai==3.57.0 darkdetect==0.8.0 PyYAML==6.0.4 \
    importlib_metadata==10.2.0 json_repair==0.64.6 jsonlines==4.0.0 Markdown==3.11.3 natsort==8.4.0 psutil==7.2.2 \
    qimage2ndarray==1.10.0 requests==2.34.2 termcolor==3.3.0 tqdm==4.70.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps x-anylabeling-cvhub==4.2.1
cat > see.py <<'PY'
import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 427
BOX = [50, 50, 410, 340]
PLACES = [(349, 231), (276, 142), (163, 71), (85, 64), (119, 280), (306, 234), (229, 323), (258, 256), (274, 211), (248, 301)]
PLACES += [(217, 89), (133, 191)]
names = [f"k{i}" for i in range(len(PLACES))]
Path("images").mkdir()
cv2.imwrite("images/a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
Path("pose.yaml").write_text(f"has_visible: true\nclasses:\n  dog: [{', '.join(names)}]\n")


def shape(label, kind, points):
    return {"label": label, "shape_type": kind, "points": points, "group_id": 1, "flags": {}, "difficult": False, "attributes": {}}


left, top, right, bottom = BOX
shapes = [shape("dog", "rectangle", [[left, top], [right, top], [right, bottom], [left, bottom]])]
shapes += [shape(name, "point", [list(place)]) for name, place in zip(names, PLACES)]
document = {"version": "4.2.1", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageData": None}
Path("labels0").mkdir()
Path("labels0/a.json").write_text(json.dumps({**document, "imageHeight": HEIGHT, "imageWidth": WIDTH}))


def convert(task, labels, out):
    command = ["venv/bin/xanylabeling", "convert", "--task", task, "--mode", "pose", "--images", "images", "--labels", labels]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": os.getcwd()}
    subprocess.run([*command, "--output", out, "--pose-cfg", "pose.yaml"], check=True, capture_output=True, env=environment)


for trip in range(6):
    convert("xlabel2yolo", f"labels{trip}", f"yolo{trip}")
    convert("yolo2xlabel", f"yolo{trip}", f"labels{trip + 1}")
    row = np.array(Path(f"yolo{trip}/a.txt").read_text().split(), dtype=float)
    places = row[5:].reshape(-1, 3)[:, :2] * (WIDTH, HEIGHT)
    moved = np.round(places - PLACES).astype(int)
    box = {s["label"]: s["points"] for s in json.loads(Path(f"labels{trip + 1}/a.json").read_text())["shapes"]}["dog"]
    print(f"export {trip + 1}: moved in x {moved[:, 0].tolist()}, in y {moved[:, 1].tolist()}; box read from {box[0]} to {box[2]}")
    if trip == 0:
        assert not moved.any()
assert (moved <= 0).all()
assert sorted(moved[:, 1].tolist())[:3] == [-5, -4, -3]
assert box[0][1] == top - 1
PY
venv/bin/python see.py
echo "seen: keypoints on whole pixels move left and up with each export and import"
