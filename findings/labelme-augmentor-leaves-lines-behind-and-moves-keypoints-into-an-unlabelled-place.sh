#!/usr/bin/env bash
# version: labelme-augmentor 0.1.1 with opencv-python-headless 4.11.0.86 and numpy 1.26.4 (Python 3.11)
# Behaviour: labelme-augmentor writes augmented pictures with their annotations, LabelMe's or COCO keypoints. Its flip (one of
#   its six kinds, also part of "both") collects the points to flip and writes them back in order. From LabelMe it collects
#   points, polygons and rectangles only: lines, linestrips and circles stay where they were, although the picture is flipped.
#   From COCO it collects the keypoints with v > 0, but writes them back over all places from the first: every keypoint after
#   an unlabelled one moves up by one place, an unlabelled one gets coordinates, the last one stays unflipped. No word comes.
# Guess: everything that is drawn on the picture is flipped with it (the rotation of the same package does turn all shapes).
# Seen: in a flipped LabelMe file the elbow is at x = 39 and the end of the arm's linestrip, which was on it, still at 160.
#   In a flipped COCO file without a left eye the right eye's place has the left ear, the left ear's the right ear, the left
#   eye (v = 0) the right eye, and the right ear is where it was before the flip; the box is unflipped too.
# Why it matters: half the training set has limbs on the wrong side of the picture, or faces with shuffled keypoints.
# Instead: do not use its flip; left and right names are not swapped by it either.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check labelme-augmentor==0.1.1 opencv-python-headless==4.11.0.86 numpy==1.26.4
cat > see.py <<'PY'
import contextlib
import io
import json
import random
from pathlib import Path

import cv2
import numpy as np
from labelme_augmentor import ImageAugmentor

WIDTH, HEIGHT = 200, 120
source = Path("in")
source.mkdir()
picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
picture[80, 160] = 255  # the elbow
cv2.imwrite("in/p.png", picture)


def flipped(annotation):
    (source / "p.json").write_text(json.dumps(annotation))
    tool = ImageAugmentor("in", "out")
    for seed in range(100):  # it draws between up-down and left-right: take the first left-right one
        random.seed(seed)
        with contextlib.redirect_stdout(io.StringIO()):
            (image, label), = tool.augment_pair(source / "p.png", source / "p.json", "flip")
        if image.name == "p_fliph.png":
            return cv2.imread(str(image)), json.loads(label.read_text())
    raise AssertionError("no flip to the side")


def shape(label, kind, *points):
    return {"label": label, "points": [list(p) for p in points], "group_id": 1, "shape_type": kind, "flags": {}}


image, out = flipped({
    "version": "5.5.0", "flags": {}, "imagePath": "p.png", "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH,
    "shapes": [shape("shoulder", "point", (150.0, 40.0)), shape("elbow", "point", (160.0, 80.0)),
               shape("arm", "linestrip", (150.0, 40.0), (160.0, 80.0)), shape("thigh", "line", (140.0, 60.0), (150.0, 100.0)),
               shape("head", "circle", (130.0, 20.0), (136.0, 20.0)), shape("box", "rectangle", (120.0, 10.0), (170.0, 110.0))],
})
places = {s["label"]: s["points"] for s in out["shapes"]}
print("LabelMe, flipped:", places)
assert image[80, 39].min() == 255 and image[80, 160].max() == 0  # the picture is flipped
assert places["elbow"] == [[39.0, 80.0]] and places["box"] == [[79.0, 10.0], [29.0, 110.0]]
assert places["arm"] == [[150.0, 40.0], [160.0, 80.0]]  # guess: [[49, 40], [39, 80]]
assert places["thigh"] == [[140.0, 60.0], [150.0, 100.0]] and places["head"] == [[130.0, 20.0], [136.0, 20.0]]

NAMES = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
keypoints = [130, 20, 2, 0, 0, 0, 126, 18, 2, 140, 22, 2, 120, 24, 1]
_, out = flipped({
    "images": [{"id": 1, "file_name": "p.png", "width": WIDTH, "height": HEIGHT}],
    "categories": [{"id": 1, "name": "person", "keypoints": NAMES}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [100, 10, 80, 100], "area": 8000, "iscrowd": 0,
                     "num_keypoints": 4, "keypoints": keypoints}],
})
got = np.array(out["annotations"][0]["keypoints"]).reshape(-1, 3)
for name, before, after in zip(NAMES, np.array(keypoints).reshape(-1, 3), got):
    print(f"COCO, {name}: {before.tolist()} flips to {[WIDTH - 1 - before[0], *before[1:]] if before[2] else before.tolist()},"
          f" written as {after.tolist()}")
assert got.tolist() == [[69, 20, 2], [73, 18, 0], [59, 22, 2], [79, 24, 2], [120, 24, 1]]
# guess: [[69, 20, 2], [0, 0, 0], [73, 18, 2], [59, 22, 2], [79, 24, 1]]
assert out["annotations"][0]["bbox"] == [100, 10, 80, 100]  # guess: [19, 10, 80, 100] or [20, ...]
PY
venv/bin/python see.py
echo "seen: lines stay behind, keypoints move into the place of the unlabelled one"
