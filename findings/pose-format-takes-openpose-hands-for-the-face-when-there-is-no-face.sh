#!/usr/bin/env bash
# version: pose-format 0.15.0, numpy 2.4.6
# Behaviour: OpenPose run with hands but without the face writes an empty list for the face. load_openpose (and load_openpose_directory)
#   puts the numbers of body, face, left hand and right hand one after the other into its array, without looking where each part
#   begins. With the face empty the left hand becomes the first 21 points of the face, the right hand the next 21, and both hands are empty.
# Guess: an empty part stays empty, and the hands are under hand_left_keypoints_2d and hand_right_keypoints_2d.
# Seen: left wrist at x = 1000, right wrist at x = 2000: these are face points 0 and 21, with confidence 0.8; both hands are masked, with
#   confidence 0. With a face all is right.
# Why it matters: sign language and gesture data are made just so (the face is the slowest part). The model learns from a face that
#   gesticulates and hands that are never there; nothing raises, and the drawn face is a tangle only if somebody draws it.
# Instead: before loading, fill each empty list with zeros of its length (210 for the face, 63 for a hand, 75 for the body).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pose-format==0.15.0 numpy==2.4.6
cat > see.py <<'PY'
import json
import os

import numpy as np
from pose_format.utils.openpose import load_openpose_directory


def part(points, first):
    return [v for k in range(points) for v in (first + k, 100.0 + k, 0.8)]


def load(face):
    person = {
        "pose_keypoints_2d": part(25, 10),
        "face_keypoints_2d": face,
        "hand_left_keypoints_2d": part(21, 1000),
        "hand_right_keypoints_2d": part(21, 2000),
    }
    os.makedirs("clip", exist_ok=True)
    with open("clip/clip_000000000000_keypoints.json", "w") as f:
        json.dump({"version": 1.3, "people": [person]}, f)
    pose = load_openpose_directory("clip", fps=25, width=2100, height=300)
    seen, start = {}, 0
    for component in pose.header.components:
        rows = slice(start, start + len(component.points))
        x = np.ma.filled(pose.body.data[0, 0, rows, 0], -1)
        confidence = pose.body.confidence[0, 0, rows]
        seen[component.name] = ([int(v) for v in x[confidence > 0]], int((confidence > 0).sum()))
        start = rows.stop
    return seen


right = load(part(70, 500))
assert right["hand_left_keypoints_2d"][0] == list(range(1000, 1021)) and right["face_keypoints_2d"][1] == 70
wrong = load([])
for name, (x, count) in wrong.items():
    print(name, "has", count, "points", x[:1], x[21:22])
assert wrong["pose_keypoints_2d"][1] == 25
assert wrong["face_keypoints_2d"][0] == [*range(1000, 1021), *range(2000, 2021)]
assert wrong["hand_left_keypoints_2d"][1] == wrong["hand_right_keypoints_2d"][1] == 0
assert load([0.0] * 210)["hand_left_keypoints_2d"][0] == list(range(1000, 1021))  # the way out
PY
venv/bin/python -W ignore see.py
echo "seen: without a face the hands become the face"
