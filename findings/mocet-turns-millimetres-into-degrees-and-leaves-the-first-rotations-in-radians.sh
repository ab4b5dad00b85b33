#!/usr/bin/env bash
# version: mocet 0.1.0, numpy 2.4.6, pandas 3.1.1, scipy 1.17.1, scikit-learn 1.9.1, matplotlib 3.11.2, pillow 13.0.0,
#   opencv-python-headless 5.0.0.93
# Behaviour: mocet takes the movement of the head (six columns of an fMRIPrep table: three shifts in millimetres,
#   three turns in radians) out of the gaze of somebody who lies in a scanner. With use_mm_deg=True the turns are to
#   be in degrees. It converts motion_params[3:], which are the ROWS from the fourth volume on, not the last three
#   columns. (For tables of FSL the same option works on columns and is right.)
# Guess: shifts as they are, turns multiplied by 57.3, in every row.
# Seen: a head that is 0.18 mm away from where it began is said to be 27.3 mm away; the turns of the first three
#   volumes stay in radians; and since the first row is then taken off all others, a rest of it stays in every later
#   row (a turn of 0.35 degrees to one side becomes 0.22 to the other, or 0.62 becomes 0.05). A pupil that moves by 30
#   pixels per mm of the head is found to move by 0.4, and up to 0.9 of 10 pixels of drift stay where the correction
#   is exact without the option.
# Why it matters: the parameters go into reports of how much somebody moved, into limits for leaving volumes out and
#   into simulations, in millimetres. The corrected gaze, the only thing one looks at, nearly hides it.
# Instead: leave use_mm_deg off (the fit does not depend on the units), or convert the last three columns first and
#   pass them as motion_params (both checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mocet==0.1.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 \
    scikit-learn==1.9.1 matplotlib==3.11.2 pillow==13.0.0 opencv-python-headless==5.0.0.93
cat > see.py <<'PY'
import numpy as np
import pandas as pd
import mocet

VOLUMES, PER_VOLUME = 40, 10
names = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
t = np.arange(VOLUMES)
table = pd.DataFrame(
    {
        "trans_x": 0.3 + 0.2 * np.sin(t / 5),  # mm
        "trans_y": 0.1 * np.cos(t / 7),
        "trans_z": 0.2 + 0.01 * t,
        "rot_x": 0.010 * np.exp(-t) + 0.004 * np.sin(t / 6),  # rad; the head settles at first
        "rot_y": 0.005 * np.cos(t / 4),
        "rot_z": 0.003 + 0.0002 * t,
    }
)
table.to_csv("confounds.tsv", sep="\t", index=False)

plain = mocet.get_motion_params("confounds.tsv")
asked = mocet.get_motion_params("confounds.tsv", use_mm_deg=True)
# the sign is turned, the first row taken off, the last row repeated: that is the same with and without the option
true = plain.copy()
true[:, 3:] = np.degrees(true[:, 3:])
values = table[names].to_numpy()
assert np.allclose(plain[:-1], -(values - values[0]))

for row in (2, 10, 20):
    print(f"volume {row:2d} true  ", np.round(true[row], 3).tolist())
    print(f"          given ", np.round(asked[row], 3).tolist())
factor = np.degrees(1)
assert np.allclose(asked[:3], plain[:3])  # three rows without any conversion, turns in radians
assert np.allclose(asked[3:-1], -(values[3:] * factor - values[0]))  # the others with all six columns converted
assert np.abs(true[:, :3]).max() < 0.5 and np.abs(asked[:, :3]).max() > 20  # millimetres

# a man who looks at one point: his pupil moves in the picture only because his head does
seen_at = np.linspace(0, VOLUMES, VOLUMES * PER_VOLUME)
head = np.column_stack([np.interp(seen_at, np.arange(VOLUMES + 1), column) for column in plain.T])
pixels = np.array([[30.0, 2], [4, 25], [1, 3], [50, 900], [800, 60], [400, 300]])
pupil = head @ pixels + [320, 240]


def left_over(gaze):
    return float(np.linalg.norm(gaze - np.median(gaze, 0), axis=1).max())


def corrected(**options):
    gaze, weights, _ = mocet.apply_mocet(pupil, polynomial_order=3, return_weights=True, **options)
    return left_over(gaze), float(weights[0][0])


good = corrected(motion_params_fname="confounds.tsv")
bad = corrected(motion_params_fname="confounds.tsv", use_mm_deg=True)
ready = corrected(motion_params=true)
print(f"pupil off by up to {left_over(pupil):.1f} pixels before the correction")
for title, (rest, weight) in (("radians", good), ("degrees, made by hand", ready), ("use_mm_deg", bad)):
    print(f"{title:22s} {rest:.3f} pixels left, {weight:.2f} pixels per mm of trans_x")
assert good[0] < 1e-6 and abs(good[1] - 30) < 1e-6
assert ready[0] < 1e-6 and abs(ready[1] - 30) < 1e-6  # true degrees change nothing
assert 0.5 < bad[0] < 1.5 and 0.3 < bad[1] < 0.5
PY
venv/bin/python -W ignore see.py
echo "as recorded"
