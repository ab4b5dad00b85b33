#!/usr/bin/env bash
# version: solt 0.2.1, numpy 2.4.6, opencv-python-headless 5.0.0.93, scipy 1.17.1, PyYAML 6.0.4 (torch is stood in for)
# Behaviour: solt augments pictures together with keypoints. Resize(resize_to=50, keep_ar=True) is documented to set the
#   height to 50 and to compute the width from the aspect of the picture. It computes the width rightly, as 50 w / h,
#   but passes (50, 50 w / h) where OpenCV wants (width, height), so the two are exchanged. The keypoints follow the
#   picture and are then cut down to whole pixels.
# Guess: 200 x 100 becomes 100 x 50, with the places multiplied by 0.5; a circle stays a circle.
# Seen: 200 x 100 becomes 50 wide and 100 high, and a circle of 40 x 40 becomes 10 x 40. With height_first=False, meant
#   to set the width, it becomes 25 x 50: also portrait, and 50 is the height. Square pictures are right. In any Resize,
#   even to the same size, a keypoint at (39.9, 31.9) loses its fraction: on the average half a pixel up and left.
# Why it matters: keep_ar is asked for because the shape of a body is what is to be learnt. Picture and keypoints fit
#   each other, so an overlay looks right but thin; the network is trained on people who are squeezed four times (by
#   the square of the aspect), and the validation with the same transform does not show it.
# Instead: pass both numbers, resize_to=(width, height), which is right in the aspect, and scale the keypoints yourself
#   (checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps solt==0.2.1 numpy==2.4.6 \
    opencv-python-headless==5.0.0.93 scipy==1.17.1 PyYAML==6.0.4
cat > see.py <<'PY'
import sys
import types

import numpy as np
import scipy.signal  # before the stand-in, which scipy would look at

# torch is large, and solt needs it here only to keep two constants that Resize does not use
torch = types.ModuleType("torch")
torch.Tensor = torch.FloatTensor = type("Tensor", (), {"view": lambda self, *shape: self})
torch.tensor = lambda values: torch.Tensor()
sys.modules["torch"] = torch

import solt.transforms as slt  # noqa: E402
from solt.core import Keypoints  # noqa: E402

POINTS = np.array([[39.9, 31.9], [100.0, 50.0], [160.0, 80.0]])


def picture(width, height):
    """A disc of 40 pixels in the middle."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2 + 0.5) ** 2 + (y - height / 2 + 0.5) ** 2 < 20**2
    return np.repeat((inside * 255).astype(np.uint8)[..., None], 3, 2)


def resized(width, height, **options):
    data = {"image": picture(width, height), "keypoints": Keypoints(POINTS.copy(), height, width)}
    image, points = slt.Resize(**options)(data, return_torch=False).data
    assert image.shape[:2] == (points.height, points.width)
    bright = image[..., 0] > 127
    disc = int(bright.any(axis=0).sum()), int(bright.any(axis=1).sum())
    return (image.shape[1], image.shape[0]), disc, points.data


for options, expected, disc_expected in (
    ({"height_first": True}, (50, 100), (10, 40)),  # should be (100, 50) and a disc of 20 x 20
    ({"height_first": False}, (25, 50), (5, 20)),  # should be (50, 25) and a disc of 10 x 10
):
    size, disc, points = resized(200, 100, resize_to=50, keep_ar=True, **options)
    print("200 x 100, resize_to=50, keep_ar,", options, "->", size, "disc", disc, "points", points.tolist())
    assert size == expected
    assert abs(disc[0] - disc_expected[0]) <= 1 and abs(disc[1] - disc_expected[1]) <= 1
size, disc, points = resized(100, 200, resize_to=50, keep_ar=True)
print("100 x 200 ->", size, "disc", disc)
assert size == (50, 25)  # portrait becomes landscape; should be (25, 50)
size, disc, _ = resized(200, 200, resize_to=50, keep_ar=True)
assert size == (50, 50) and disc[0] == disc[1]

# whole pixels: even where the size stays
size, disc, points = resized(200, 100, resize_to=(200, 100))
print("the same size:", POINTS.tolist(), "->", points.tolist())
assert size == (200, 100) and np.array_equal(points, np.floor(POINTS))

# what to do instead
size, disc, points = resized(200, 100, resize_to=(100, 50))
true = POINTS * [size[0] / 200, size[1] / 100]
assert size == (100, 50) and abs(disc[0] - disc[1]) <= 1
assert np.array_equal(points, np.floor(true)) and not np.allclose(points, true)
PY
venv/bin/python -W ignore see.py
echo "as recorded"
