#!/usr/bin/env bash
# version: trc-data-reader 0.4.1 (Python 3.11; no other package)
# Behaviour: in a TRC motion file a marker that was lost for one frame is an empty cell between tabs. This reader splits each
#   row at any white space, so the empty cells vanish and every marker to the right of the gap moves one place to the left:
#   the lost marker gets the coordinates of its neighbour and the last marker of the file becomes NaN. Nothing is said.
# Guess: the lost marker is NaN in that frame and the others keep their numbers.
# Seen: frame 2 of left_eye holds right_eye's place, right_eye holds the nose's, and nose, seen in every frame, is NaN.
#   Saving writes the wrong numbers back, so the gap has moved to another marker for good. (OpenSim 4.6 reads the file rightly.)
# Why it matters: pandas and the tools built on it (Pose2Sim among them) write NaN as an empty cell, so every occlusion
#   swaps left and right for a moment: a jump of half a head that looks like jitter of the model.
# Instead: read TRC with pandas (sep="\t", skiprows=5, header=None) or write "nan" into the empty cells before loading.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check trc-data-reader==0.4.1
cat > see.py <<'PY'
import math
from trc import TRCData

names = ["left_eye", "right_eye", "nose"]
head = [
    "PathFileType\t4\t(X/Y/Z)\tface.trc",
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
    "30\t30\t3\t3\tmm\t30\t1\t3",
    "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
    "\t\t" + "\t".join(f"{axis}{k}" for k in (1, 2, 3) for axis in "XYZ"),
    "",
]
rows = []
for t in range(3):
    cells = [f"{100 * k + t:.1f}" if axis == 0 else f"{axis}.0" for k in (1, 2, 3) for axis in range(3)]
    if t == 1:
        cells[0:3] = ["", "", ""]  # left_eye is hidden in the second frame
    rows.append("\t".join([str(t + 1), f"{t / 30:.4f}"] + cells))
open("face.trc", "w").write("\n".join(head + rows) + "\n")

data = TRCData()
data.load("face.trc")
for name in names:
    print(f"{name:9s}", [point[0] for point in data[name]])
data.save("again.trc")
print("saved again:", repr(open("again.trc").read().splitlines()[7]))

x = {name: data[name][1][0] for name in names}
assert x["left_eye"] == 201.0, x  # right_eye's 201, should be NaN
assert x["right_eye"] == 301.0, x  # nose's 301, should be 201
assert math.isnan(x["nose"]), x  # nose was seen: 301
assert [p[0] for p in data["nose"]][::2] == [300.0, 302.0]
again = TRCData()
again.load("again.trc")
assert again["left_eye"][1][0] == 201.0
PY
venv/bin/python see.py
echo "seen: a gap is filled with the next marker, the last marker is lost instead"
