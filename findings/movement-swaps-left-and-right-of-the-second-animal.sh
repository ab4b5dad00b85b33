#!/usr/bin/env bash
# version: movement 0.15.0, pandas 3.1.1, numpy 2.4.6, tables 3.11.1, xarray 2026.9.0, sleap-io 0.9.5
# Behaviour: a DeepLabCut table of several individuals names every column (scorer, individual, body part, x/y/likelihood).
#   movement reads the names of the body parts once, in order of first appearance, and then reshapes the numbers by their
#   place. If the second individual lists its body parts in another order, its keypoints get the first one's names.
# Guess: columns that carry names are read by name, as DeepLabCut and pandas do, so their order does not matter.
# Seen: bob's left_eye gets the coordinates of his right_eye and the other way round, from .h5 and from .csv alike; anna, who
#   comes first, is right. Nothing is said, though df["me"]["bob"]["left_eye"] in pandas is the right column.
# Why it matters: two single-animal tables joined by pandas.concat (the plain way to make a table of two) need not agree on
#   the order; left and right of one individual are swapped in every frame, which no plot of one animal shows.
# Instead: sort the columns into one order per individual first, e.g. df.reindex(columns=a MultiIndex.from_product(...)).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check movement==0.15.0 pandas==3.1.1 numpy==2.4.6 tables==3.11.1 xarray==2026.9.0 sleap-io==0.9.5
cat > see.py <<'PY'
import numpy as np
import pandas as pd
from loguru import logger
from movement.io import load_poses

logger.remove()
place = {"nose": 0, "left_eye": 100, "right_eye": 200}


def table(individual, parts, base):
    columns = pd.MultiIndex.from_product(
        [["me"], [individual], parts, ["x", "y", "likelihood"]], names=["scorer", "individuals", "bodyparts", "coords"]
    )
    rows = [[v for p in parts for v in (base + place[p] + t, 50.0 + t, 0.9)] for t in range(3)]
    return pd.DataFrame(rows, columns=columns)


df = pd.concat(
    [table("anna", ["nose", "left_eye", "right_eye"], 1000.0), table("bob", ["nose", "right_eye", "left_eye"], 2000.0)], axis=1
)
df.to_hdf("two.h5", key="df_with_missing", mode="w")
df.to_csv("two.csv")
for path in ("two.h5", "two.csv"):
    ds = load_poses.from_dlc_file(path)
    for who in ("anna", "bob"):
        for part in place:
            got = float(ds.position.sel(individuals=who, keypoints=part, space="x")[0])
            true = float(df["me"][who][part]["x"].iloc[0])
            print(path, who, f"{part:9s}", "pandas", true, "movement", got, "" if got == true else "<- wrong")
    x = {p: float(ds.position.sel(individuals="bob", keypoints=p, space="x")[0]) for p in place}
    assert x == {"nose": 2000.0, "left_eye": 2200.0, "right_eye": 2100.0}, x
    x = {p: float(ds.position.sel(individuals="anna", keypoints=p, space="x")[0]) for p in place}
    assert x == {"nose": 1000.0, "left_eye": 1100.0, "right_eye": 1200.0}, x
PY
venv/bin/python -W ignore see.py
echo "seen: the second individual's left and right eye have changed places"
