#!/usr/bin/env bash
# Measured at version: torchvision 0.29.1 (torch 2.14.1, numpy 2.4.6).
# Behaviour: transforms.v2.ElasticTransform cuts the fraction off every keypoint and moves keypoints that lie outside
# the picture onto its border. It does so even when nothing is displaced (alpha=0, where the picture stays as it
# is, to 0.0001): (10.9, 20.9) becomes (10, 20), (-50, -30) becomes (0, 0), (300, 200) becomes (159, 119).
# Guess: with alpha=0 the points come back as they went in; points outside stay outside, as with every other transform.
# Why it matters: a joint that a crop cut off becomes a labelled joint in the picture's corner, and the network is
# taught to see it there; all others are shifted by half a pixel to the upper left on average.
# Instead: no ElasticTransform with keypoints; if it must be, put SanitizeKeyPoints before it (after it, the points
# from outside look like any others).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

torch.manual_seed(0)
picture = tv_tensors.Image(torch.rand(3, 120, 160))
before = [[10.9, 20.9], [80.5, 60.5], [-50.0, -30.0], [300.0, 200.0]]
points = tv_tensors.KeyPoints(torch.tensor(before), canvas_size=(120, 160))
image, after = v2.ElasticTransform(alpha=0.0)(picture, points)
difference = float((image - picture).abs().max())
print("picture changed by", difference)
for a, b in zip(before, after.tolist()):
    print(a, "->", [round(v, 3) for v in b])
assert difference < 1e-4
expected = torch.tensor([[10.0, 20.0], [80.0, 60.0], [0.0, 0.0], [159.0, 119.0]])
assert torch.allclose(torch.as_tensor(after), expected, atol=1e-3), after
_, rotated = v2.RandomRotation((0, 0))(picture, points)  # another transform that does nothing
assert torch.allclose(torch.as_tensor(rotated), torch.tensor(before), atol=1e-3), rotated
EOF
echo "as recorded"
