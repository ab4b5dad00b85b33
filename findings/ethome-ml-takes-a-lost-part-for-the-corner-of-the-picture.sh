#!/usr/bin/env bash
# version: ethome-ml 0.6.2, pandas 2.3.3, numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, matplotlib 3.11.2, h5py 3.16.0,
#   tqdm 4.70.1, dill 0.4.1 (umap, pynwb, ipywidgets, IPython and skimage are stood in for, below)
# Behaviour: ethome makes features for classifying behaviour from tracks of DeepLabCut. The centre of an animal
#   (features "centroids", "centroids_interanimal", "centroids_velocity" and others) is the sum of its parts divided by
#   how many parts there are. The sum of pandas leaves lost parts out, the divisor does not, so a lost part counts as
#   (0, 0). The warning for missing values looks only at columns that a feature names, and these name none. Besides,
#   a velocity is a way within the video divided by a time that is taken over the whole table, so at the beginning of
#   every video but the first the time runs backwards to the end of the video before.
# Guess: the centre of the parts that were seen, or NaN; velocities in each video as in the first.
# Seen: a mouse of four parts at (440, 300) loses its nose for one frame: its centre is then at (322.5, 225), its
#   velocity is -645 and then 765 pixels per second in place of 60, and the other mouse, 260 away, is 385 away. In the
#   first five frames of the second video, of 2 s, a mouse that walks at 60 goes at -5.5: backwards, and slower the
#   longer the videos are. No warning comes.
# Why it matters: in files with several animals DeepLabCut leaves lost parts empty, and these features go straight into
#   a classifier, which can learn from jumps towards the corner of the picture that no animal made.
# Instead: take the mean of the columns, which leaves lost parts out, and compute the features of each video by itself
#   (both checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps ethome-ml==0.6.2
venv/bin/pip install --quiet --disable-pip-version-check pandas==2.3.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
    matplotlib==3.11.2 h5py==3.16.0 tqdm==4.70.1 dill==0.4.1
cat > see.py <<'PY'
import sys
import warnings
from unittest import mock

# needed at import, for embeddings, NWB files, sliders and plots, none of which is used here
for name in ("umap", "pynwb", "ipywidgets", "IPython", "IPython.display", "skimage", "skimage.segmentation"):
    sys.modules[name] = mock.MagicMock()

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from ethome import create_dataset  # noqa: E402

FPS, FRAMES, LOST = 30, 60, 20
PARTS = {"nose": (30, 0), "leftear": (10, -10), "rightear": (10, 10), "tail": (-50, 0)}


def write(path, lost):
    """Two mice; the first walks at 60 pixels per second to the right, the second sits."""
    names = ["scorer", "individuals", "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product([["net"], ["one", "two"], PARTS, ["x", "y", "likelihood"]], names=names)
    table = pd.DataFrame(0.99, index=range(FRAMES), columns=columns)
    for mouse, start, pace in (("one", 400, 60), ("two", 700, 0)):
        for part, (x, y) in PARTS.items():
            table[("net", mouse, part, "x")] = start + x + pace * np.arange(FRAMES) / FPS
            table[("net", mouse, part, "y")] = 300 + y
    for frame in lost:
        table.loc[frame, ("net", "one", "nose")] = np.nan
    table.to_csv(path)


write("first.csv", [LOST])
write("second.csv", [])


def features(files):
    table = create_dataset(files, fps=FPS)
    table.features.add("centroids")
    table.features.add("centroids_interanimal")
    table.features.add("centroids_velocity")
    return table


with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    got = features(["first.csv", "second.csv"])
    assert not [w for w in said if "Missing values" in str(w.message)]
centre = got[["Centroid__one_COM_x", "Centroid__one_COM_y"]].to_numpy()
apart = got["CentroidInteranimal__two_one_COM_distance"].to_numpy()
pace = got["CentroidVelocity__one_COM_vel_x"].to_numpy()
for frame in (LOST - 1, LOST, LOST + 1, LOST + 5):
    print(f"frame {frame}: centre {centre[frame].tolist()}, apart {apart[frame]:.1f}, velocity {pace[frame]:.1f}")
print("velocity in the first frames of the first video:", pace[:6].round(2).tolist())
print("and of the second:", pace[FRAMES : FRAMES + 6].round(2).tolist())

assert np.allclose(centre[LOST - 1], [438, 300]) and np.allclose(centre[LOST + 1], [442, 300])
assert np.allclose(centre[LOST], [322.5, 225])  # the three parts that are there have their mean at (430, 300)
assert abs(apart[LOST] - 384.9) < 0.1 and abs(apart[LOST - 1] - 262) < 1e-6
assert abs(pace[LOST] + 645) < 1e-6 and abs(pace[LOST + 5] - 765) < 1e-6
others = [f for f in range(FRAMES) if f not in (LOST, LOST + 5)]
assert np.allclose(pace[others], 60)
assert np.allclose(pace[FRAMES : FRAMES + 5], -60 / 11) and np.allclose(pace[FRAMES + 5 :], 60)

# what to do instead
xs = [f"one_x_{part}" for part in PARTS]
assert abs(got[xs].mean(axis=1)[LOST] - 430) < 1e-6
alone = features(["second.csv"])
assert np.allclose(alone["CentroidVelocity__one_COM_vel_x"], 60)
PY
venv/bin/python see.py
echo "as recorded"
