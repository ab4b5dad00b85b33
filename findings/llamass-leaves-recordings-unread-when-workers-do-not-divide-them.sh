#!/usr/bin/env bash
# version: llamass 0.0.4 with torch 2.13.0, numpy 2.4.6, joblib 1.6.0, tqdm 4.70.1 (Python 3.11)
# Behaviour: llamass reads AMASS (body poses from motion capture) as an iterable data set and shares the files out among the
#   workers of its IterableLoader: each worker gets n // workers files. When the number of files is not a multiple of the
#   number of workers, those behind workers * (n // workers) belong to a worker that does not exist and are read by nobody:
#   with 7 recordings and 4 workers three of them, with 11 and 6 workers five. Without workers all are read.
# Guess: the same clips come out for every number of workers, in another order.
# Seen: recordings met in an epoch: 7 of 7 without workers, 6 of 7 with two, 4 of 7 with four; it is the same three in every
#   epoch. And the last clip of a recording is lost when it fits exactly (a "<" in place of "<="): 4 of 5 clips of 10 frames.
# Why it matters: up to nearly half of the recordings never take part in training or, worse, in an evaluation, and numbers
#   change with num_workers, though len() of the data set counts all.
# Instead: choose a number of workers that divides the number of files, or num_workers=0; set clip_length so that one frame
#   more than the last clip's is left.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --no-compile --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 joblib==1.6.0 tqdm==4.70.1
venv/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps llamass==0.0.4
cat > see.py <<'PY'
import os
import warnings

import numpy as np
import torch
from llamass.core import AMASS, IterableLoader

warnings.simplefilter("ignore")


def folder(recordings, frames=50):
    """Recordings in AMASS's form; the first number of each frame's translation says which recording it is."""
    path = f"data{recordings}_{frames}/CMU"
    os.makedirs(path, exist_ok=True)
    for k in range(recordings):
        trans = np.zeros((frames, 3))
        trans[:, 0], trans[:, 1] = k, np.arange(frames)
        np.savez(f"{path}/{k:02d}_poses.npz", poses=np.zeros((frames, 156)), trans=trans, dmpls=np.zeros((frames, 8)),
                 betas=np.zeros(16), gender=np.array("neutral"), mocap_framerate=60.0)
    return os.path.dirname(path)


def met(path, workers):
    """(recording, first frame) of every clip of an epoch."""
    data = AMASS(path, clip_length=10, overlapping=False, keep=1.0, transform=torch.tensor, data_keys=("trans",), seed=0)
    loader = IterableLoader(data, batch_size=1, num_workers=workers)
    return sorted((int(batch["trans"][0, 0, 0]), int(batch["trans"][0, 0, 1])) for batch in loader)


if __name__ == "__main__":
    path = folder(7)
    counts = {}
    for workers in (0, 1, 2, 4, 7):
        clips = met(path, workers)
        counts[workers] = len({recording for recording, _ in clips})
        print(f"7 recordings, {workers} workers: {counts[workers]} recordings, {len(clips)} clips")
        assert clips == met(path, workers)  # the same in every epoch
    assert counts == {0: 7, 1: 7, 2: 6, 4: 4, 7: 7}  # guess: always 7
    assert len({recording for recording, _ in met(folder(11), 6)}) == 6  # guess: 11
    starts = sorted(start for recording, start in met(path, 0) if recording == 0)
    print("clips of a recording of 50 frames begin at", starts, "- of 51 frames at",
          sorted(start for recording, start in met(folder(1, 51), 0)))
    assert starts == [0, 10, 20, 30]  # guess: 40 too
    assert [start for _, start in met(folder(1, 51), 0)] == [0, 10, 20, 30, 40]
PY
venv/bin/python see.py
echo "seen: with four workers three of seven recordings are never read"
