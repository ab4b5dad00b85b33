#!/usr/bin/env bash
# Measured at version: transformers 5.23.0 (torch 2.14.1, torchvision 0.29.1, scipy 1.17.1, numpy 2.4.6).
# Behaviour: VitPoseImageProcessor.post_process_pose_estimation returns for each person "keypoints", "scores", "labels" and "bbox".
# The bbox is not the person's box: its first corner is the box's centre, and its width and height are those of the padded
# box divided by 200, less one. A box of 192 x 256 pixels comes back as 0.2 x 0.6 pixels around its centre; a smaller one has
# its right side left of its left side. The keypoints are right.
# Second surprise: target_sizes, "the (height, width) of each image" for relative boxes, is taken as (width, height), so that the
# keypoints of a 640 x 480 picture land over 100 pixels away; with (width, height) they are right.
# Guess: "bbox" is the box that was given, as (x1, y1, x2, y2); target_sizes is what its documentation says.
# Why it matters: who draws the box, crops the person, tracks by overlap or takes its area for OKS works with a speck of 0.1 px2.
# Instead: keep your own boxes; the results are in their order. Give absolute boxes and no target_sizes.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.14.1 torchvision==0.29.1 \
    scipy==1.17.1 numpy==2.4.6 pillow==13.0.0
cd "$work"
HF_HUB_OFFLINE=1 "$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import torch
from transformers import VitPoseImageProcessor
from transformers.models.vitpose.modeling_vitpose import VitPoseEstimatorOutput

processor = VitPoseImageProcessor()  # its defaults: crops of 256 x 192, heat maps of 64 x 48
rows, columns = np.mgrid[:64, :48]
peaks = np.random.default_rng(0).uniform([8, 8], [40, 56], (17, 2))
maps = np.exp(-((columns - peaks[:, 0, None, None]) ** 2 + (rows - peaks[:, 1, None, None]) ** 2) / 8)
output = VitPoseEstimatorOutput(heatmaps=torch.tensor(maps[None], dtype=torch.float32))


def post(box, **more):
    return processor.post_process_pose_estimation(output, boxes=[np.array([box], float)], **more)[0][0]


for box in ([100, 100, 192, 256], [300, 200, 48, 64]):
    person = post(box)
    x, y, w, h = box
    wanted = np.array([x - 0.125 * w, y - 0.125 * h]) + peaks / [47, 63] * 1.25 * np.array([w, h])
    error = float(np.abs(person["keypoints"].numpy() - wanted).max())
    given = person["bbox"].numpy()
    print("box", box, "(x, y, w, h) -> bbox", given.round(2), f"; keypoints right to {error:.2f} px")
    assert error < 1
    centre, scale = np.array([x + w / 2, y + h / 2]), 1.25 * np.array([w, h]) / 200
    assert np.allclose(given, [*centre, *(centre + scale - 1)], atol=0.01), given
assert given[2] < given[0]

height, width = 480, 640
absolute = [100.0, 100.0, 192.0, 256.0]
relative = list(np.array(absolute) / [width, height, width, height])
right = post(absolute)["keypoints"]
for name, size in (("(height, width)", (height, width)), ("(width, height)", (width, height))):
    off = float((post(relative, target_sizes=[size])["keypoints"] - right).abs().max())
    print(f"relative box, target_sizes {name}: keypoints off by {off:.1f} px")
    assert off > 100 if name == "(height, width)" else off < 0.1
EOF
echo "as recorded"
