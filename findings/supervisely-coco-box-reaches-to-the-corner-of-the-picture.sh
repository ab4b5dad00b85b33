#!/usr/bin/env bash
# version: supervisely 6.74.51, numpy 2.4.6, opencv-python 4.14.0.94, pandas 2.3.3
# Behaviour: the COCO export of a skeleton takes the box and the area from all its keypoints, the missing ones included, and these
#   stand at (0, 0). One missing keypoint stretches the box to the upper left corner of the picture, and the area with it.
#   num_keypoints is the number of the template, and a disabled (hidden) node is written as visible, 2.
# Guess: box and area are those of the labelled keypoints, num_keypoints counts them, hidden is 1.
# Seen: a face of 30 by 3 pixels at (310, 201): box [0, 0, 340, 204], area 69360 instead of 90, num_keypoints 5 instead of 4,
#   the disabled ear with v = 2.
# Why it matters: crops made from the box show half the picture; the area is the scale of OKS, so a 770 times larger one forgives
#   errors of 28 times the distance: a face that is 10 pixels off has OKS 0.81 instead of 0.00, and AP looks splendid.
# Instead: recompute box, area and num_keypoints from the points with v > 0 after the export.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check supervisely==6.74.51 numpy==2.4.6 opencv-python==4.14.0.94 pandas==2.3.3
cat > see.py <<'PY'
import numpy as np
import supervisely as sly
from supervisely.convert.image.coco.coco_helper import sly_ann_to_coco
from supervisely.geometry.graph import GraphNodes, KeypointsTemplate, Node

names = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
template = KeypointsTemplate()
for i, name in enumerate(names):
    template.add_point(label=name, row=i, col=i)
template.add_edge("nose", "left_eye")
meta = sly.ProjectMeta(obj_classes=[sly.ObjClass("person", GraphNodes, geometry_config=template)])
nodes = [Node(label=n, row=200 + k, col=300 + 10 * k, disabled=n == "left_ear") for k, n in enumerate(names) if n != "nose"]
ann = sly.Annotation((480, 640), [sly.Label(GraphNodes(nodes), meta.get_obj_class("person"))])
ann = sly.Annotation.from_json(ann.to_json(), meta)
out = sly_ann_to_coco(ann, 1, {"person": 1})[0][0]
print({k: out[k] for k in ("bbox", "area", "num_keypoints", "keypoints")})
points = np.array(out["keypoints"]).reshape(-1, 3)
seen = points[points[:, 2] > 0, :2]
low, size = seen.min(0), np.ptp(seen, 0)
print("of the labelled points: box", [*low.tolist(), *size.tolist()], "area", int(size.prod()), "num_keypoints", len(seen))
sigma = np.array([0.025, 0.025, 0.035, 0.035])  # COCO's, of the eyes and ears


def oks(area):
    return float(np.exp(-(10.0**2) / (2 * area * (2 * sigma) ** 2)).mean())


print(f"OKS of a face 10 px off: {oks(size.prod()):.3f} with its own area, {oks(out['area']):.3f} with the exported one")
assert out["bbox"] == [0, 0, 340, 204] and out["area"] == 69360 and out["num_keypoints"] == 5
assert [*low, *size] == [310, 201, 30, 3] and len(seen) == 4
assert out["keypoints"][9:12] == [330, 203, 2]
assert oks(90) < 0.05 and oks(out["area"]) > 0.7
PY
venv/bin/python -W ignore see.py 2>/dev/null
echo "seen: box and area include the keypoints that are not there"
