#!/usr/bin/env bash
# version: handposeutils 0.1.7 with numpy 2.4.6 (Python 3.11)
# Behaviour: procrustes_alignment(pose1, pose2) is documented to remove translation, scale and rotation before it measures how
#   alike two hands are. The rotation that it finds is the right one, but it is applied from the wrong side, so the first hand is
#   turned back instead of onto the second: a hand and the same hand turned by 30 degrees are compared at 60 degrees.
#   normalize_handpose, which its text strongly recommends to call first, changes the caller's pose in place and is said to put
#   the centroid at the origin; its second step moves the smallest x, y and z to -1 each, so the centroid lies elsewhere.
# Guess: the distance of a hand to its turned copy is 0 at every angle; the centroid of a normalized hand is (0, 0, 0).
# Seen: 0, 0.27, 1.0, 2.0 and 3.9 for 0, 15, 30, 45 and 80 degrees, where the same hands without any alignment have 0, 0.07, 0.27,
#   0.58 and 1.6: aligning makes them less alike. The centroid of the flat test hand has z = -0.92 after normalizing.
# Why it matters: a gesture counts as alike only if the hand is held at the angle of the example; the nearest example is often a
#   wrong gesture at the right angle.
# Instead: rotate with aligned = p1 @ R.T yourself, or use scipy.spatial.procrustes (which also allows reflections).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps handposeutils==0.1.7  # without its viewer
cat > see.py <<'PY'
import numpy as np
from handposeutils.calculations.similarity import procrustes_alignment
from handposeutils.calculations.transforms import normalize_handpose
from handposeutils.data.coordinate import Coordinate
from handposeutils.data.handpose import HandPose

points = [(0.0, 0.0, 0.0)]  # the wrist, then five fingers of four points, fanned out and slightly bent
for finger in range(5):
    spread = np.radians(-40 + 20 * finger)
    for joint in range(1, 5):
        reach = (0.35 if finger == 0 else 0.45) + 0.13 * joint
        points.append((reach * np.sin(spread), reach * np.cos(spread), 0.02 * joint))
points = np.array(points)


def hand(p):
    return HandPose([Coordinate(*map(float, q)) for q in p], "right_hand")


def turned(p, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return p @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def unit(p):
    p = p - p.mean(0)
    return p / np.linalg.norm(p)


def as_it_should(p1, p2):
    u, s, vt = np.linalg.svd(unit(p1).T @ unit(p2))
    d = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    return ((unit(p1) @ (u @ d @ vt) - unit(p2)) ** 2).sum()


seen = {}
for degrees in (0, 15, 30, 45, 80):
    other = turned(points, degrees)
    seen[degrees] = procrustes_alignment(hand(points), hand(other))[2]
    plain = ((unit(points) - unit(other)) ** 2).sum()
    twice = ((unit(points) - unit(turned(points, 2 * degrees))) ** 2).sum()
    print(f"the same hand turned by {degrees:2d} degrees: aligned {seen[degrees]:.3f}, not aligned {plain:.3f},",
          f"not aligned at {2 * degrees:3d} degrees {twice:.3f}, right would be {as_it_should(points, other):.3f}")
    assert abs(seen[degrees] - twice) < 1e-9  # guess: 0
    assert as_it_should(points, other) < 1e-9
    assert degrees == 0 or seen[degrees] > plain
assert seen[80] > 3

pose = hand(points)
result = normalize_handpose(pose)
after = np.array([c.as_tuple() for c in result.get_all_coordinates()])
print("centroid of the normalized hand:", after.mean(0).round(3), "smallest:", after.min(0))
assert result is pose  # the caller's hand has changed
assert np.allclose(after.min(0), -1) and after.mean(0)[2] < -0.8  # guess: centroid 0
PY
venv/bin/python see.py
echo "seen: the hands are compared at twice their angle"
