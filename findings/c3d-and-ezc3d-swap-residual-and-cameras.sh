#!/usr/bin/env bash
# version: ezc3d 1.7.2, c3d 0.6.0, numpy 2.4.6
# Behaviour: the fourth word of a point in a C3D file holds two bytes, the residual (how well the point was reconstructed) and the mask
#   of the cameras that saw it. ezc3d and c3d take them in opposite order: what one writes as the residual the other reads as the
#   cameras. Each reads its own files rightly, and coordinates, labels and the mark for a missing point (-1) agree.
# Guess: the two most used Python readers agree on every number of a point.
# Seen: ezc3d writes residuals 5 and 2 with the cameras {} and {0, 2}; c3d reads residuals 0 and 5 with the masks 5 and 2. The other
#   way round c3d's residual 5 is read as 0 by ezc3d, and its mask 5 (cameras 0 and 2) as the residual 5. Besides, ezc3d cuts
#   fractions: residuals (or confidences put there) of 0.9 and 0.4 come back as 0.
# Why it matters: the residual is the only per-point quality in the format. A filter "drop points with a residual above 3 mm" keeps
#   the bad points and drops those that many cameras saw, when the file came from the other library.
# Instead: stay with one library from end to end for residuals, or write quality as analog channels; keep only "-1 is missing".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ezc3d==1.7.2 c3d==0.6.0 numpy==2.4.6
cat > see.py <<'PY'
import c3d
import ezc3d
import numpy as np


def by_ezc3d(path, residuals, cameras):
    n = len(residuals)
    f = ezc3d.c3d()
    f["parameters"]["POINT"]["RATE"]["value"] = [30.0]
    f["parameters"]["POINT"]["LABELS"]["value"] = [f"p{i}" for i in range(n)]
    points = np.ones((4, n, 2))
    points[:3] = np.arange(6 * n).reshape(3, n, 2) + 0.25
    f["data"]["points"] = points
    masks = np.zeros((7, n, 2), bool)
    for i, mask in enumerate(cameras):
        masks[:, i] = [[bool(mask >> k & 1)] for k in range(7)]
    f["data"]["meta_points"] = {"residuals": np.repeat(np.array(residuals, float)[None, :, None], 2, 2), "camera_masks": masks}
    f.write(path)


def by_c3d(path, residuals, cameras):
    rows = np.ones((len(residuals), 5), np.float32)
    rows[:, 3], rows[:, 4] = residuals, cameras
    writer = c3d.Writer(point_rate=30.0)
    writer.add_frames([(rows.copy(), np.array([[]])) for _ in range(2)])
    writer.set_point_labels([f"p{i}" for i in range(len(residuals))])
    with open(path, "wb") as file:
        writer.write(file)


def read(path):
    e = ezc3d.c3d(path)["data"]["meta_points"]
    masks = [int(sum(int(bit) << k for k, bit in enumerate(e["camera_masks"][:, i, 0]))) for i in range(e["camera_masks"].shape[1])]
    with open(path, "rb") as file:
        _, rows, _ = next(iter(c3d.Reader(file).read_frames()))
    return {"ezc3d": (e["residuals"][0, :, 0].tolist(), masks), "c3d": (rows[:, 3].tolist(), rows[:, 4].astype(int).tolist())}


residuals, cameras = [0.0, 1.0, 5.0, 2.0], [0, 1, 0, 5]
print("given        residuals", residuals, "camera masks", cameras)
for writer, write in (("ezc3d", by_ezc3d), ("c3d", by_c3d)):
    write("points.c3d", residuals, cameras)
    for reader, got in read("points.c3d").items():
        print(f"{writer:5s} -> {reader:5s} residuals {got[0]} camera masks {got[1]}", "" if got == (residuals, cameras) else "<- swapped")
        right = (residuals, cameras) if reader == writer else ([float(c) for c in cameras], [int(r) for r in residuals])
        assert got == right, (writer, reader, got)
by_ezc3d("points.c3d", [0.9, 0.4, 2.7, 0.0], [0] * 4)
print("ezc3d's own file, residuals 0.9, 0.4, 2.7, 0.0 ->", read("points.c3d")["ezc3d"][0])
assert read("points.c3d")["ezc3d"][0] == [0, 0, 2, 0]
PY
venv/bin/python -W ignore see.py
echo "seen: residual and camera mask change places between the two libraries"
