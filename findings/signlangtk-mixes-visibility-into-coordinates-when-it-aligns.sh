#!/usr/bin/env bash
# version: signlangtk 0.3.2 (imported as sltk) with numpy 2.4.6 (Python 3.11)
# Behaviour: MediaPipe's landmarks have four numbers: x, y, z and visibility. normalize_poses takes care to centre and to scale
#   only the first three. Its last step (align_facing, on by default) reshapes the whole array into rows of three numbers and
#   rotates each row. With 33 landmarks of four numbers this fits without an error, because 33 x 4 is divisible by three, so
#   rows are cut across the landmarks: visibility is rotated as if it were an x or a y, depths become heights.
# Guess: x, y and z are rotated together, visibility stays at 0.9.
# Seen: a person tilted by 45 degrees: two of three landmarks get another place than without visibility (rows and landmarks
#   coincide at every third one), and visibilities of 0.9 become -1.2 to 1.3. With 25 landmarks, where it does not fit for
#   every number of frames, it raises for one frame and mixes for three.
# Why it matters: four channels are MediaPipe's own format; the result has the right shape and no NaN, and differs from frame
#   to frame in a smooth way, so that a network trains on it happily.
# Instead: pass data[..., :3] and put the visibility into PoseSequence(confidence=...), or align_facing=False.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps signlangtk==0.3.2
cat > see.py <<'PY'
import numpy as np
from sltk.data.core import PoseSequence
from sltk.processing.normalization import normalize_poses

rng = np.random.default_rng(0)


def normalized(data, align=True):
    return normalize_poses(PoseSequence(data=data, fps=25.0, format="mediapipe"), align_facing=align).data


places = rng.uniform(0.2, 0.8, (2, 33, 3))
places[:, 11] = [0.4, 0.4, 0.0]  # left shoulder
places[:, 12] = [0.6, 0.6, 0.0]  # right shoulder: 45 degrees
places[:, 23] = [0.3, 0.7, 0.0]  # left hip
visibility = np.full((2, 33, 1), 0.9)

three = normalized(places)
four = normalized(np.concatenate([places, visibility], axis=2))
plain = normalized(np.concatenate([places, visibility], axis=2), align=False)
assert np.allclose(plain[..., :3], normalized(places, align=False)) and np.allclose(plain[..., 3], 0.9)

same = np.isclose(three, four[..., :3], atol=1e-6).all(axis=2).sum()
print("landmarks at the same place with and without visibility:", same, "of", three.shape[0] * three.shape[1])
print("visibility after:", four[..., 3].min().round(2), "to", four[..., 3].max().round(2), "(before: 0.9)")
assert four.shape == (2, 33, 4) and np.isfinite(four).all()
assert same == 22 and np.allclose(three[:, ::3], four[:, ::3, :3])  # guess: 66
assert four[..., 3].max() - four[..., 3].min() > 0.5  # guess: 0

indices = {"left_shoulder": 1, "right_shoulder": 2, "left_hip": 13}
few = np.concatenate([places, visibility], axis=2)[:1, 10:35][:, :25]
few = np.concatenate([few, few[:, :2]], axis=1)  # 25 landmarks of four numbers
results = []
for frames in (1, 3):
    poses = PoseSequence(data=np.repeat(few, frames, axis=0), fps=25.0, format="own")
    try:
        normalize_poses(poses, keypoint_indices=indices)
        results.append("no error")
    except ValueError as error:
        results.append("ValueError")
print("25 landmarks, one frame and three:", results)
assert results == ["ValueError", "no error"]
PY
venv/bin/python see.py
echo "seen: the visibility is rotated into the coordinates"
