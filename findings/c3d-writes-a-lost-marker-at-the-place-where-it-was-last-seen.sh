#!/usr/bin/env bash
# version: c3d 0.6.0, pupyc3d 0.1.3 and ezc3d 1.7.2 with numpy 2.4.6 (Python 3.11)
# Behaviour: c3d.Writer writes a lost marker (residual -1) with the x, y, z of the last frame in which this marker was seen
#   (0, 0, 0 if it was not seen before), whatever coordinates the caller gave. The frame thus depends on the frames before.
#   Whole-number files (point_scale > 0) are cut towards 0 instead of rounded.
# Guess: the file holds what was given (0, NaN or any other numbers), with residual -1, and whole numbers are the nearest.
# Seen: three frames of a running ankle were given as 777 with residual -1; the file holds three times the place of the
#   frame before. c3d itself and pupyc3d hand these numbers out; ezc3d makes NaN of them. A marker that comes late lies at
#   the origin. With point_scale=1 all of 0.9, -0.9 and 0.5 are written as 0.
# Why it matters: code that takes points[:, :3] (most does) sees an ankle that stops in mid-air and then jumps, with
#   plausible numbers: no gap is found, speeds are 0 and then a multiple. Cutting shortens every distance to the origin by
#   half a step on average.
# Instead: mask by the residual (column 3 < 0) after reading, in every reader; round before writing whole numbers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check c3d==0.6.0 pupyc3d==0.1.3 ezc3d==1.7.2 numpy==2.4.6
cat > see.py <<'PY'
import warnings

import c3d
import ezc3d
import numpy as np
from pupyC3D import C3DFile

warnings.simplefilter("ignore")
t = np.arange(8)
ankle = np.stack([100.0 * t, 0 * t + 80.0, 10.0 * t], 1)
late = np.stack([50.0 * t, 0 * t + 900.0, 0 * t + 5.0], 1)
lost = np.zeros((8, 2), bool)
lost[3:6, 0] = True  # the ankle is lost in frames 3, 4 and 5
lost[:2, 1] = True  # the shoulder comes in frame 2


def write(name, frames, scale):
    writer = c3d.Writer(point_rate=100.0, point_scale=scale)
    writer.set_point_labels(["LANK", "LSHO"])
    writer.add_frames([(rows.astype(np.float32), np.zeros((0, 0), np.float32)) for rows in frames])
    with open(name, "wb") as f:
        writer.write(f)


def read(name):
    with open(name, "rb") as f:
        return np.stack([points.copy() for _, points, _ in c3d.Reader(f).read_frames()])


given = np.zeros((8, 2, 5))
given[:, :, :3] = np.stack([ankle, late], 1)
given[lost, :3] = 777
given[lost, 3] = -1
write("run.c3d", given, -1.0)
assert not (np.frombuffer(open("run.c3d", "rb").read(), "<f4") == 777).any()  # guess: 15 words of 777

got, pupy = read("run.c3d"), C3DFile("run.c3d").get_point_data("LANK")
other = ezc3d.c3d("run.c3d")["data"]["points"]
print("c3d:     x of the ankle   ", got[:, 0, 0].tolist(), "residuals", got[:, 0, 3].tolist())
print("pupyc3d: x of the ankle   ", pupy[:, 0].tolist())
print("ezc3d:   x of the ankle   ", other[0, 0].tolist())
print("c3d:     x of the shoulder", got[:, 1, 0].tolist())
assert np.array_equal(got[:, :, 3] < 0, lost) and np.allclose(got[~lost][:, :3], given[~lost][:, :3])
for xyz in (got[:, 0, :3], pupy[:, :3]):
    assert np.allclose(xyz[3:6], ankle[2])  # guess: 777
assert np.allclose(got[:2, 1, :3], 0)  # guess: 777
assert np.isnan(other[:3, 0, 3:6]).all()
steps = np.linalg.norm(np.diff(got[:, 0, :3], axis=0), axis=1)
print("steps of the ankle:", steps.round(1).tolist())
assert (steps[2:5] == 0).all() and steps[5] > 400

whole = np.zeros((1, 2, 5))
whole[0, :, :3] = [[0.9, -0.9, 0.5], [1.9, -1.9, 100.99]]
write("whole.c3d", whole, 1.0)
print("0.9 -0.9 0.5 1.9 -1.9 100.99 become", read("whole.c3d")[0, :, :3].ravel().tolist())
assert read("whole.c3d")[0, :, :3].ravel().tolist() == [0, 0, 0, 1, -1, 100]  # guess: 1 -1 0 (or 1) 2 -2 101
PY
venv/bin/python see.py
echo "seen: lost markers are written at the place of an earlier frame"
