#!/usr/bin/env bash
# version: gaitalytics 0.2.2 with pyomeca 2026.0.2, xarray 2024.10.0 and numpy 1.26.4 (Python 3.11)
# Behaviour: MarkerEventDetection finds foot strikes and foot offs from keypoints of hips and feet. First it turns the walk
#   into the direction of x, by the angle between the walk and x. It takes the arccos of it, which has no sign, so a walk to
#   the left of x is turned away from x to twice its angle; where that ends at negative x it mirrors the feet, but not the
#   pelvis. No warning comes.
# Guess: the same person has the same steps at the same times in whatever direction of the hall he walks.
# Seen: for directions from -180 to 0 degrees, and for 90 and 180, all 22 events of the 6 s are right. At +45 degrees every
#   foot strike comes 0.66 s too late (at the very times of the foot offs), and at +60 degrees no event at all is found.
# Why it matters: cameras and halls are seldom in line with the walk; stride times, stance and swing are wrong without a
#   trace, for one half of the directions only, so that going is measured and coming back may not be.
# Instead: turn the markers yourself beforehand, by -arctan2(y, x) of the way from the first to the last frame.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gaitalytics==0.2.2 pyomeca==2026.0.2 ezc3d==1.7.2 \
  xarray==2024.10.0 numpy==1.26.4 pandas==2.3.3 scipy==1.14.1
cat > see.py <<'PY'
import warnings

warnings.simplefilter("ignore")
import numpy as np
import xarray as xr
from gaitalytics import mapping, model
from gaitalytics.events import MarkerEventDetection

NAMES = ["l_heel", "r_heel", "l_toe", "r_toe", "l_ant_hip", "r_ant_hip", "sacrum"]
with open("map.yaml", "w") as f:
    f.write("mapping:\n  markers:\n" + "".join(f"    {n}: {n}\n" for n in NAMES))
configs = mapping.MappingConfigs("map.yaml")
FPS, STRIDES, SPEED = 100, 0.9, 1.2  # strides a second, metres a second
t = np.arange(600) / FPS


def events(heading):
    """Times of left foot strikes and foot offs of a person who walks in this direction (degrees), and the count of all."""
    zero = 0 * t
    body = np.stack([SPEED * t, 0.03 * np.sin(2 * np.pi * STRIDES * t), zero + 1.0])

    def foot(phase, side):
        swing = 2 * np.pi * STRIDES * t + phase
        return np.stack([SPEED * t + 0.35 * np.sin(swing), side + 0.02 * np.cos(swing), zero + 0.1])

    def at(place, x, y=0.0):
        return place + np.array([[x], [y], [0.0]])

    left, right = foot(0, 0.1), foot(np.pi, -0.1)
    points = {"l_heel": at(left, -0.1), "l_toe": at(left, 0.1), "r_heel": at(right, -0.1), "r_toe": at(right, 0.1),
              "l_ant_hip": at(body, 0.1, 0.12), "r_ant_hip": at(body, 0.1, -0.12), "sacrum": at(body, -0.1)}
    a = np.radians(heading)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    data = xr.DataArray(
        np.stack([turn @ points[n] for n in NAMES], axis=1), dims=["axis", "channel", "time"],
        coords={"axis": ["x", "y", "z"], "channel": NAMES, "time": t}, attrs={"rate": FPS},
    )
    trial = model.Trial()
    trial.add_data(model.DataCategory.MARKERS, data)
    table = MarkerEventDetection(configs).detect_events(trial)
    mine = table[table.context == "Left"]
    return [mine[mine.label == label].time.to_numpy() for label in ("Foot Strike", "Foot Off")] + [len(table)]


true_strikes = (0.25 + np.arange(6)) / STRIDES  # the foot is farthest in front
true_offs = (0.75 + np.arange(5)) / STRIDES  # and farthest behind
for heading in [*range(-180, 1, 30), 90, 180]:
    strikes, offs, count = events(heading)
    assert count == 22 and np.abs(strikes - true_strikes).max() < 0.02 and np.abs(offs - true_offs).max() < 0.02, heading
print("-180 to 0, 90 and 180 degrees: 22 events, left foot strikes at", events(0)[0].round(2).tolist())
strikes, offs, count = events(45)
print("45 degrees:", count, "events, left foot strikes at", strikes.round(2).tolist(), "foot offs at", offs.round(2).tolist())
assert np.abs(strikes - (true_strikes[:5] + 0.66)).max() < 0.03  # guess: true_strikes
assert np.array_equal(strikes, offs)
strikes, offs, count = events(60)
print("60 degrees:", count, "events")
assert count == 0  # guess: 22
PY
venv/bin/python see.py
echo "seen: walks to the left of x lose their steps"
