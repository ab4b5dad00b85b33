#!/usr/bin/env bash
# version: skellyforge 2024.12.1009, numpy 1.26.2, pandas 2.1.4, scipy 1.11.4 (what the package asks for; FreeMoCap's post-processing)
# Behaviour: interpolate_skeleton_data fills what is missing before a keypoint's first sighting with one number, the mean of all its x, y
#   and z values together, and writes that number into x, y and z. What is missing after its last sighting repeats the last place.
# Guess: the first known place is repeated, or the gap stays NaN, or at worst each coordinate gets the mean of that coordinate.
# Seen: a wrist that is first found in frame 4, at (140, -300, 1700) mm, stands at (605, 605, 605) in frames 0 to 3: 1.5 metres away, in the
#   middle of nowhere. After the Butterworth filter at 6 Hz, which comes next, frame 4 is 43 cm off and frame 6 is 12 cm off as well.
# Why it matters: the first frames are those in which people are not yet found by all cameras. Ranges of motion, speeds, segment lengths and
#   the ground plane are computed over them; the place depends on where the origin is, so no check of plausible ranges finds it.
# Instead: cut the frames before the first sighting, or fill them yourself (pandas: bfill on each coordinate) before you call it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==1.26.2 pandas==2.1.4 scipy==1.11.4 rich==13.7.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps skellyforge==2024.12.1009
cat > see.py <<'PY'
import numpy as np
from skellyforge.freemocap_utils.postprocessing_widgets.postprocessing_functions.filter_data import filter_skeleton_data
from skellyforge.freemocap_utils.postprocessing_widgets.postprocessing_functions.interpolate_data import interpolate_skeleton_data

frames = 60
truth = np.zeros((frames, 2, 3))
truth[:] = 100.0, -300.0, 1700.0
truth[:, :, 0] += 10.0 * np.arange(frames)[:, None]
truth[:, 1, 2] += 30.0
seen = truth.copy()
seen[:4, 0] = np.nan
seen[55:, 1] = np.nan

filled = interpolate_skeleton_data(seen.copy())
print("frame 3, true ", truth[3, 0])
print("frame 3, filled", filled[3, 0], "distance", np.linalg.norm(filled[3, 0] - truth[3, 0]).round(1))
mean = np.nanmean(seen[:, 0])
assert np.allclose(filled[:4, 0], mean)
assert np.linalg.norm(filled[3, 0] - truth[3, 0]) > 1400
assert np.allclose(filled[4:, 0], truth[4:, 0])
assert np.allclose(filled[55:, 1], truth[54, 1])

off = np.linalg.norm(filter_skeleton_data(filled, order=4, cutoff=6, sampling_rate=30)[:, 0] - truth[:, 0], axis=1)
clean = np.linalg.norm(filter_skeleton_data(truth, order=4, cutoff=6, sampling_rate=30)[:, 0] - truth[:, 0], axis=1)
print("after the filter, frames 4 to 9 are off by", off[4:10].round(1), "mm, without the gap by", clean[4:10].round(1))
assert off[4] > 400 and clean.max() < 15

moved = interpolate_skeleton_data(seen + [0.0, 0.0, -1700.0])
print("with the origin 1.7 m higher:", moved[3, 0] + [0.0, 0.0, 1700.0])
assert np.linalg.norm(moved[3, 0] + [0.0, 0.0, 1700.0] - filled[3, 0]) > 500
PY
venv/bin/python -W ignore see.py
echo "seen: before its first frame a keypoint stands at the mean of all coordinates"
