#!/usr/bin/env bash
# version: sleap-io 0.9.5, pandas 3.1.1, numpy 2.4.6, imageio 2.38.1
# Behaviour: sleap-io's reader of a labelled DeepLabCut folder numbers the labels by their row in the table, but makes the video out of
#   the pictures that are there. If one picture is missing, every label after it is joined to the following picture, and the last
#   one to none. If no picture is there, all labels are dropped. Neither is said: no warning, no exception.
# Guess: the label of a missing picture is dropped or kept without a picture; the other labels stay with their own pictures.
# Seen: four labelled pictures with their number as grey value. Without the first, the label of picture 10 shows picture 20, that of 20
#   shows 30, that of 30 shows 40. Without the second, 10 is right and the rest shifted. Without all: 0 labelled frames.
# Why it matters: deleted blurred pictures, a partial copy or a table that lists more than was shared give a training set where people
#   stand one picture away from their keypoints; the number of labels is right, so only looking at them shows it.
# Instead: drop the rows without a picture from the table before loading, and compare video.shape[0] with the number of rows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sleap-io==0.9.5 pandas==3.1.1 numpy==2.4.6 imageio==2.38.1
cat > see.py <<'PY'
import os

import imageio.v3 as iio
import numpy as np
import pandas as pd
import sleap_io as sio

names = [f"img{n:03d}.png" for n in (10, 20, 30, 40)]
folder = os.path.join("labeled-data", "clip")
os.makedirs(folder)
rows = pd.MultiIndex.from_tuples([("labeled-data", "clip", n) for n in names])
columns = pd.MultiIndex.from_product([["me"], ["nose", "tail"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
table = pd.DataFrame([[float(n[3:6]), 5.0, float(n[3:6]) + 1, 6.0] for n in names], index=rows, columns=columns)  # nose of img030 at x = 30
path = os.path.join(folder, "CollectedData_me.csv")
table.to_csv(path)


def load(present):
    for n in names:
        file = os.path.join(folder, n)
        if os.path.exists(file):
            os.remove(file)
        if n in present:
            iio.imwrite(file, np.full((32, 64, 3), int(n[3:6]), np.uint8))  # every picture has its number as grey value
    labels = sio.load_file(path)
    out = []
    for frame in labels.labeled_frames:
        try:
            grey = int(np.asarray(frame.image)[0, 0, 0])
        except Exception as error:
            grey = type(error).__name__
        out.append((float(frame.instances[0].numpy()[0, 0]), grey))
    return out


got = {}
for name, present in (("all pictures", names), ("without 10", names[1:]), ("without 20", names[:1] + names[2:]), ("none", [])):
    got[name] = load(present)
    print(f"{name:13s}", [f"label of {label:.0f} shows {shown}" for label, shown in got[name]])
assert got["all pictures"] == [(10, 10), (20, 20), (30, 30), (40, 40)]
assert got["without 10"] == [(10, 20), (20, 30), (30, 40), (40, "IndexError")]
assert got["without 20"] == [(10, 10), (20, 30), (30, 40), (40, "IndexError")]
assert got["none"] == []
PY
venv/bin/python -W ignore see.py
echo "seen: one missing picture moves all later labels to the next picture"
