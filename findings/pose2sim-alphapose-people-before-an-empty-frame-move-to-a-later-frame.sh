#!/usr/bin/env bash
# version: pose2sim 0.10.49, numpy 2.4.6
# Behaviour: AlphaPose writes one list for a whole video, with nothing for frames in which it finds nobody. AlphaPose_to_OpenPose
#   makes one file a frame of it. When the frame changes, it saves the people of the frame before under "new frame minus one", so
#   the people in front of a gap land in the last frame of the gap, and their own frame gets no file.
# Guess: the people of frame 2 are in 00002.json; frames without people have an empty file or none.
# Seen: people in the frames 0, 2, 6, 7: frame 0 is written as 00001.json, frame 2 as 00005.json; 6 and 7 are right. Nothing is said.
# Why it matters: the person jumps back in time just where it was lost: a tracker sees a stop and a leap, several cameras that lost
#   the person at different moments are combined at the wrong times, and triangulation pairs frames three apart.
# Instead: write the files from the list yourself, by image_id, and an empty one for each missing number.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps pose2sim==0.10.49
cat > see.py <<'PY'
import json
import os

from Pose2Sim.Utilities import AlphaPose_to_OpenPose

people = [(0, 1), (2, 2), (6, 1), (7, 1)]  # (frame, how many)
found = [
    {"image_id": f"{frame}.jpg", "category_id": 1, "keypoints": [100.0 * frame + p, 50.0, 0.9] * 17, "score": 2.5}
    for frame, n in people
    for p in range(n)
]
with open("alphapose.json", "w") as f:
    json.dump(found, f)
AlphaPose_to_OpenPose.AlphaPose_to_OpenPose_func("alphapose.json", "openpose")
written = {}
for name in sorted(os.listdir("openpose")):
    with open(os.path.join("openpose", name)) as f:
        content = json.load(f)["people"]
    written[name] = sorted({int(p["pose_keypoints_2d"][0] // 100) for p in content})
    print(name, "holds", len(content), "of frame", written[name])
assert written == {"00001.json": [0], "00005.json": [2], "00006.json": [6], "00007.json": [7]}
PY
venv/bin/python -W ignore see.py
echo "seen: people before a gap are written into the last frame of the gap"
