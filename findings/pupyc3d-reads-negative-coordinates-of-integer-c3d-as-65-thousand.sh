#!/usr/bin/env bash
# version: pupyc3d 0.1.3 and c3d 0.6.0 with numpy 2.4.6 (Python 3.11)
# Behaviour: C3D files keep 3D keypoints as floats or, smaller and older, as signed 16-bit whole numbers times a scale (the
#   scale in the header is positive then). pupyc3d reads and writes those words as unsigned: every negative coordinate v
#   becomes v + 65536 * scale, and the word -1 that marks a lost keypoint becomes a residual of 65535 * scale. No warning.
# Guess: a file with whole numbers gives the same positions as the same file with floats, and as another reader.
# Seen: with the scale 0.1 a runner who crosses the origin goes from 40 to 6533.6 in one step; whoever stands right of the
#   axis is 6.5 m away from it; a lost keypoint looks as if it was seen (residual 6553.5 instead of -1). Positive numbers
#   are right, so the half of the hall with positive coordinates shows nothing. Writing such a frame back raises an error
#   only where a number is truly negative.
# Why it matters: Vicon's classic files are of this kind; angles and step lengths across the origin are nonsense.
# Instead: read integer files with c3d or ezc3d; with pupyc3d subtract 65536 * scale from every value above 32767 * scale.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pupyc3d==0.1.3 c3d==0.6.0 numpy==2.4.6
cat > see.py <<'PY'
import warnings

import c3d
import numpy as np
from pupyC3D import C3DFile

warnings.simplefilter("ignore")
NAMES = ["LANK", "RANK"]
t = np.arange(6)
truth = np.stack([np.stack([100 - 60.0 * t, 0 * t + 5.0, 0 * t + 80.0], 1),  # runs along x, through 0
                  np.stack([100 - 60.0 * t, 0 * t - 12.5, 0 * t + 80.0], 1)], 1)  # the right foot at y < 0
seen = np.ones((6, 2), bool)
seen[3, 1] = False


def write(name, scale):
    writer = c3d.Writer(point_rate=50.0, point_scale=scale)
    writer.set_point_labels(NAMES)
    frames = []
    for points, good in zip(truth, seen):
        rows = np.zeros((2, 5), np.float32)
        rows[:, :3] = points
        rows[~good, 3] = -1  # lost
        frames.append((rows, np.zeros((0, 0), np.float32)))
    writer.add_frames(frames)
    with open(name, "wb") as f:
        writer.write(f)


def by_c3d(name):
    with open(name, "rb") as f:
        return np.stack([points[:, :4].copy() for _, points, _ in c3d.Reader(f).read_frames()])


def by_pupyc3d(name):
    file = C3DFile(name)
    return np.stack([file.get_point_data(n) for n in NAMES], axis=1)


for name, scale in [("floats.c3d", -1.0), ("whole.c3d", 0.1)]:
    write(name, scale)
    a, b = by_c3d(name), by_pupyc3d(name)
    print(f"{name}: x of the left foot by c3d {a[:, 0, 0].round(1).tolist()}, by pupyc3d {b[:, 0, 0].round(1).tolist()}")
    print(f"{name}: y of the right foot by c3d {a[0, 1, 1]:.1f}, by pupyc3d {b[0, 1, 1]:.1f};",
          f"residual when lost {a[3, 1, 3]:.1f}, {b[3, 1, 3]:.1f}")
    assert np.allclose(a[seen][:, :3], truth[seen], atol=1e-3) and a[3, 1, 3] == -1  # c3d is right in both
    expected = truth.copy()
    if scale > 0:
        expected[expected < 0] += 65536 * scale
        assert abs(b[3, 1, 3] - 65535 * scale) < 1e-3  # guess: negative
    else:
        assert b[3, 1, 3] == -1
    assert np.allclose(b[seen][:, :3], expected[seen], atol=1e-3)  # guess: truth
PY
venv/bin/python see.py
echo "seen: negative coordinates come back as 65536 steps too much"
