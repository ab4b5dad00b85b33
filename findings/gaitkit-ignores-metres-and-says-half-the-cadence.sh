#!/usr/bin/env bash
# version: gaitkit 1.5.0, ezc3d 1.7.2, numpy 2.4.6, scipy 1.17.1, pandas 3.1.1
# Behaviour: gaitkit finds heel strikes and toe-offs in recordings of a walk. (1) Its thresholds are in millimetres.
#   detect() takes units={"position": "m"} and does not look at it; nor does it look at the unit that a C3D file names.
#   (Only the older detect_events_structured converts.) (2) summary() takes 60 by the time of a stride, which is two
#   steps, and prints that as "steps/min".
# Guess: with the unit given the same walk has the same events; a stride of 1.31 s is 92 steps per minute.
# Seen: with the default method, the package's own recording of a person with Parkinson's disease, divided by 1000 and
#   said to be in metres: heel strikes come up to 15 frames (100 ms) too early, toe-offs stay: the stance is
#   69.4 % of the stride instead of 63.0 %. Written as C3D with the unit m it is 75.6 instead of 63.8 %; the healthy
#   person's C3D keeps 3 of 5 heel strikes, and the stance becomes 87.6 instead of 62.3 %. No warning. summary() says
#   "cadence 46 steps/min" for the person whose cadence is given as 94.7 in the same file.
# Why it matters: a long stance and a slow cadence are what one measures in patients. Metres are usual in OpenSim, in
#   motion capture from video and in much C3D, and somebody who names the unit relies on it.
# Instead: multiply positions by 1000 before calling, for C3D too (by the unit in POINT:UNITS), and take twice the
#   printed cadence, or count the heel strikes of both sides (all checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gaitkit==1.5.0 ezc3d==1.7.2 numpy==2.4.6 scipy==1.17.1 \
    pandas==3.1.1
cat > see.py <<'PY'
import contextlib
import copy
import io

import ezc3d
import gaitkit
import numpy as np

LABELS = {"heel": "HEE", "toe": "TOE", "ankle": "ANK", "knee": "KNE", "hip": "ASI"}
MARKERS = {f"{side}_{part}": side[0].upper() + end for side in ("left", "right") for part, end in LABELS.items()}


def scaled(trial, factor):
    trial = copy.deepcopy(trial)
    for frame in trial["angle_frames"]:
        places = frame["landmark_positions"]
        frame["landmark_positions"] = {name: [factor * x for x in place] for name, place in places.items()}
    return trial


def write(trial, factor, unit):
    points = np.array([[f["landmark_positions"][name] for name in MARKERS] for f in trial["angle_frames"]]) * factor
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [trial["fps"]]
    file["parameters"]["POINT"]["UNITS"]["value"] = [unit]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(MARKERS.values())
    file["data"]["points"] = np.concatenate([points.transpose(2, 1, 0), np.ones((1, len(MARKERS), len(points)))])
    file.write(f"walk_{unit}.c3d")
    back = ezc3d.c3d(f"walk_{unit}.c3d")
    assert back["parameters"]["POINT"]["UNITS"]["value"] == [unit]
    return f"walk_{unit}.c3d"


def events(result):
    stance = round(float(result.cycles["stance_pct"].mean()), 1)
    return result.hs_frames(), result.to_frames(), stance


def show(title, got):
    print(f"{title}: heel strikes {got[0]}, toe-offs {got[1]}, stance {got[2]} %")


# (1) the unit
seen = {}
for name in ("parkinson", "healthy"):
    trial = gaitkit.load_example(name)
    truth = events(gaitkit.detect(trial))
    metres = scaled(trial, 0.001)
    named = events(gaitkit.detect(metres, units={"position": "m"}))
    assert named == events(gaitkit.detect(metres)) == events(gaitkit.detect(metres, units={"position": "mm"}))
    files = [events(gaitkit.detect(write(trial, factor, unit))) for factor, unit in ((1, "mm"), (0.001, "m"))]
    for title, got in zip(("mm", "m, with its unit", "C3D in mm", "C3D in m"), (truth, named, *files)):
        show(f"{name}, {title}", got)
    seen[name] = (truth, named, *files)
    # what to do instead
    assert events(gaitkit.detect(scaled(metres, 1000))) == truth

truth, named, millimetres, metres = seen["parkinson"]
assert len(truth[0]) == len(named[0])
late = np.subtract(named[0], truth[0])
assert (late[1:] <= -13).all() and late.min() == -15
assert np.abs(np.subtract(named[1], truth[1])).max() <= 1
assert (truth[2], named[2], millimetres[2], metres[2]) == (63.0, 69.4, 63.8, 75.6)
truth, named, millimetres, metres = seen["healthy"]
assert len(millimetres[0]) == 5 and len(metres[0]) == 3
assert (millimetres[2], metres[2]) == (62.3, 87.6)

# (2) the cadence
trial = gaitkit.load_example("parkinson")
with contextlib.redirect_stdout(io.StringIO()):
    text = gaitkit.detect(trial).summary()
print(text)
given = trial["ground_truth"]["cadence"]
print(f"cadence that the file gives: {given:.1f} steps/min")
assert "cadence 46 steps/min" in text and abs(given - 94.7) < 0.1
strikes = gaitkit.detect(trial).hs_frames()
counted = 60 * (len(strikes) - 1) / ((strikes[-1] - strikes[0]) / trial["fps"])
print(f"steps counted: {counted:.1f} steps/min")
assert abs(counted - given) < 4 and abs(2 * gaitkit.detect(trial).cycles["cadence"].mean() - given) < 4
PY
venv/bin/python see.py
echo "as recorded"
