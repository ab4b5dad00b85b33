#!/usr/bin/env bash
# version: keypoints2body 0.1.0 with torch 2.13.0 and numpy 2.4.6 (Python 3.11)
# Behaviour: keypoints2body fits SMPL bodies to 3D keypoints and names Halpe26 among the layouts that it converts. The entry for it
#   is list(range(22)): the first 22 of Halpe's points are handed on, as they are, as AMASS's 22 joints. Halpe begins with
#   nose, eyes, ears and shoulders, AMASS with pelvis, hips and spine, so that the nose is fitted as the pelvis, the left eye
#   as the left hip, the left ear as the spine, and so on. A file of 26 points is taken for Halpe26 without being asked.
# Guess: each joint of the result is the point of the same name (or is left out, as Halpe has no spine).
# Seen: of the 22 joints, none has the point of its own name; pelvis = nose, left knee = right ear, left ankle = left elbow,
#   head = left ankle, left wrist = left big toe; the only notice is the warning "Converted input joints from 26 to 22".
# Why it matters: 26 Halpe points are what RTMPose, AlphaPose and Pose2Sim give; the optimiser is made to return
#   some body for any 22 points, so that nothing stops the wrong one.
# Instead: build the 22 joints yourself from Halpe's names (pelvis 19, hips 11 and 12, knees 13 and 14, ankles 15 and 16,
#   neck 18, shoulders 5 and 6, elbows 7 and 8, wrists 9 and 10, head 17), weight 0 for the rest, and pass layout="AMASS".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --no-compile --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps keypoints2body==0.1.0
cat > see.py <<'PY'
import importlib.util
import sys
import types
import warnings
from pathlib import Path

import numpy as np

# the readers of files need NumPy and torch only; the package's first file would load the body models (smplx) too
for name in ("keypoints2body", "keypoints2body.core"):
    package = types.ModuleType(name)
    if name == "keypoints2body":
        package.__path__ = list(importlib.util.find_spec(name).submodule_search_locations)
    else:
        package.__path__ = [sys.modules["keypoints2body"].__path__[0] + "/core"]
    sys.modules[name] = package
from keypoints2body.core.constants import AMASS_JOINT_MAP  # noqa: E402
from keypoints2body.io import load_motion_data  # noqa: E402

HALPE = ("Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle "
         "Head Neck MidHip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel").split()
amass = {k: name for name, k in AMASS_JOINT_MAP.items()}  # the package's own names of the 22 joints

# three frames; the first number of each point says which of Halpe's points it is
points = np.zeros((3, 26, 3), np.float32)
points[..., 0] = np.arange(26)
np.save("clip.npy", points)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    joints, layout, count = load_motion_data(Path("clip.npy"))
print("layout", layout, count, [str(w.message) for w in said])
assert layout == "AMASS" and count == 22 and len(said) == 1
taken = {amass[k]: HALPE[int(joints[0, k, 0])] for k in range(22)}
print(", ".join(f"{joint} = {point}" for joint, point in taken.items()))
assert not any(joint == point for joint, point in taken.items())  # guess: all that both have
assert taken["MidHip"] == "Nose" and taken["LKnee"] == "REar" and taken["Head"] == "LAnkle"
assert {"LHip", "LKnee", "LAnkle", "LShoulder", "LElbow", "LWrist", "Neck", "Head", "MidHip"} <= set(HALPE) & set(amass.values())
PY
venv/bin/python see.py
echo "seen: the nose is handed on as the pelvis, and no joint is right"
