#!/usr/bin/env bash
# version: luxonis-ml 0.10.2 with albumentations 2.0.8 and numpy 2.4.6 (Python 3.11)
# Behaviour: luxonis-ml's VerticalSymmetricKeypointsFlip turns the picture and the boxes over about the picture's height, but
#   the keypoints about its WIDTH: it takes the shape (height, width) for (width, height). The package itself tells people to
#   use it instead of the plain VerticalFlip where keypoints have a left and a right. Its horizontal sister is right.
# Guess: keypoints stay on the mark in the picture that they stand for, whatever the picture's shape (to a pixel).
# Seen: with 192 x 256 (width x height, the usual crop of a person) every keypoint is 63 px too high; with 256 x 192 they are
#   65 px too low, and those that leave the picture that way are put onto the lower edge and become v = 0 (not labelled):
#   two of three here. Only square pictures come out right (to the pixel between W - 1 - x and W - x).
# Why it matters: the shift is silent, the labels look plausible, and half of the training pictures have it (p = 0.5).
# Instead: train with square pictures, or use the plain VerticalFlip of albumentations and swap left and right yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "luxonis-ml[data]==0.10.2" albumentations==2.0.8 numpy==2.4.6 \
  scipy==1.17.1 polars==1.44.2 opencv-python==4.14.0.94 opencv-python-headless==5.0.0.93
cat > see.py <<'PY'
import warnings

import numpy as np
from loguru import logger

warnings.simplefilter("ignore")
from luxonis_ml.data.augmentations import AlbumentationsEngine

logger.remove()
POINTS = np.array([[40.0, 20.0], [100.0, 60.0], [180.0, 150.0]])  # marks at different heights, in pixels


def flip(name, width, height, params):
    """Keypoints after the flip (x, y, v) and the places of the marks in the flipped picture, both from left to right."""
    picture = np.zeros((height, width, 3), np.uint8)
    for k, (x, y) in enumerate(POINTS.astype(int)):
        picture[y - 1 : y + 2, x - 1 : x + 2] = 80 * (k + 1)
    engine = AlbumentationsEngine(
        height=height, width=width, targets={"pose/keypoints": "keypoints", "pose/boundingbox": "boundingbox"},
        n_classes={"pose/keypoints": 1, "pose/boundingbox": 1}, source_names=["image"],
        config=[{"name": name, "params": {"p": 1.0, **params}}],
    )
    keypoints = np.c_[POINTS / [width, height], np.full(3, 2)].reshape(1, -1)
    labels = {"pose/keypoints": keypoints, "pose/boundingbox": np.array([[0, 0.05, 0.05, 0.9, 0.9]])}
    images, out = engine.apply([({"image": picture}, labels)])
    image = images["image"] if isinstance(images, dict) else images
    marks = np.array([np.argwhere(image[..., 0] == 80 * (k + 1)).mean(axis=0)[::-1] for k in range(3)])
    found = out["pose/keypoints"].reshape(-1, 3) * [width, height, 1]
    return found, marks


alone = {"keypoint_pairs": [[0, 0], [1, 1], [2, 2]]}  # three keypoints, none has a partner
for width, height in [(192, 256), (256, 192), (256, 256)]:
    found, marks = flip("VerticalSymmetricKeypointsFlip", width, height, alone)
    off = found[:, 1] - marks[:, 1]
    print(f"{width} x {height}: keypoints below their marks by {off.round(1).tolist()} px, v {found[:, 2].tolist()}")
    assert np.allclose(found[:, 0], marks[:, 0], atol=0.01)
    plain, plain_marks = flip("VerticalFlip", width, height, {})
    assert np.allclose(plain[:, :2], plain_marks, atol=0.01) and (plain[:, 2] == 2).all()  # albumentations' own is right
    sister, sister_marks = flip("HorizontalSymmetricKeypointsFlip", width, height, alone)
    assert np.allclose(sister[:, :2], sister_marks, atol=1.01) and (sister[:, 2] == 2).all()
    if width == height:
        assert np.allclose(off, 1, atol=0.01) and (found[:, 2] == 2).all()
    elif width < height:
        assert np.allclose(off, width - height + 1, atol=0.01)  # guess: at most 1
    else:
        assert found[:, 2].tolist() == [0, 0, 2]  # guess: 2, 2, 2
        assert np.allclose(found[:2, 1], height, atol=0.01)  # on the lower edge
        assert abs(off[2] - (width - height + 1)) < 0.01  # guess: at most 1
PY
venv/bin/python see.py
echo "seen: y becomes width - y"
