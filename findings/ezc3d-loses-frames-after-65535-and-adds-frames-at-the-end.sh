#!/usr/bin/env bash
# version: ezc3d 1.7.2, c3d 0.6.0, kineticstoolkit 0.17.0, numpy 2.4.6
# Behaviour: ezc3d writes a clip of 70,000 frames without a word and reads 65,535 of its own file. In a file of 70,000 frames that
#   the other common library (c3d) wrote, and itself reads fully, ezc3d finds 70,016: it goes on into the padding after the last frame
#   and takes zeros for points at the origin. kineticstoolkit, which is built on ezc3d, does the same. c3d finds no frame in ezc3d's.
# Guess: both store long clips (the format has parameters for it), or one of them refuses.
# Seen: written 70,000; ezc3d -> ezc3d 65,535; c3d -> c3d 70,000; c3d -> ezc3d 70,016, the last 16 at (0, 0, 0); ezc3d -> c3d 0.
#   With 60,000 frames all four agree.
# Why it matters: 65,535 frames are 36 minutes at 30 frames a second, 22 at 50, and 4 at 250. The end of a long recording is gone after
#   the first reading and writing, or the person ends in a heap at the origin that a filter then smears backwards.
# Instead: cut long recordings into files of at most 65,000 frames, and compare the number of frames after writing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 ezc3d==1.7.2 c3d==0.6.0 kineticstoolkit==0.17.0
cat > see.py <<'PY'
import c3d
import ezc3d
import kineticstoolkit
import numpy as np


def write_ezc3d(path, frames):
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [30.0]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["m"]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["nose"]
    points = np.ones((4, 1, frames))
    points[0, 0] = np.arange(frames) + 1
    file["data"]["points"] = points
    file.write(path)


def write_c3d(path, frames):
    writer = c3d.Writer(point_rate=30, analog_rate=0, point_scale=-1.0, point_units="m")
    writer.set_point_labels(["nose"])
    writer.add_frames([(np.array([[i + 1, 1, 1, 0, 0]], np.float32), np.array([])) for i in range(frames)])
    with open(path, "wb") as f:
        writer.write(f)


def read_ezc3d(path):
    return ezc3d.c3d(path)["data"]["points"][0, 0]


def read_c3d(path):
    with open(path, "rb") as f:
        return np.array([points[0, 0] for _, points, _ in c3d.Reader(f).read_frames()])


def read_kinetics(path):
    return kineticstoolkit.read_c3d(path)["Points"].data["nose"][:, 0]


writers = {"ezc3d": write_ezc3d, "c3d": write_c3d}
readers = {"ezc3d": read_ezc3d, "c3d": read_c3d, "kineticstoolkit": read_kinetics}
seen = {}
for frames in (60000, 70000):
    for a, write in writers.items():
        write("clip.c3d", frames)
        for b, read in readers.items():
            x = read("clip.c3d")
            seen[frames, a, b] = x
            print(f"{frames} frames of {a} read by {b}: {len(x)}, the last x", x[-1:])
assert all(len(x) == n and x[-1] == n for (n, _, _), x in seen.items() if n == 60000)
assert [len(seen[70000, "ezc3d", b]) for b in readers] == [65535, 0, 65535]
assert [len(seen[70000, "c3d", b]) for b in readers] == [70016, 70000, 70016]
for b in ("ezc3d", "kineticstoolkit"):
    tail = seen[70000, "c3d", b][-17:]
    assert tail[0] == 70000 and np.all(tail[1:] == 0)
PY
venv/bin/python -W ignore see.py
echo "seen: 70,000 frames become 65,535, 70,016 or none"
