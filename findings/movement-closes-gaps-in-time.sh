#!/usr/bin/env bash
# version: movement 0.15.0, ndx-pose 0.4.0, pynwb 4.2.0, pandas 3.1.1, numpy 2.4.6, tables 3.11.1, xarray 2026.9.0
# Behaviour: whatever the file says about time, movement numbers the rows it reads 0, 1, 2, ... A DeepLabCut table whose row
#   index is 0, 3, 4, 5 becomes frames 0, 1, 2, 3, and an NWB file with explicit time stamps is read through their median
#   rate alone: start at 2 s becomes 0 s, and a gap closes. movement itself writes those time stamps rightly.
# Guess: the frame index ("the row index corresponds to the frame number") and the NWB time stamps are kept.
# Seen: DeepLabCut rows 0, 3, 4, 5 at 10 fps have the times 0.0, 0.1, 0.2, 0.3; an NWB file with the stamps
#   2.0, 2.3, 2.4, 2.5 comes back as 0.0, 0.1, 0.2, 0.3, with the same positions. Nothing is said.
# Why it matters: tables with frames without a person dropped (dropna), and clips cut out of a longer recording, no longer match
#   the video; a person who paused for three frames seems to jump, and speeds and events are wrong.
# Instead: reindex the table to all frames before loading; after loading NWB, set ds = ds.assign_coords(time=stamps).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check movement==0.15.0 ndx-pose==0.4.0 pynwb==4.2.0 pandas==3.1.1 numpy==2.4.6 tables==3.11.1 xarray==2026.9.0 sleap-io==0.9.5
cat > see.py <<'PY'
import datetime

import numpy as np
import pandas as pd
from loguru import logger
from pynwb import NWBHDF5IO

from movement.io import load_poses, save_poses

logger.remove()
columns = pd.MultiIndex.from_product([["me"], ["nose", "tail"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"])
df = pd.DataFrame([[10.0 * t, 5, 0.9, 10.0 * t + 1, 5, 0.9] for t in range(6)], columns=columns).drop(index=[1, 2])
df.to_hdf("dlc.h5", key="df_with_missing", mode="w")
df.to_csv("dlc.csv")
for path in ("dlc.h5", "dlc.csv"):
    ds = load_poses.from_dlc_file(path, fps=10)
    print(path, "rows", df.index.tolist(), "-> times", ds.time.values.tolist(), "x", ds.position[:, 0, 0, 0].values.tolist())
    assert np.allclose(ds.time.values, [0, 0.1, 0.2, 0.3])
    assert ds.position[:, 0, 0, 0].values.tolist() == [0, 30, 40, 50]

full = load_poses.from_numpy(
    np.arange(6.0).reshape(6, 1, 1, 1).repeat(2, 1), np.ones((6, 1, 1)), individual_names=["anna"], keypoint_names=["nose"], fps=10
)
part = full.assign_coords(time=full.time + 2).isel(time=[0, 3, 4, 5])
nwb = save_poses.to_nwb_file(part)
nwb = nwb[0] if isinstance(nwb, list) else nwb
with NWBHDF5IO("clip.nwb", "w") as io:
    io.write(nwb)
with NWBHDF5IO("clip.nwb", "r") as io:
    stamps = io.read().processing["behavior"]["PoseEstimation"]["nose"].timestamps[:].tolist()
back = load_poses.from_nwb_file("clip.nwb")
print("nwb stamps", stamps, "-> times", back.time.values.tolist(), "x", back.position[:, 0, 0, 0].values.tolist())
assert np.allclose(stamps, [2.0, 2.3, 2.4, 2.5]), "the file is right"
assert np.allclose(back.time.values, [0, 0.1, 0.2, 0.3])
assert back.position[:, 0, 0, 0].values.tolist() == [0, 3, 4, 5]
PY
venv/bin/python -W ignore see.py 2>&1 | grep -v WARNING
echo "seen: gaps and the start in time are lost on reading"
