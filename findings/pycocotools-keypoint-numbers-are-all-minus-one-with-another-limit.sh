#!/usr/bin/env bash
# version: pycocotools 2.0.11, numpy 2.4.6
# Behaviour: COCOeval("keypoints") has a limit of 20 answers an image in params.maxDets. Set to [40], evaluate() and accumulate() work
#   with 40, but summarize() looks for the number 20 again, finds no such limit, and gives -1.000 for all ten numbers, without a word.
#   A list with both, [20, 40], prints the numbers of 20 as if nothing had been asked for; the curves in eval hold those of 40.
# Guess: the summary is of the limit that was set, or says that it knows no other than 20.
# Seen: 40 fish in one picture, all answered perfectly: AP 0.505 with 20; AP -1.0 with [40]; AP 0.505 with [20, 40]; 1.0 in the curve.
# Why it matters: crowds, animals and insects have more than 20 in a picture. The limit cuts the recall whatever the model does, and
#   who raises it gets -1, which means "nobody of this size is annotated" and is easily logged or averaged as a number.
# Instead: take the mean of eval["precision"] (those above -1) yourself, or set params.maxDets = [20] again before summarize().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pycocotools==2.0.11 numpy==2.4.6
cat > see.py <<'PY'
import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

fish = []
for i in range(40):
    x, y = 10 + 90 * (i % 8), 10 + 90 * (i // 8)
    fish.append({"id": i + 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 2400, "bbox": [x, y, 60, 40],
                 "num_keypoints": 2, "keypoints": [x + 5, y + 20, 2, x + 55, y + 20, 2]})  # fmt: skip
truth = {"images": [{"id": 1, "width": 800, "height": 600}], "categories": [{"id": 1}], "annotations": fish, "info": {}}
answers = [{k: f[k] for k in ("image_id", "category_id", "keypoints")} | {"score": 1 - f["id"] / 1000} for f in fish]


def run(limits, summary=None):
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = truth
        gt.createIndex()
        e = COCOeval(gt, gt.loadRes(answers), "keypoints")
        e.params.kpt_oks_sigmas = np.array([0.05, 0.05])
        e.params.maxDets = limits
        e.evaluate()
        e.accumulate()
        if summary:
            e.params.maxDets = summary
        e.summarize()
    curve = e.eval["precision"][..., 0, -1]
    return [round(float(v), 3) for v in e.stats], round(float(curve[curve > -1].mean()), 3)


for limits in ([20], [40], [20, 40]):
    stats, curve = run(limits)
    print("maxDets", limits, "AP", stats[0], "AR", stats[5], "mean of the curve", curve)
assert run([20])[0][0] == 0.505
assert run([40]) == ([-1.0] * 10, 1.0)
assert run([20, 40])[0][0] == 0.505 and run([20, 40])[1] == 1.0
assert run([40], [20])[0][0] == 1.0
PY
venv/bin/python see.py
echo "seen: another limit than 20 makes all ten keypoint numbers -1"
