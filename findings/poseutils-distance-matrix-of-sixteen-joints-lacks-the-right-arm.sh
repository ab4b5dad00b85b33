#!/usr/bin/env bash
# version: poseutils 0.4.0 with numpy 2.4.6, tqdm 4.70.1 (Python 3.11)
# Behaviour: the package supports skeletons of 14 and of 16 joints. get_edm(joints) is documented to give the upper triangle of
#   the M x M matrix of distances, M(M-1)/2 numbers. It takes the triangle of a 14 x 14 matrix whatever M is, so with 16 joints
#   91 of 120 distances come back: all those of the right elbow and the right wrist are missing, and nothing is said.
#   In the same file calculate_limb_lengths(joints, cvt_mm=True) repeats the list of lengths 1000 times instead of converting
#   metres to millimetres, because it multiplies a Python list; calculate_avg_limb_lengths, its neighbour, does convert.
# Guess: 120 distances, and lengths in millimetres, one for each limb.
# Seen: 91 distances that do not change when the right hand is moved by a metre; 15,000 lengths in metres.
# Why it matters: such matrices are the input of networks and of nearest-neighbour searches over poses: a waving right arm
#   and a hanging one are the same pose to them, a waving left arm is not.
# Instead: get_edm(joints, square_form=True)[:, *np.triu_indices(16, k=1)] and 1000 * np.array(calculate_limb_lengths(joints)).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check poseutils==0.4.0 numpy==2.4.6 tqdm==4.70.1
cat > see.py <<'PY'
import numpy as np
from poseutils.constants import EDGES_16, NAMES_16
from poseutils.props import calculate_limb_lengths, get_edm

rng = np.random.default_rng(0)
person = rng.normal(0, 0.4, (1, 16, 3))

edm = get_edm(person)
print("distances of 16 joints:", edm.shape[1], "of", 16 * 15 // 2)
changed = {}
for joint, name in enumerate(NAMES_16):
    moved = person.copy()
    moved[0, joint] += [1.0, 0, 0]
    changed[name] = int((get_edm(moved) != edm).sum())
print("distances that change when a joint moves by 1 m:", changed)
assert edm.shape[1] == 91  # guess: 120
assert changed["RElbow"] == 0 and changed["RWrist"] == 0  # guess: 15
assert changed["LElbow"] == 13 and changed["LWrist"] == 13

full = get_edm(person, square_form=True)
assert full.shape == (1, 16, 16)
assert full[0][np.triu_indices(16, k=1)].shape == (120,)

metres = calculate_limb_lengths(person[0])
millimetres = calculate_limb_lengths(person[0], cvt_mm=True)
print("limbs:", len(metres), "in millimetres:", len(millimetres), "first:", metres[0], millimetres[0])
assert len(metres) == len(EDGES_16) == 15
assert len(millimetres) == 15000  # guess: 15
assert millimetres[0] == metres[0]  # guess: 1000 times as much
PY
venv/bin/python see.py
echo "seen: 91 of 120 distances, none of the right forearm; 15,000 limb lengths"
