#!/usr/bin/env bash
# version: pyacclaim 0.0.1, numpy 2.4.6
# Behaviour: loadAMC keeps a frame when it meets the number of the next one, so the last frame of every AMC file is dropped. A bone's angles
#   are handed out in the order x, y, z, whatever the order of its "dof" line. The root's "position" and "orientation" of the ASF are not used.
# Guess: an AMC file of three frames gives three poses, and each angle turns about the axis that the "dof" line of its bone names.
# Seen: files of 3, 2 and 1 frames give 2, 1 and 0 poses. With "dof rz rx" and the angles 90 (rz) 0 (rx) an arm along x points along x (turned
#   about x) instead of along y. A root with "position 5 0 0" stands at 0, 0, 0.
# Why it matters: skeletons made from motion capture become keypoints for training or for comparison with a video: a frame less than the
#   pictures, and bones of hand-made or exported skeletons turned about the wrong axis, without a warning.
# Instead: append a line with one more number to the AMC file before it is read, and rewrite bones so that "dof" is in the order rx ry rz.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyacclaim==0.0.1 numpy==2.4.6
cat > see.py <<'PY'
from pathlib import Path

import numpy as np
import pyacclaim

ASF = """:version 1.10
:name person
:units
  mass 1.0
  length 1.0
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position {position}
  orientation 0 0 0
:bonedata
  begin
    id 1
    name arm
    direction 1 0 0
    length 2
    axis 0 0 0 XYZ
    dof {dof}
    limits (-180 180)
           (-180 180)
  end
:hierarchy
  begin
    root arm
  end
"""


def load(frames, dof="rx rz", position="0 0 0", more=""):
    Path("person.asf").write_text(ASF.format(dof=dof, position=position))
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for number, arm in enumerate(frames, 1):
        lines += [str(number), f"root {number} 0 0 0 0 0", f"arm {arm}"]
    Path("person.amc").write_text("\n".join(lines) + "\n" + more)
    asf = pyacclaim.loadASF("person.asf", verbose=False)
    return asf["bones"], pyacclaim.loadAMC(asf, "person.amc")


for count in (3, 2, 1):
    bones, poses = load(["0 0"] * count)
    print(count, "frames in the file,", len(poses), "poses read, x of the root", [p["root"][0] for p in poses])
    assert len(poses) == count - 1
bones, poses = load(["0 0"] * 3, more="4\n")
assert len(poses) == 3


def arm(dof, angles):
    bones, poses = load([angles] * 2, dof=dof)
    bones["root"].set_pose(poses[0])
    return (bones["arm"].global_coordinate - bones["root"].global_coordinate).round(6) + 0.0


print("dof rx rz, 0 90:", arm("rx rz", "0 90"), " dof rz rx, 90 0:", arm("rz rx", "90 0"))
assert np.allclose(arm("rx rz", "0 90"), [0, 2, 0])
assert np.allclose(arm("rz rx", "90 0"), [2, 0, 0])

bones, poses = load(["0 0"] * 2, position="5 0 0")
print("root at 5 0 0 in the ASF, in the rest pose:", bones["root"].global_coordinate)
assert np.allclose(bones["root"].global_coordinate, 0)
PY
venv/bin/python -W ignore see.py
echo "seen: the last frame is lost, and degrees of freedom are taken in the order x, y, z"
