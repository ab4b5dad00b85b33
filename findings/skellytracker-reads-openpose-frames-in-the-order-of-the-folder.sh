#!/usr/bin/env bash
# version: skellytracker 2025.10.1024 (FreeMoCap's trackers), numpy 1.26.4
# Behaviour: OpenPoseRecorder.parse_openpose_jsons sorts the frame numbers that stand in the names of OpenPose's files, but not the files: the
#   first file that the folder happens to list goes to the lowest number, and so on. On Linux file systems a folder is listed in no order.
# Guess: the file v_000000000007_keypoints.json becomes frame 7; the numbers are read from the names for just that.
# Seen: a folder of 60 files whose keypoints hold their own frame number: the array holds them in the order in which the folder lists the
#   files, on ext4 for example 24, 27, 34, 1, 18: no frame of 60 is at its place. All frames are there, the count is right, no warning.
# Why it matters: a walk becomes noise, or, where the folder is nearly in order, a few frames trade places; each camera's folder is shuffled in
#   its own way, so frames of different moments are triangulated together. On file systems that list by name it works, and on
#   another computer the same recording does not.
# Instead: read the files yourself in the order of their numbers, or compare one keypoint with the file of its frame before going on.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==1.26.4 opencv-python-headless==4.10.0.84 pydantic==2.14.4 tqdm==4.70.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps skellytracker==2025.10.1024
cat > see.py <<'PY'
import json
import os
from pathlib import Path

import numpy as np
from skellytracker.trackers.openpose_tracker.openpose_recorder import OpenPoseRecorder

FRAMES = 60
PARTS = {"pose_keypoints_2d": 25, "hand_left_keypoints_2d": 21, "hand_right_keypoints_2d": 21, "face_keypoints_2d": 70}
folder = Path("json")


def write(order):
    folder.mkdir()
    for number in order:
        person = {part: [float(number), 100.0, 0.9] * count for part, count in PARTS.items()}
        name = f"v_{number:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": [person]}))


def listed():
    return [int(name.split("_")[1]) for name in os.listdir(folder)]


write([(37 * i + 11) % FRAMES for i in range(FRAMES)])  # every number once, in no simple order
read = OpenPoseRecorder(track_hands=True, track_faces=True).parse_openpose_jsons(folder)[:, 0, 0].astype(int).tolist()
print("the folder lists", listed()[:10], "...")
print("frames 0 to 9 are", read[:10])
print("frames at their place:", sum(a == b for a, b in enumerate(read)), "of", FRAMES)
assert sorted(read) == list(range(FRAMES))
assert read == listed()

# the same files in a folder that seems to be listed backwards: only the order of the listing decides
glob = Path.glob
Path.glob = lambda self, pattern: iter(sorted(glob(self, pattern), reverse=True))
read = OpenPoseRecorder(track_hands=True, track_faces=True).parse_openpose_jsons(folder)[:, 0, 0].astype(int).tolist()
print("listed backwards, frames 0 to 9 are", read[:10])
assert read == list(range(FRAMES))[::-1]
PY
venv/bin/python -W ignore see.py
echo "seen: frames are in the order of the folder"
