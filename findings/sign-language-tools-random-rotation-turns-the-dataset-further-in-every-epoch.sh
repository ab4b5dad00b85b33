#!/usr/bin/env bash
# version: sign-language-tools 1.0.0 with numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1 (Python 3.11)
# Behaviour: the transforms of this package take a pose sequence and give a new one back; translation, scaling, flipping and
#   noise copy their input first. Rotation2D and RandomRotation2D do not: they write into the caller's array and return it.
#   A dataset that is held in memory is turned a little further each time it is read, and the turns add up at random.
#   ToOpticalFlow has a surprise of its own: the first frame's motion is documented as the displacement since the previous
#   frame and is the distance of the landmark from the corner (0, 0) instead, 0.5 of the picture for a hand that rests.
# Guess: the stored clip stays as it is; every epoch sees it turned by at most the 15 degrees of the default range.
# Seen: after 200 epochs the stored clip has been up to 81 degrees away from where it was, though none of the turns was larger
#   than 15; RandomTranslation, RandomScale, HorizontalFlip and GaussianNoise leave the clip alone.
# Why it matters: training slowly loses the upright signer, validation with the untouched files gets worse with every epoch,
#   and a run that is resumed from a checkpoint (fresh data) jumps back: it looks like a learning rate that is too high.
# Instead: RandomRotation2D()(clip.copy()).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 matplotlib==3.11.2 plotly==7.1.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps sign-language-tools==1.0.0  # without its video players
cat > see.py <<'PY'
import random

import numpy as np
from sign_language_tools.pose.transforms import (GaussianNoise, HorizontalFlip, RandomRotation2D, RandomScale,
                                                 RandomTranslation, Rotation2D, ToOpticalFlow)

random.seed(1)
np.random.seed(1)
truth = np.zeros((5, 2, 2))
truth[:, 0] = [0.5, 0.2]  # the nose, above the centre
truth[:, 1] = [0.3, 0.4]  # a hand that rests

clip = truth.copy()
turned = Rotation2D(0.3)(clip)
assert turned is clip and not np.allclose(clip, truth)  # guess: clip stays

for make in (lambda: RandomTranslation(), lambda: RandomScale(0.8, 1.2), lambda: HorizontalFlip(),
             lambda: GaussianNoise(0.1)):
    clip = truth.copy()
    result = make()(clip)
    assert np.array_equal(clip, truth) and not np.allclose(result, truth)


def degrees(poses):
    """How far the nose has been turned about the centre of the picture."""
    x, y = poses[0, 0] - 0.5
    return np.degrees(np.arctan2(y, x)) + 90


step = np.degrees(np.abs(RandomRotation2D().angle_range)).max()
farthest = 0.0
clip = truth.copy()
for epoch in range(1, 201):
    RandomRotation2D()(clip)
    farthest = max(farthest, abs((degrees(clip) + 180) % 360 - 180))
    if epoch in (1, 10, 50, 100, 200):
        print(f"after {epoch:3d} epochs the stored clip is turned by {(degrees(clip) + 180) % 360 - 180:+.0f} degrees")
print(f"one turn is at most {step:.0f} degrees, the farthest was {farthest:.0f}")
assert 14.9 < step < 15.1
assert farthest > 60  # guess: 0

flow = ToOpticalFlow()(truth)
print("motion of a resting hand, frame by frame:", flow[:, 1])
assert abs(flow[0, 1] - 0.5) < 1e-12 and (flow[1:] == 0).all()  # guess: 0 in all frames
PY
venv/bin/python see.py
echo "seen: rotations are written into the caller's clip and add up"
