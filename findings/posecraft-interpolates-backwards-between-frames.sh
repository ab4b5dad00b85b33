#!/usr/bin/env bash
# version: posecraft 1.0.1rc93.post1, torch 2.14.1, numpy 2.2.6, matplotlib 3.11.2
# Behaviour: interpolate(a, b, factor) gives a at factor 1 and b at factor 0; NormalizeFramesSpeed, which spreads the frames of a clip
#   evenly over the movement, calls it with the distance from a. So between two frames everybody moves backwards: at a tenth of the way
#   from a to b the result is nine tenths of the way. Whole and half frames are right by symmetry.
# Guess: a person who moves evenly moves evenly in the result, whatever the number of frames.
# Seen: x = 0, 10, 20, 30, 40 spread over 7 frames: 0, 3.3, 16.7, 20, 23.3, 36.7, 40 instead of steps of 6.67. Over 13 frames: 0, 6.7, 3.3,
#   10, 16.7, 13.3, 20, ...: the person goes to and fro. Over 5 or 9 frames all is right.
# Why it matters: the transform is made to remove differences of speed for recognition of signs and actions; it adds a tremble at the
#   frame rate to each clip, whose speeds are off by a factor of up to two and change sign. Tests with doubled frames pass.
# Instead: resample with numpy.interp over the cumulative movement, or give interpolate 1 - factor.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.2.6 matplotlib==3.11.2 torch==2.14.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps posecraft==1.0.1rc93.post1
cat > see.py <<'PY'
import numpy as np
import torch
from posecraft.interpolate import interpolate
from posecraft.transforms import NormalizeFramesSpeed

clip = torch.zeros(5, 1, 543, 2)  # frames, people, keypoints, x and y
clip[..., 0] = 10.0 * torch.arange(5.0)[:, None, None]
seen = {}
for frames in (5, 7, 9, 13):
    seen[frames] = NormalizeFramesSpeed(frames)(clip)[:, 0, 0, 0].numpy()
    print(frames, np.round(seen[frames], 2).tolist())
for frames in (5, 9):
    assert np.allclose(seen[frames], np.linspace(0, 40, frames))
assert np.allclose(seen[7], [0, 10 / 3, 50 / 3, 20, 70 / 3, 110 / 3, 40], atol=1e-3)
assert (np.diff(seen[13]) < -1).sum() == 4  # four steps back
assert interpolate(torch.tensor(0.0), torch.tensor(10.0), 0.1) == 9
PY
venv/bin/python -W ignore see.py
echo "seen: between two frames the movement runs backwards"
