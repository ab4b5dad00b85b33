#!/usr/bin/env bash
# version: pose2sim 0.10.49, numpy 2.4.6, opencv-python-headless 5.0.0.93, rtoml 0.14.0, lxml 6.1.3
# Behaviour: calib_toml_to_qca writes the places of the cameras in millimetres, as Qualisys does. calib_qca_to_toml divides them by
#   1000 while reading and once more before writing: the file that should hold metres holds kilometres. Rotation, focal length and
#   distortion come back exactly.
# Guess: toml -> qca -> toml is the same calibration; any Qualisys file gives metres, as everywhere else in the package.
# Seen: a camera 4.13 m from the middle of the room is at 4.13 mm. Keypoints that were triangulated by the two files differ by a factor
#   of 1000: a person of 1.75 m becomes 1.75 mm tall, with a reprojection error that is as small as before.
# Why it matters: nothing looks wrong where it is usually looked, since the error in pixels does not depend on the scale. Anything with
#   metres in it (matching people by distance, speeds, filters in m/s, OpenSim's scaling) silently does nonsense.
# Instead: multiply the translations in the written file by 1000, and look at one known length.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 opencv-python-headless==5.0.0.93 rtoml==0.14.0 lxml==6.1.3
venv/bin/pip install --quiet --disable-pip-version-check --no-deps pose2sim==0.10.49
cat > see.py <<'PY'
import os

import cv2
import numpy as np
import rtoml
from Pose2Sim.Utilities import calib_qca_to_toml, calib_toml_to_qca

CAMERA = """[cam_{n}]
name = "{n}"
size = [ 1920.0, 1080.0,]
matrix = [ [ 1400.0, 0.0, 960.0,], [ 0.0, 1400.0, 540.0,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.1, 0.01, 0.001, 0.0,]
rotation = [ 1.2, {turn}, 0.4,]
translation = [ {x}, 0.9, 4.0,]
fisheye = false

"""
with open("metres.toml", "w") as f:
    f.write(CAMERA.format(n=1, turn=-0.3, x=0.5) + CAMERA.format(n=2, turn=0.5, x=-0.6))
    f.write("[metadata]\nadjusted = false\nerror = 0.0\n")
calib_toml_to_qca.calib_toml_to_qca_func(input_file="metres.toml")
os.rename("metres.qca.txt", "back.qca.txt")
calib_qca_to_toml.calib_qca_to_toml_func("back.qca.txt")


def cameras(path):
    with open(path) as f:
        calibration = rtoml.load(f)
    return [{k: np.array(calibration[c][k]) for k in ("matrix", "distortions", "rotation", "translation")} for c in ("cam_1", "cam_2")]


before, after = cameras("metres.toml"), cameras("back.toml")
for one, two in zip(before, after):
    assert all(np.allclose(one[k], two[k]) for k in ("matrix", "distortions", "rotation"))
    print("translation before", one["translation"], "after", two["translation"])
    assert np.allclose(one["translation"], 1000 * two["translation"])

person = np.array([[0.1, -0.2, 0.05], [0.1, 1.55, 0.05]])  # head and heel, 1.75 m apart
pixels = [cv2.projectPoints(person, c["rotation"], c["translation"], c["matrix"], c["distortions"])[0][:, 0] for c in before]
for title, rig in (("before", before), ("after", after)):
    views = [np.c_[cv2.Rodrigues(c["rotation"])[0], c["translation"]] for c in rig]
    rays = [cv2.undistortPoints(p[:, None], c["matrix"], c["distortions"])[:, 0] for p, c in zip(pixels, rig)]
    found = cv2.triangulatePoints(views[0], views[1], rays[0].T, rays[1].T)
    found = (found[:3] / found[3]).T
    again = [cv2.projectPoints(found, c["rotation"], c["translation"], c["matrix"], c["distortions"])[0][:, 0] for c in rig]
    error = max(np.abs(a - p).max() for a, p in zip(again, pixels))
    height = np.linalg.norm(found[0] - found[1])
    print(f"{title}: the person is {height:.5f} m tall, largest error {error:.3f} px")
    assert error < 0.2 and abs(height - (1.75 if title == "before" else 0.00175)) < 0.01 * height
PY
venv/bin/python -W ignore see.py
echo "seen: metres come back as kilometres, with the same error in pixels"
