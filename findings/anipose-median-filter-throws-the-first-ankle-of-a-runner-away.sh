#!/usr/bin/env bash
# version: anipose 1.1.24, aniposelib 0.8.0, numpy 2.4.6, scipy 1.17.1, pandas 3.1.1
# Behaviour: the 2D filter that anipose uses by default (medfilt, 13 frames, 25 pixels, spline) compares each keypoint with a running
#   median whose window is filled with zeros beyond both ends of the clip. So at the start it rejects what moves left or up, at the
#   end what moves right or down, and puts an extrapolated cubic spline there. The likelihood stays as it was.
# Guess: a confident, smooth path stays, or is at least changed alike in a clip and in its mirror image.
# Seen: the ankle of a runner (11 pixels a frame, swinging by 90, likelihood 1): frame 0 is moved by 259 pixels, frame 1 by 174; in the
#   mirrored clip by 1 pixel and less. The path on the other side of the picture, 5,000 pixels further right, is moved just as much.
# Why it matters: start and end of each clip are what the triangulation gets next, with full confidence; left and right legs, or
#   two cameras on both sides of a treadmill, get different errors. Many short clips have many ends.
# Instead: extend each path at both ends before the filter (numpy.pad with mode="reflect", reflect_type="odd", 12 frames) and cut that off
#   after it: then nothing is moved here. Or leave the first and last six frames of each clip out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 numba==0.68.1 opencv-python-headless==5.0.0.93 \
  toml==0.10.2 tqdm==4.70.1 click==8.5.1 tabulate==0.10.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps anipose==1.1.24 aniposelib==0.8.0
cat > see.py <<'PY'
import numpy as np
from anipose.anipose import DEFAULT_CONFIG
from anipose.filter_pose import filter_pose_medfilt

assert DEFAULT_CONFIG["filter"]["type"] == "medfilt"
WIDTH, FRAMES = 1920, 100
frame = np.arange(FRAMES)
swing = 2 * np.pi * (frame / 20 + 0.25)
path = np.stack([500 + 18 * 0.6 * frame + 90 * np.sin(swing), 600 + 20 * np.cos(swing)], 1)


def filtered(path):
    points = np.ones((FRAMES, 1, 1, 3))
    points[:, 0, 0, :2] = path
    points, scores = filter_pose_medfilt(DEFAULT_CONFIG, points, ["ankle"])
    assert (scores == 1).all()
    return points[:, 0]


def mirrored(path):
    return np.stack([WIDTH - 1 - path[:, 0], path[:, 1]], 1)


def moved(change, back):
    return np.linalg.norm(back(filtered(change(path))) - path, axis=1)


plain = moved(lambda p: p, lambda p: p)
mirror = moved(mirrored, mirrored)
far = moved(lambda p: p + [5000, 0], lambda p: p - [5000, 0])
for name, m in (("clip", plain), ("mirrored clip", mirror), ("5,000 pixels further right", far)):
    print(f"{name}: moved by {m[:5].round(1)} at the start, {m[5:-5].max():.1f} at most between, {m[-5:].round(1)} at the end")
assert plain[0] > 200 and plain[1] > 100
assert mirror[:5].max() < 3
assert np.allclose(plain, far, atol=1e-3)
assert plain[10:-10].max() < 5 and mirror[10:-10].max() < 5

wide = np.pad(path, ((12, 12), (0, 0)), mode="reflect", reflect_type="odd")
FRAMES += 24
padded = np.linalg.norm(filtered(wide)[12:-12] - path, axis=1)
print("extended at both ends first:", padded[:5].round(1), padded[-5:].round(1))
assert padded.max() < 12
PY
venv/bin/python -W ignore see.py
echo "seen: the ends of a clip are thrown away by direction"
