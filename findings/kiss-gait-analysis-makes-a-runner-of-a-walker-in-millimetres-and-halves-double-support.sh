#!/usr/bin/env bash
# version: kiss-gait-analysis 0.1.11 with numpy 2.4.6, pandas 3.1.1, scipy 1.17.1 (Python 3.11)
# Behaviour: trc_gaitevents_func finds heel strikes and toe-offs in a TRC file, whose unit it reads. Its method
#   "forward_velocity" (a foot stands while it is slower than 1 m/s) multiplies the limit by 1000 for millimetres, which
#   is right, and the coordinates too, so the limit is 1 mm/s. The default method, "height_coordinates", drops the first
#   frame before it filters and forgets that when it counts. double_stance_ratio is said (in the docstring) to be a
#   share of the analysed time, but is divided by stance and swing of both legs added up, which is twice that.
# Guess: a walk written in metres and in millimetres has the same steps; an event is the frame in which the limit is
#   crossed; somebody who stands on both feet for 24 % of the time is said to do so for about 24 %.
# Seen: a foot that stands for 0.68 of 1.1 seconds stands for 0.74 by the file in metres (the limit of 1 m/s includes
#   the ends of the swing) and for 0.42 by the file in millimetres; there are 14 double supports in one and none in the
#   other, so a walker has become a runner. With markers that jitter by half a millimetre there are no steps at all.
#   By "height_coordinates" all 30 events lie one frame before the crossing of the limit. Of 24 % double support 11.8
#   are reported.
# Why it matters: most TRC files are in millimetres. Double support is what one looks at in old people and after
#   strokes; 12 % is that of a very fast walk. A frame is 10 ms at 100 Hz, 33 ms in a video: comparisons with force
#   plates and with other tools are biased by that.
# Instead: write TRC files in metres for this method (or give a limit that is 1000 times larger); add one frame to the
#   events of the default method; divide total_double_stance_time by the time analysed (checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
# without its web server and its video parts, which the analysis of TRC files does not use
venv/bin/pip install --quiet --disable-pip-version-check --no-deps kiss-gait-analysis==0.1.11
cat > see.py <<'PY'
from pathlib import Path

import numpy as np
import pandas as pd
from backend.utils.gait_events import trc_gaitevents_func
from backend.utils.gait_phase_analysis import analyze_gait_phases, calculate_phase_statistics
from scipy import signal

HZ, CYCLE, STANCE, STRIDE, FIRST, SECONDS = 100, 1.1, 0.62, 1.4, 0.3, 8.8
TIME = np.arange(round(SECONDS * HZ) + 1) / HZ
MARKERS = ("Hip", "RHeel", "RBigToe", "LHeel", "LBigToe")


def foot(first):
    """Forward place and height in metres: it stands for STANCE of each cycle and swings smoothly for the rest."""
    cycle = np.floor((TIME - first) / CYCLE)
    swing = np.clip(((TIME - first) / CYCLE - cycle - STANCE) / (1 - STANCE), 0, 1)
    forward = STRIDE * (cycle + swing - np.sin(2 * np.pi * swing) / (2 * np.pi) + first / CYCLE)
    return forward, 0.03 + 0.15 * np.sin(np.pi * swing) ** 2


RIGHT, LEFT = foot(FIRST), foot(FIRST + CYCLE / 2)


def write(unit, jitter=0.0):
    factor = {"m": 1, "mm": 1000}[unit]
    places = {"Hip": (STRIDE / CYCLE * TIME, np.full_like(TIME, 0.95))}
    for side, (forward, height) in (("R", RIGHT), ("L", LEFT)):
        places[side + "Heel"], places[side + "BigToe"] = (forward - 0.25, height), (forward, height)
    points = np.array([[*places[name], np.zeros_like(TIME)] for name in MARKERS]).transpose(2, 0, 1)
    points = (points + np.random.default_rng(1).normal(0, jitter, points.shape)) * factor
    name = f"walk_{unit}_{jitter}.trc"
    lines = [f"PathFileType\t4\t(X/Y/Z)\t{name}",
             "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
             f"{HZ}\t{HZ}\t{len(TIME)}\t{len(MARKERS)}\t{unit}\t{HZ}\t1\t{len(TIME)}",
             "Frame#\tTime\t" + "\t\t\t".join(MARKERS) + "\t\t",
             "\t\t" + "\t".join(f"{axis}{i + 1}" for i in range(len(MARKERS)) for axis in "XYZ")]
    for i, row in enumerate(points.reshape(len(TIME), -1)):
        lines.append(f"{i + 1}\t{TIME[i]:.5f}\t" + "\t".join(f"{value:.6f}" for value in row))
    Path(name).write_text("\n".join(lines) + "\n")
    return str(Path(name).resolve())


def events(path, method, **options):
    return trc_gaitevents_func(trc_path=path, method=method, gait_direction="X", up_direction="Y", save_output=False,
                               **options)


def phases(times):
    right_on, left_on, right_off, left_off = times
    return analyze_gait_phases(right_on, right_off, left_on, left_off, pd.Series(TIME))


def stand(found):
    return np.mean([end - start for start, end in found["right_stance"] + found["left_stance"]])


# 1. the unit
walk = {unit: phases(events(write(unit), "forward_velocity")[0]) for unit in ("m", "mm")}
for unit, found in walk.items():
    print(f"in {unit}: a foot stands for {stand(found):.2f} s, {len(found['double_stance'])} double supports")
assert abs(stand(walk["m"]) - 0.74) < 0.01 and abs(stand(walk["mm"]) - 0.42) < 0.01
assert len(walk["m"]["double_stance"]) == 14 and len(walk["mm"]["double_stance"]) == 0
assert min(len(found["right_stance"]) for found in walk.values()) == 8
steps = {unit: [len(found) for found in events(write(unit, 0.0005), "forward_velocity")[0]] for unit in ("m", "mm")}
print("with jitter of 0.5 mm, events:", steps)
assert sum(steps["m"]) == 30 and sum(steps["mm"]) == 0

# 2. the frame, against the crossings of the same filtered height
b, a = signal.butter(2, 10 / HZ * 2, "low")
_, frames = events(write("m"), "height_coordinates")
early = []
for (_, height), on, off in ((RIGHT, frames[0], frames[2]), (LEFT, frames[1], frames[3])):
    low = signal.filtfilt(b, a, height) < 0.06
    lands = np.flatnonzero(low[1:] & ~low[:-1]) + 1  # the first low frame
    leaves = np.flatnonzero(low[:-1] & ~low[1:])  # the last low frame
    early += [lands[np.abs(lands - frame).argmin()] - frame for frame in on]
    early += [leaves[np.abs(leaves - frame).argmin()] - frame for frame in off]
print("frames by which the events are early:", sorted(set(map(int, early))), "in", len(early), "events")
assert len(early) == 30 and set(early) == {1}

# 3. double support, from the true times
on = [[FIRST + CYCLE * (i + half) for i in range(8)] for half in (0, 0.5)]
off = [[start + CYCLE * STANCE for start in starts] for starts in on]
numbers = calculate_phase_statistics(phases((*on, *off)))
truth = 100 * (2 * STANCE - 1)
print(f"double support is {truth:.0f} % of the cycle, reported {numbers['double_stance_ratio']:.1f} %")
assert abs(truth - 24) < 1e-9 and abs(numbers["double_stance_ratio"] - 11.8) < 0.05

# what to do instead
assert 22 < 100 * numbers["total_double_stance_time"] / numbers["total_duration"] < 24
again = phases(events(write("mm"), "forward_velocity", forward_velocity_threshold=1000)[0])
assert again["right_stance"] == walk["m"]["right_stance"] and again["left_stance"] == walk["m"]["left_stance"]
PY
venv/bin/python see.py
echo "as recorded"
