#!/usr/bin/env bash
# version: caliscope 0.11.8, numpy 2.4.6, pandas 3.1.1, scipy 1.17.1, opencv-python-headless 5.0.0.93
# Behaviour: the TRC export puts its column of times among the coordinates, one place too far right. In every file the x of the
#   keypoint that is first in the alphabet is lost, and the time in seconds stands there. Besides, the numbers are sorted by names with
#   "_x" behind them and the header by names without: where one name begins like another (MediaPipe's left_eye and left_eye_inner) they
#   stand under each other's name. The rate is cut to a whole number, and the header counts one frame fewer than there are.
# Guess: each keypoint stands under its own name with its three coordinates; 29.97 and all frames are in the header.
# Seen: COCO's names: left_ear stands still at x = 3.0, in the file its x is 0.0, 0.033, 0.067, ...; all else is right. MediaPipe's names:
#   left_eye has the numbers of left_eye_inner (x: the time), left_eye_inner those of left_eye_outer, left_eye_outer those of left_eye.
#   60 frames at 29.97: NumFrames 59, DataRate 29.
# Why it matters: for COCO's 17 keypoints it is the left ankle that walks off at one metre a second in each recording, sideways, without
#   noise, so it passes every filter; inverse kinematics bends the left leg after it.
# Instead: take the CSV (xyz_..., by keypoint_id), whose numbers are right, and write the TRC yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 opencv-python-headless==5.0.0.93 \
  platformdirs==4.14.8 rtoml==0.14.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps caliscope==0.11.8
cat > see.py <<'PY'
from pathlib import Path

import pandas as pd
from caliscope.export.trc_export import xyz_to_trc

FRAMES = 60


class Tracker:
    """What the export asks of the tracker: the name of keypoint number k."""

    def __init__(self, names):
        self.names = names

    def get_point_name(self, k):
        return self.names[k]


def export(names):
    """Keypoint k stands still at (k, 10 + k, 20 + k); return the header and for each name of the file its numbers, frame by frame."""
    rows = [
        {
            "sync_index": t, "object_id": 0, "keypoint_id": k, "frame_time": t / 29.97,
            "x_coord": float(k), "y_coord": 10.0 + k, "z_coord": 20.0 + k,
        }
        for t in range(FRAMES)
        for k in range(len(names))
    ]
    xyz_to_trc(pd.DataFrame(rows), Tracker(names), Path("clip.trc"))
    lines = [line.split("\t") for line in Path("clip.trc").read_text().splitlines()]
    titles = [n for n in lines[3][2:] if n]
    numbers = [[float(v) for v in line] for line in lines[5:] if len(line) > 2]
    return dict(zip(lines[1], lines[2])), {n: [row[2 + 3 * i : 5 + 3 * i] for row in numbers] for i, n in enumerate(titles)}


def whose(names, under):
    """By y, which nothing disturbs, the keypoint whose numbers stand under each name."""
    return {name: names[round(rows[0][1] - 10)] for name, rows in under.items()}


coco = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
header, under = export(coco)
print({name: rows[:3] for name, rows in under.items()})
print({k: header[k] for k in ("DataRate", "NumFrames")})
assert all(name == owner for name, owner in whose(coco, under).items())
for k, name in enumerate(coco):
    if name != "left_ear":
        assert all(row == [k, 10 + k, 20 + k] for row in under[name])
assert [row[0] for row in under["left_ear"]] == [round(t / 29.97, 3) for t in range(FRAMES)]
assert len(under["nose"]) == FRAMES and header["NumFrames"] == str(FRAMES - 1) and header["DataRate"] == "29"

mediapipe = ["nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye"]
owners = whose(mediapipe, export(mediapipe)[1])
print("name in the file: whose numbers", owners)
assert owners == {
    "nose": "nose", "right_eye": "right_eye",
    "left_eye": "left_eye_inner", "left_eye_inner": "left_eye_outer", "left_eye_outer": "left_eye",
}
PY
venv/bin/python -W ignore see.py
echo "seen: the time stands for an x, and neighbours stand under each other's name"
