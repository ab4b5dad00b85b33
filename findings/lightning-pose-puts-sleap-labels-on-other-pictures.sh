#!/usr/bin/env bash
# version: lightning-pose 2.4.3, sleap-io 0.9.5, h5py 3.16.0, numpy 2.2.6, pandas 2.3.3, imageio 2.38.1
# Behaviour: Lightning Pose's converter of SLEAP packages (.pkg.slp) pairs the labelled frames with the embedded pictures by their place in
#   two lists. The pictures stand in the order of their numbers and include those that are only suggested for labelling; the
#   labelled frames stand in the order in which somebody labelled them. Where the lists differ the labels go to other pictures.
#   Besides, keypoints whose "complete" mark is not set, as in all labels that sleap-io made from numbers, are dropped to the last one.
# Guess: each label stays on its picture, as it has a frame number; visible keypoints are kept.
# Seen: frame 20 labelled before frame 5: the labels are exchanged. Frames 5 and 20 labelled, frame 10 suggested and embedded: the labels
#   of frame 20 are written for picture 10, and picture 20 has none. Without "complete": all cells empty. No warning in any case.
# Why it matters: SLEAP suggests frames just for this, and people label in any order. The training set is wrong in just
#   these frames, the network becomes a little worse, and the pictures and the table look complete.
# Instead: sleap_io.load_slp of the package, save the pictures and the table by frame number yourself, and look at a few drawn.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.2.6 sleap-io==0.9.5 imageio==2.38.1 h5py==3.16.0 pandas==2.3.3 \
  pillow==12.3.0 omegaconf==2.4.0 toml==0.10.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps lightning-pose==2.4.3
cat > see.py <<'PY'
import csv
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import sleap_io
from lightning_pose.converters import sleap

names = []
for i in range(25):  # frame i is grey 10 i
    names.append(f"f{i:02d}.png")
    imageio.imwrite(names[-1], np.full((40, 300, 3), 10 * i, np.uint8))


def convert(title, labelled, suggested, complete=True):
    """Label frame i at (10 i, i); return for each picture of the table its grey / 10 and the frame that its label was made for."""
    skeleton = sleap_io.Skeleton(["nose", "tail"])
    video = sleap_io.Video.from_filename(names)
    frames = []
    for i in labelled:
        animal = sleap_io.Instance.from_numpy(np.array([[10.0 * i, i], [10.0 * i, i + 1]]), skeleton=skeleton)
        animal.points["complete"] = complete
        frames.append(sleap_io.LabeledFrame(video, i, [animal]))
    labels = sleap_io.Labels(frames, suggestions=[sleap_io.SuggestionFrame(video, i) for i in suggested])
    package, out = Path(f"{title}.pkg.slp"), Path(title)
    labels.save(str(package), embed="user+suggestions", verbose=False)
    sleap.convert(package, out)
    with open(out / "CollectedData.csv") as f:
        rows = list(csv.reader(f))[3:]
    seen = {int(imageio.imread(out / row[0]).flat[0]) // 10: int(float(row[1])) // 10 if row[1] else None for row in rows}
    print(title, "picture: label of frame", seen)
    return seen


assert convert("in_order", [5, 20], []) == {5: 5, 20: 20}
assert convert("out_of_order", [20, 5], []) == {5: 20, 20: 5}
assert convert("with_a_suggestion", [5, 20], [10]) == {5: 5, 10: 20}
assert convert("made_from_numbers", [5, 20], [], complete=False) == {5: None, 20: None}
PY
venv/bin/python -W ignore see.py
echo "seen: labels on other pictures, or none at all"
