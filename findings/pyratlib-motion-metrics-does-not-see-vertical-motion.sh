#!/usr/bin/env bash
# version: pyratlib 0.7.7 with numpy 2.4.6 and pandas 3.1.1 (Python 3.11)
# Behaviour: MotionMetrics(data, bodyPart, fps=30, max_real=60, min_real=0) and Reports() turn DeepLabCut's pixels into
#   centimetres and sum the way. max_real is documented as the box's greatest value, min_real as "usually zero". In truth
#   the range of x is stretched to max_real and the range of y to min_real: with the defaults y is 0 in every frame.
#   The ranges are those of this body part in this clip, not those of the box.
# Guess: a path of 60 cm to the right and 60 cm down is 120 cm long, and its direction does not matter.
# Seen: 60 cm; the same path turned (down first) is 60 cm as well; a path that only wanders by a tenth of the box to the
#   right is 60 cm too, and somebody who paces up and down all the time (six box heights) while he drifts 30 px to the side
#   has gone 60 cm. Nothing is said.
# Why it matters: distance and speed of keypoints are what such a study reports; half of the motion is missing, and two
#   clips cannot be compared, as each one's own range of x becomes 60.
# Instead: scale pixels by one measured factor yourself and sum np.hypot(np.diff(x), np.diff(y)). min_real=60 gives y a
#   length, but still stretches each axis to the range that was walked.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==3.1.1 matplotlib==3.11.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps pyratlib==0.7.7
cat > see.py <<'PY'
import io

import numpy as np
import pandas as pd
import pyratlib

FPS = 30
px_per_cm = 5  # a box of 60 cm is 300 px
half = np.linspace(0, 300, 301)
still = np.zeros(300)


def table(x, y):
    rows = ["scorer,net,net,net", "bodyparts,nose,nose,nose", "coords,x,y,likelihood"]
    rows += [f"{i},{a},{b},1.0" for i, (a, b) in enumerate(zip(x + 100, y + 50))]
    return pd.read_csv(io.StringIO("\n".join(rows)))


pace = np.concatenate([np.linspace(0, 300, 301), np.linspace(299, 0, 300)] * 3)
paths = {
    "60 cm right, then 60 cm down": (np.r_[half, still + 300], np.r_[still, half]),
    "60 cm down, then 60 cm right": (np.r_[still, half], np.r_[half, still + 300]),
    "6 cm right only, 2 px lower": (half / 10, half / 150),
    "up and down six times, 6 cm to the side": (np.linspace(0, 30, pace.size), pace),
}
seen = {}
for name, (x, y) in paths.items():
    true = np.hypot(np.diff(x), np.diff(y)).sum() / px_per_cm
    metrics = pyratlib.MotionMetrics(table(x, y), "nose", fps=FPS)
    said, speed = metrics["Distance"].sum(), metrics["Speed"].mean()
    seen[name] = (true, said)
    print("%-40s true %6.1f cm, MotionMetrics %5.1f cm; mean speed true %5.2f, said %5.2f cm/s"
          % (name, true, said, true * FPS / (x.size - 1), speed))
for name, (true, said) in seen.items():
    assert abs(said - 60) < 1e-6, (name, said)  # guess: true
    assert abs(said - true) > 50  # it is never right here
assert abs(seen["60 cm right, then 60 cm down"][0] - 120) < 1e-6
assert seen["up and down six times, 6 cm to the side"][0] > 350
PY
venv/bin/python see.py
echo "seen: vertical motion counts nothing, and every clip's range of x is 60 cm"
