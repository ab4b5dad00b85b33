#!/usr/bin/env bash
# version: pose2sim 0.10.49, c3d 0.6.0, ezc3d 1.7.2, numpy 2.4.6
# Behaviour: trc_to_c3d writes whole millimetres in 16 bits. It takes every TRC for metres, whatever the header's "Units" says. So a
#   marker beyond 32.767 m comes out about 65 m away on the other side, and a TRC in millimetres is noise; a marker that was lost in a
#   frame (an empty cell) becomes a marker that was seen at (0, 0, 0), with the residual of a good one; fractions of mm are cut off.
# Guess: coordinates are kept (C3D has floating point), "mm" is obeyed, a lost marker is lost.
# Seen: a runner at 32.5, 32.7, 32.9, 33.1 m is at 32.5, 32.7, -32.6, -32.4 m. A TRC in mm with 1250.0 mm gives 4816 mm.
#   The lost marker: (0, 0, 0), residual 0, in ezc3d and in c3d. 0.9999 m becomes 999 mm.
# Why it matters: 3D keypoints of a sprint or of a person on a field leap across the stadium; an occluded wrist snaps to the middle of
#   the room and back, marked as measured, so no gap filler touches it, and inverse kinematics follows it.
# Instead: write C3D with ezc3d (floating point, NaN for a lost marker), after dividing by the header's unit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 c3d==0.6.0 ezc3d==1.7.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps pose2sim==0.10.49
cat > see.py <<'PY'
import c3d
import ezc3d
import numpy as np
from Pose2Sim.Utilities import trc_to_c3d


def write(path, units, frames):
    names = ["nose", "wrist"]
    n = len(frames)
    lines = [
        "PathFileType\t4\t(X/Y/Z)\t" + path,
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"50\t50\t{n}\t2\t{units}\t50\t1\t{n}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\tX1\tY1\tZ1\tX2\tY2\tZ2",
    ]
    for t, numbers in enumerate(frames):
        lines.append("\t".join([str(t + 1), f"{t / 50:.3f}"] + ["" if v is None else f"{v:.4f}" for v in numbers]))
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


def read(path):
    """x of the nose in mm, and the wrist of the second frame, by both libraries."""
    trc_to_c3d.trc_to_c3d_func(path)
    file = ezc3d.c3d(path.replace(".trc", ".c3d"))
    points, residual = file["data"]["points"], file["data"]["meta_points"]["residuals"]
    assert file["parameters"]["POINT"]["UNITS"]["value"] == ["mm"]
    with open(path.replace(".trc", ".c3d"), "rb") as f:
        other = [frame for _, frame, _ in c3d.Reader(f).read_frames()]
    assert np.allclose([frame[0, 0] for frame in other], points[0, 0])
    return points[0, 0].tolist(), points[:3, 1, 1].tolist(), residual[0, 1, 1].item(), other[1][1].tolist()


runner = [[x, 1.5, 0.9999, x + 0.3, 0.8, 0.1] for x in (32.5, 32.7, 32.9, 33.1)]
runner[1][3:] = [None] * 3
write("m.trc", "m", runner)
x, wrist, residual, wrist_c3d = read("m.trc")
print("runner at 32.5, 32.7, 32.9, 33.1 m:", x, "mm; the lost wrist", wrist, "residual", residual, "and in c3d", wrist_c3d)
assert np.allclose(x, [32500, 32700, -32636, -32436], atol=1)
assert wrist == [0, 0, 0] and residual == 0 and wrist_c3d[:4] == [0, 0, 0, 0]
assert ezc3d.c3d("m.c3d")["data"]["points"][2, 0, 0] == 999  # 0.9999 m

write("mm.trc", "mm", [[1250.0, 1500.0, 999.9, 1300.0, 800.0, 100.0]] * 2)
x = read("mm.trc")[0]
print("1250.0 with the unit mm:", x)
assert x[0] != 1250 and x == [(1250000 + 32768) % 65536 - 32768] * 2
PY
venv/bin/python -W ignore see.py
echo "seen: markers wrap around at 32.767 m, and a lost one is seen at the origin"
