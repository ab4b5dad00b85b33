#!/usr/bin/env bash
# version: dlc2kinematics 0.0.7, numpy 1.24.4, pandas 1.5.3, scipy 1.11.4, scikit-learn 1.2.1 (what the package asks for)
# Behaviour: compute_joint_angles(df, {"elbow": ["shoulder", "elbow", "wrist"]}) takes the three body parts in the order in which they stand
#   in the DeepLabCut table, not in the order of the list. The angle is measured at whichever of the three is the second column.
#   In a table of several animals pcutoff is applied to the first animal only: the others' guesses of any likelihood are used.
# Guess: the second name of the list is the joint; what is below pcutoff becomes NaN for each animal by its own likelihood.
# Seen: one arm with a right angle at the elbow: 90 degrees where the table has shoulder, elbow, wrist; 141 where it has elbow,
#   shoulder, wrist; 129 where it has shoulder, wrist, elbow. A wrist with likelihood 0.01: NaN for the first animal, 90 for the second.
# Why it matters: the order of the columns is the order in which somebody typed the body parts into the project. Curves of joint angles
#   look smooth and plausible, and belong to another joint; left and right can be measured at different joints.
# Instead: put the columns into the order of the list before each call, and give it one animal at a time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==1.24.4 pandas==1.5.3 scipy==1.11.4 matplotlib==3.8.4 tables==3.8.0 \
  scikit-learn==1.2.1 scikit-image==0.21.0 umap-learn==0.5.6 ruamel.yaml==0.18.10 sympy==1.14.0 easygui==0.98.3 c3d==0.5.2 tqdm==4.70.1 \
  PyYAML==6.0.4 'setuptools<70'
venv/bin/pip install --quiet --disable-pip-version-check --no-deps dlc2kinematics==0.0.7 scikit-kinematics==0.10.4
cat > see.py <<'PY'
import dlc2kinematics
import numpy as np
import pandas as pd

PLACE = {"shoulder": (0, 0), "elbow": (100, 0), "wrist": (100, 80)}
JOINT = {"elbow": ["shoulder", "elbow", "wrist"]}


def one_animal(order):
    columns = [("net", part, c) for part in order for c in ("x", "y", "likelihood")]
    row = [v for part in order for v in (*PLACE[part], 1.0)]
    return pd.DataFrame([row] * 3, columns=pd.MultiIndex.from_tuples(columns, names=["scorer", "bodyparts", "coords"]))


def two_animals(doubtful):
    names = ["scorer", "individuals", "bodyparts", "coords"]
    columns = [("net", who, part, c) for who in ("ann", "bob") for part in PLACE for c in ("x", "y", "likelihood")]
    row = [v for who in ("ann", "bob") for part in PLACE for v in (*PLACE[part], 0.01 if (who, part) == (doubtful, "wrist") else 1.0)]
    return pd.DataFrame([row] * 3, columns=pd.MultiIndex.from_tuples(columns, names=names))


seen = {}
for order in (["shoulder", "elbow", "wrist"], ["elbow", "shoulder", "wrist"], ["shoulder", "wrist", "elbow"]):
    angle = dlc2kinematics.compute_joint_angles(one_animal(order), JOINT, save=False)["elbow"].iloc[0]
    seen[order[1]] = angle
    print("columns", order, "angle", round(angle, 2))
at_shoulder = 180 - np.degrees(np.arctan2(80, 100))
at_wrist = 180 - np.degrees(np.arctan2(100, 80))
assert abs(seen["elbow"] - 90) < 1e-6 and abs(seen["shoulder"] - at_shoulder) < 1e-6 and abs(seen["wrist"] - at_wrist) < 1e-6

for doubtful in ("ann", "bob"):
    angles = dlc2kinematics.compute_joint_angles(two_animals(doubtful), JOINT, save=False).iloc[0].to_dict()
    print("doubtful wrist of", doubtful, angles)
    assert np.isnan(angles["elbow_ann"]) == (doubtful == "ann") and abs(angles["elbow_bob"] - 90) < 1e-6
PY
venv/bin/python -W ignore see.py
echo "seen: the angle belongs to the second column, and the cutoff to the first animal"
