#!/usr/bin/env bash
# version: signlangtk 0.3.2 (imported as sltk) with numpy 2.4.6 (Python 3.11)
# Behaviour: normalize_poses has align_facing=True by default and says that it rotates poses so that the person faces the
#   camera. It takes the direction from the left to the right shoulder in the picture's plane and turns it onto the x axis.
#   The right shoulder of somebody who faces the camera lies on the LEFT of the picture, so the angle is 180 degrees and the
#   signer is turned upside down, left and right changed. A signer seen from behind stays upright, and somebody who has really
#   turned aside is not turned at all: the rotation is about the optical axis, not about the vertical one.
# Guess: a signer who already faces the camera stays as he is.
# Seen: the nose lies above the shoulders before (y -0.5 torso lengths, y points down) and below them after; the raised right
#   hand hangs down. A shoulder that is lifted by one hair more does not change it; seen from behind nothing moves.
# Why it matters: sign languages distinguish up and down and left and right; a model trained on such poses meets the upright
#   ones of any other loader, and mixed clips (front and back) come out in opposite orientations.
# Instead: normalize_poses(..., align_facing=False), and turn by the yaw of the shoulders (atan2 of dz and dx) yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps signlangtk==0.3.2
cat > see.py <<'PY'
import numpy as np
from sltk.data.core import PoseSequence
from sltk.processing.normalization import normalize_poses

NOSE, LSHOULDER, RSHOULDER, RWRIST, LHIP, RHIP = 0, 11, 12, 16, 23, 24  # MediaPipe's order


def person(front=True, tilt=0.0, yaw=0.0):
    """33 landmarks in fractions of the picture, y down; the right hand is raised."""
    side = 1 if front else -1
    points = np.full((33, 3), [0.5, 0.5, 0.0])
    for k, (x, y) in {NOSE: (0, 0.2), LSHOULDER: (0.1, 0.4 + tilt), RSHOULDER: (-0.1, 0.4 - tilt),
                      RWRIST: (-0.2, 0.1), LHIP: (0.07, 0.8), RHIP: (-0.07, 0.8)}.items():
        points[k] = [0.5 + side * x * np.cos(yaw), y, side * x * np.sin(yaw)]
    return PoseSequence(data=np.repeat(points[None], 3, axis=0), fps=25.0, format="mediapipe")


def show(name, poses):
    before = normalize_poses(poses, align_facing=False).data[0]
    after = normalize_poses(poses).data[0]
    print(f"{name:18s} nose y {before[NOSE, 1]:+.2f} -> {after[NOSE, 1]:+.2f}, right wrist x, y",
          f"{before[RWRIST, :2].round(2)} -> {after[RWRIST, :2].round(2)}")
    return before, after


before, after = show("facing the camera", person())
assert before[NOSE, 1] < -0.4 and before[RWRIST, 1] < -0.6  # above the shoulders
assert np.allclose(after, before * [-1, -1, 1], atol=1e-9)  # guess: after == before
for tilt in (0.01, -0.01):
    before, after = show(f"tilted by {tilt}", person(tilt=tilt))
    assert after[NOSE, 1] > 0.4
before, after = show("seen from behind", person(front=False))
assert np.allclose(after, before, atol=1e-9)
before, after = show("turned by 60 deg", person(yaw=np.pi / 3))
assert np.allclose(after[:, 2], before[:, 2], atol=1e-9)  # guess: the shoulders' depths become equal
assert abs(after[LSHOULDER, 2] - after[RSHOULDER, 2]) > 0.3
PY
venv/bin/python see.py
echo "seen: who faces the camera is turned by 180 degrees, who has turned aside is not"
