#!/usr/bin/env bash
# version: pose2sim 0.10.49, ezc3d 1.7.2, c3d 0.6.0, numpy 2.4.6
# Behaviour: c3d_to_trc multiplies the coordinates of a C3D in millimetres by 0.001 and then writes "mm" into the Units of the TRC: the
#   numbers are metres, the header says millimetres. The rate is cut to a whole number (29.97 becomes 29), and the times are built
#   from it. A marker that was lost becomes 0 0 0.
# Guess: header and numbers agree, whichever unit is chosen; 29.97 stays; a lost marker is empty or nan.
# Seen: a nose 1652.4 mm high is written as 1.6524 under "mm". A clip of 29.97 frames a second has DataRate 29; frame 301 is at 10.379 s
#   instead of 10.043. A lost wrist is 0.0 0.0 0.0.
# Why it matters: who reads the unit gets a person 1.65 mm tall; who ignores it is right by chance.
#   3 % in time are 3 % in every speed, and the motion slides away from the video by a second in half a minute.
# Instead: read the C3D with ezc3d and write the TRC yourself; or correct Units, DataRate and Time, and blank the zeros.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 c3d==0.6.0 ezc3d==1.7.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps pose2sim==0.10.49
cat > see.py <<'PY'
import ezc3d
import numpy as np
from Pose2Sim.Utilities import c3d_to_trc

frames = 301
points = np.ones((4, 2, frames))
points[:3, 0] = [[250.0], [1652.4], [-80.0]]
points[:3, 1] = [[400.0], [900.0], [20.0]]
points[:3, 1, 150] = np.nan  # the wrist is lost once
file = ezc3d.c3d()
file["parameters"]["POINT"]["RATE"]["value"] = [29.97]
file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
file["parameters"]["POINT"]["LABELS"]["value"] = ["nose", "wrist"]
file["data"]["points"] = points
file.write("clip.c3d")

c3d_to_trc.c3d_to_trc_func("clip.c3d", "clip.trc")
with open("clip.trc") as f:
    lines = [line.rstrip("\n").split("\t") for line in f]
header = dict(zip(lines[1], lines[2]))
rows = [line for line in lines[5:] if len(line) > 2]
print("Units", header["Units"], "DataRate", header["DataRate"], "first row", rows[0])
print("row 151", rows[150], "last time", rows[-1][1])
assert header["Units"] == "mm" and np.allclose([float(v) for v in rows[0][2:5]], [0.25, 1.6524, -0.08])
assert header["DataRate"] == "29" and len(rows) == frames
assert [float(v) for v in rows[150][5:8]] == [0, 0, 0]
assert abs(float(rows[-1][1]) - 301 / 29) < 0.001 and abs(301 / 29 - 301 / 29.97) > 0.33
PY
venv/bin/python -W ignore see.py
echo "seen: metres under the heading mm, 29 instead of 29.97 frames a second, a lost marker at 0 0 0"
