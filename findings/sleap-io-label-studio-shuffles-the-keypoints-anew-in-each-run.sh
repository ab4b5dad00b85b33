#!/usr/bin/env bash
# version: sleap-io 0.9.5, numpy 2.2.6, imageio 2.38.1
# Behaviour: sleap_io.load_labelstudio without a skeleton collects the names of the keypoints in a set and makes the nodes of it, so
#   their order is that of Python's hashes, which differ from one process to the next. The columns of instance.numpy() follow it.
# Guess: the order of the skeleton that was saved, or that of the first appearance; in any case the same in every run.
# Seen: saved with nose, left_eye, right_eye, tail. Read back by three processes: three other orders, and never the one that was saved;
#   the coordinates follow their names, so by name everything is right, and by position everything is wrong.
# Why it matters: a network's outputs are keypoints by position. Training files that are converted on two days, or train and val in two
#   processes, disagree about which column is the nose, and nothing says so. AP falls, or a fine-tuned model learns mixed-up parts.
# Instead: give the skeleton, load_labelstudio(path, skeleton=...), or reorder the columns by node name after loading.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sleap-io==0.9.5 numpy==2.2.6 imageio==2.38.1
cat > save.py <<'PY'
import imageio.v3 as iio
import numpy as np
import sleap_io as sio

iio.imwrite("a.png", np.zeros((60, 80, 3), np.uint8))
skeleton = sio.Skeleton(nodes=["nose", "left_eye", "right_eye", "tail"])
video = sio.Video.from_filename(["a.png"])
points = np.array([[10, 11], [20, 21], [30, 31], [40, 41]], dtype=float)
frame = sio.LabeledFrame(video=video, frame_idx=0, instances=[sio.Instance.from_numpy(points, skeleton=skeleton)])
sio.save_labelstudio(sio.Labels([frame], [video], [skeleton]), "labels.json")
PY
cat > read.py <<'PY'
import sys

import sleap_io as sio

given = sio.Skeleton(nodes=["nose", "left_eye", "right_eye", "tail"]) if sys.argv[1:] else None
labels = sio.load_labelstudio("labels.json", skeleton=given)
names = [node.name for node in labels[0].instances[0].skeleton.nodes]
print(*names, "|", *(round(x) for x, _ in labels[0].instances[0].numpy()))
PY
venv/bin/python save.py
for seed in 0 1 2; do PYTHONHASHSEED=$seed venv/bin/python read.py; done | tee seen.txt
PYTHONHASHSEED=1 venv/bin/python read.py given | tee given.txt
[ "$(sort -u seen.txt | wc -l)" -eq 3 ] || { echo "the order no longer depends on the process"; exit 1; }
! grep -q "^nose left_eye right_eye tail" seen.txt || { echo "one process had the order that was saved"; exit 1; }
grep -q "^nose left_eye right_eye tail | 10 20 30 40$" given.txt || { echo "a given skeleton does not help"; exit 1; }
echo "as described: three processes, three orders"
