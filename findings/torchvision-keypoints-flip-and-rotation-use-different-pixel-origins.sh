#!/usr/bin/env bash
# Measured at version: torchvision 0.29.1 (torch 2.14.1, numpy 2.4.6).
# Behaviour: torchvision.transforms.v2 moves tv_tensors.KeyPoints by two conventions at once. Flips count pixels from
# their centres (x becomes W - 1 - x); rotations, affines and resizes count from the picture's edge (x becomes W - x
# at 180 degrees). A picture that is flipped both ways and the same picture rotated by 180 degrees are equal to the
# bit, but their keypoints are one whole pixel apart in x and in y. So no meaning of "x" is right for all of them.
# Guess: one convention for the whole module; equal pictures have equal keypoints.
# Seen: both flips (119, 89) and the mark is there; rotation (120, 90) and the mark is at (119, 89).
# Also seen: expand=True at 30 degrees gives a picture 200 wide whose keypoints carry a canvas_size 199 wide.
# Why it matters: one pixel in the picture at every augmented sample, left and right mixed differently; at a
# stride-4 heat map this is a quarter of a cell, always in the same direction.
# Instead: move the points yourself with the one matrix that warps the picture; or, around rotations, affines and
# resizes only, add 0.5 to the keypoints before and take 0.5 off after (checked below).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

height, width = 120, 160
picture = torch.zeros(1, height, width)
picture[0, 30, 40] = 1.0  # one white pixel: row 30, column 40


def apply(transform, x=40.0, y=30.0):
    points = tv_tensors.KeyPoints(torch.tensor([[x, y]]), canvas_size=(height, width))
    image, moved = transform(tv_tensors.Image(picture), points)
    row, column = divmod(int(image.flatten().argmax()), image.shape[-1])
    return image, (float(moved[0, 0]), float(moved[0, 1])), (float(column), float(row)), moved.canvas_size


both = v2.Compose([v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0)])
turn = v2.RandomRotation((180, 180))
image_a, point_a, mark_a, _ = apply(both)
image_b, point_b, mark_b, _ = apply(turn)
print("flipped twice: keypoint", point_a, "white pixel", mark_a)
print("rotated 180:   keypoint", point_b, "white pixel", mark_b, "same picture:", torch.equal(image_a, image_b))
assert torch.equal(image_a, image_b)
assert point_a == mark_a == mark_b == (119.0, 89.0)
assert all(abs(p - q) < 1e-3 for p, q in zip(point_b, (120.0, 90.0))), point_b

_, half, mark, _ = apply(turn, 40.5, 30.5)
print("rotated 180, with +0.5 before:", half, "- 0.5 =", (half[0] - 0.5, half[1] - 0.5), "white pixel", mark)
assert abs(half[0] - 0.5 - mark[0]) < 1e-3 and abs(half[1] - 0.5 - mark[1]) < 1e-3

image, _, _, canvas = apply(v2.RandomRotation((30, 30), expand=True))
print("30 degrees, expand: picture", tuple(image.shape[-2:]), "canvas_size of the keypoints", tuple(canvas))
assert tuple(image.shape[-2:]) == (184, 200) and tuple(canvas) == (184, 199)
EOF
echo "as recorded"
