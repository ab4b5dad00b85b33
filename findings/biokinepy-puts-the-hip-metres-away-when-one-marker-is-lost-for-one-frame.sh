#!/usr/bin/env bash
# version: biokinepy 0.1.2, numpy 1.26.4, scipy 1.11.4, numpy-quaternion 2024.0.13, lazy 2.0 (newer scipy has no
#   cumtrapz)
# Behaviour: joint_center.gamage() finds the centre of a ball joint (the hip) from markers of the limb that swings
#   about it. It looks for NaN and leaves those frames of a marker out. But one of its means, that of the products of
#   the coordinates, is the sum over the present frames divided by the number of ALL frames; the other means are
#   divided by the present ones. The difference of the two, which should be the covariance, then holds a share of the
#   squared distance to the origin.
# Guess: a lost frame is one equation less; without noise the centre stays exactly where it is.
# Seen: four markers on a thigh, 200 frames, hip at (300, 900, 1200) mm. Complete: exact. One marker lost in a single
#   frame: the hip is put 7.4 metres away, above the ceiling; in five frames: 5.1 metres, below the floor. With all
#   four markers lost in the same 20 frames it is 8 metres off. The same 180 frames without their NaN give the exact
#   centre.
# Why it matters: some marker is hidden in almost every recording, and the function is written to accept that. The
#   joint centre is the foundation of everything after it (angles, moments, lengths). The nearer the origin, the more
#   the error looks like soft tissue: with the origin at 2 cm from the hip it is 13 mm.
# Instead: drop the frames in which any marker is NaN before calling (checked below), or fill the gaps first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check biokinepy==0.1.2 numpy==1.26.4 scipy==1.11.4 \
    numpy-quaternion==2024.0.13 lazy==2.0
cat > see.py <<'PY'
import numpy as np
from biokinepy.joint_center import gamage

frames = 200
hip = np.array([300.0, 900.0, 1200.0])
thigh = np.array([[0, -150, 80], [40, -200, 60], [-50, -250, 70], [20, -300, 90]], float)  # from the hip, at rest
phase = np.linspace(0, 2 * np.pi, frames)


def turn(flexion, abduction):
    c, s = np.cos(flexion), np.sin(flexion)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(abduction), np.sin(abduction)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ about_x


turns = np.array([turn(0.4 * np.cos(2 * p), 0.5 * np.sin(p)) for p in phase])
markers = np.einsum("nij,kj->kni", turns, thigh) + hip  # (markers, frames, xyz): without noise


def lose(points, which, count):
    points = points.copy()
    points[which, 50 : 50 + count] = np.nan
    return points


def see(title, points, truth=hip):
    centre = gamage(points).ravel()
    away = float(np.linalg.norm(centre - truth))
    print(f"{title:46s} {np.round(centre, 1).tolist()}, {away:.1f} mm away")
    return away, centre


assert see("every marker in every frame", markers)[0] < 0.01
away, centre = see("one marker lost in one frame", lose(markers, 1, 1))
assert 7400 < away < 7500 and centre[1] > 8000
away, centre = see("one marker lost in five frames", lose(markers, 1, 5))
assert 5000 < away < 5200 and centre[1] < -4000
gaps = lose(markers, slice(None), 20)
assert 7900 < see("all four lost in twenty frames", gaps)[0] < 8100
kept = gaps[:, ~np.isnan(gaps).any((0, 2))]
assert kept.shape[1] == 180
assert see("the same without the frames that have NaN", kept)[0] < 0.01

# the same gap, with the origin of the room put beside the hip
near = np.array([10.0, 10.0, 10.0])
away, _ = see("one marker lost in five frames, origin near", lose(markers, 1, 5) - hip + near, near)
assert 12 < away < 15
PY
venv/bin/python see.py
echo "as recorded"
