#!/usr/bin/env bash
# version: bvhio 1.5.4, bvhsdk 0.2.1, bvh-converter 1.0.2, bvhtoolbox 0.1.3, numpy 2.4.6
# Behaviour: a BVH joint other than the root may have six channels, its own position besides the rotation (exported so by several
#   programs, and by estimators that change the length of limbs). bvhio and bvhsdk place the joint by these channels;
#   bvh-converter and bvhtoolbox read the numbers, throw them away without a word and use the fixed OFFSET.
# Guess: joint positions of one file are the same in every reader, as they are for all six orders of the rotation channels.
# Seen: the hand of one person is at (21.55, 137.16, -6.28) for the first two and at (19.52, 135.80, -6.49) for the others: the arm has
#   the length of the rest pose. With three channels all four agree to 0.01.
# Why it matters: 3D keypoints taken from BVH by one tool are off by the change of limb length, silently; labels projected into
#   pictures slide along the limb.
# Instead: look for CHANNELS 6 below the root first, and read such files with bvhio or bvhsdk.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check bvhio==1.5.4 bvhsdk==0.2.1 bvh-converter==1.0.2 bvhtoolbox==0.1.3 numpy==2.4.6
cat > see.py <<'PY'
import contextlib
import csv
import io
import subprocess
import sys

import numpy as np

ROT = "Zrotation Xrotation Yrotation"
POS = "Xposition Yposition Zposition"


def write(own_position):
    channels = f"CHANNELS 6 {POS} {ROT}" if own_position else f"CHANNELS 3 {ROT}"
    text = f"""HIERARCHY
ROOT Hips
{{
\tOFFSET 0.0 0.0 0.0
\tCHANNELS 6 {POS} {ROT}
\tJOINT Arm
\t{{
\t\tOFFSET 10.0 20.0 0.0
\t\t{channels}
\t\tJOINT Hand
\t\t{{
\t\t\tOFFSET 30.0 0.0 0.0
\t\t\tCHANNELS 3 {ROT}
\t\t\tEnd Site
\t\t\t{{
\t\t\t\tOFFSET 5.0 0.0 0.0
\t\t\t}}
\t\t}}
\t}}
}}
MOTION
Frames: 2
Frame Time: 0.033333
"""
    row = [1, 90, 3, 10, 20, 30] + ([12, 21, 1] if own_position else []) + [40, -25, 15] + [5, 60, -35]
    open("arm.bvh", "w").write(text + "\n".join(" ".join(f"{v:.6f}" for v in row) for _ in range(2)) + "\n")


def table(path):
    rows = list(csv.reader(open(path)))
    return {h[:-2]: [float(v) for v in rows[1][i : i + 3]] for i, h in enumerate(rows[0]) if h.lower().endswith(".x")}


def hands():
    import bvhio
    import bvhsdk

    root = bvhio.readAsHierarchy("arm.bvh").loadPose(0)
    got = {"bvhio": {j.Name: list(j.PositionWorld) for j, _, _ in root.layout()}}
    with contextlib.redirect_stdout(io.StringIO()):
        anim = bvhsdk.ReadFile("arm.bvh")
    got["bvhsdk"] = {j.name: j.getPosition(0) for j in anim.getlistofjoints()}
    subprocess.run([sys.executable, "-m", "bvh_converter", "arm.bvh"], check=True, capture_output=True)
    got["bvh-converter"] = table("arm_worldpos.csv")
    subprocess.run([sys.executable.replace("python", "bvh2csv"), "--position", "arm.bvh"], capture_output=True)  # ends with 1 even if all is well
    got["bvhtoolbox"] = table("arm_pos.csv")
    return {k: np.array(v["Hand"], float) for k, v in got.items()}


for own in (False, True):
    write(own)
    found = hands()
    print("the arm has its own position:", own)
    for name, place in found.items():
        print(f"  {name:13s} hand at", place.round(2).tolist())
    if not own:
        assert all(np.abs(place - found["bvhio"]).max() < 0.01 for place in found.values())
assert np.abs(found["bvhio"] - [21.55, 137.16, -6.28]).max() < 0.02 and np.abs(found["bvhsdk"] - found["bvhio"]).max() < 0.01
assert np.abs(found["bvhtoolbox"] - [19.52, 135.80, -6.49]).max() < 0.02 and np.abs(found["bvh-converter"] - found["bvhtoolbox"]).max() < 0.01
PY
venv/bin/python -W ignore see.py
echo "seen: two readers move the arm, two keep it at its rest length"
