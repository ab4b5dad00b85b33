#!/usr/bin/env bash
# version: kineticstoolkit 0.17.0 with numpy 2.4.6, scipy 1.17.1, pandas 2.3.3 (Python 3.11)
# Behaviour: ktk.kinematics.write_trc_file exports markers to OpenSim's TRC. The head's DataRate, CameraRate and OrigDataRate are
#   computed as the NUMBER OF FRAMES divided by one time step, so three seconds at 120 Hz are said to be sampled at
#   43,200 Hz, and the longer the trial, the higher the rate. "Units" is always m, though the markers carry their unit
#   (mm here) and the module checks units elsewhere. The line that should fill gaps throws its result away: gaps become the
#   word nan. And times are rounded to milliseconds, so that the steps of a 120 Hz trial are 8, 9, 8, 8, ... ms.
# Guess: DataRate 120, Units mm, gaps interpolated (or empty), times as they were.
# Seen: DataRate 43200.0 for 360 frames, 144000.0 for 1,200 frames; a person of 1,000 m; "nan" in the gap.
# Why it matters: readers that trust the head (speed = distance * DataRate) get speeds 360 times too high; OpenSim scales
#   metres as metres, so the skeleton is a thousand times too large.
# Instead: replace the third line of the file, convert to metres first (markers.data[key][:, :3] / 1000), and use
#   markers = markers.fill_missing_samples(0) before the call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --no-compile --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 pandas==2.3.3
venv/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps kineticstoolkit==0.17.0
cat > see.py <<'PY'
import sys
from unittest.mock import MagicMock

import numpy as np

# the export needs NumPy, SciPy and pandas only; plots, dialogues, C3D and nearest neighbours get stand-ins
for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.animation", "mpl_toolkits", "mpl_toolkits.mplot3d", "limitedinteraction",
             "ezc3d", "tqdm", "sklearn", "sklearn.neighbors"):
    sys.modules[name] = MagicMock()
import kineticstoolkit as ktk  # noqa: E402
from kineticstoolkit.kinematics import write_trc_file  # noqa: E402


def markers(frames, rate):
    """A hip and an ankle in millimetres, moving at 1 m/s; the ankle is lost for three frames."""
    time = np.arange(frames) / rate
    series = ktk.TimeSeries(time=time)
    for name, y in (("hip", 1000.0), ("ankle", 80.0)):
        place = np.column_stack([1000 * time, np.full(frames, y), np.full(frames, 5.0), np.ones(frames)])
        if name == "ankle":
            place[100:103, :3] = np.nan
        series = series.add_data(name, place).add_info(name, "Unit", "mm")
    return series


for frames, rate in ((360, 120), (1200, 120), (250, 100)):
    series = markers(frames, rate)
    assert np.isclose(series.get_sample_rate(), rate)
    write_trc_file(series, "walk.trc")
    lines = open("walk.trc").read().splitlines()
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t")))
    print(f"{frames} frames at {rate} Hz:", head)
    assert np.isclose(float(head["DataRate"]), frames * rate)  # guess: rate
    assert head["DataRate"] == head["CameraRate"] == head["OrigDataRate"] and head["NumFrames"] == str(frames)
    assert head["Units"] == "m"  # guess: mm
    rows = [line.split("\t") for line in lines[6:]]
    assert len(rows) == frames and float(rows[0][3]) == 1000.0  # millimetres, called metres
    assert rows[101][5:8] == ["nan"] * 3  # guess: filled
    assert float(markers(frames, rate).fill_missing_samples(0).data["ankle"][101, 1]) == 80.0  # as it could have been
    x = np.array([float(row[2]) for row in rows])
    if (frames, rate) == (360, 120):
        steps = np.diff([float(row[1]) for row in rows])
        print(f"speed by the head's rate: {np.diff(x).mean() * float(head['DataRate']):,.0f} m/s, really 1 m/s;",
              f"time steps {sorted({round(float(s), 3) for s in steps})} s")
        assert {round(float(s), 3) for s in steps} == {0.008, 0.009}
PY
venv/bin/python see.py
echo "seen: the rate is multiplied by the number of frames, and millimetres are called metres"
