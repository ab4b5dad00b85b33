#!/usr/bin/env bash
# version: poseutils 0.4.0 with numpy 2.4.6 (Python 3.11)
# Behaviour: calculate_jpe(pred, target) is documented as the joint position error of a prediction and a ground truth. It
#   subtracts the hip from the ground truth, but not from the prediction, and it never looks at joint 0 (the hip), whose
#   error stays 0 and is counted in the mean of the 14 or 16 joints. There is no word about either.
# Guess: a perfect prediction has the error 0, and one that is 30 mm off in every joint has 30 mm.
# Seen: a perfect prediction of a person 5 m away has an MPJPE of 4.69 m; only predictions that are already hip-centred are
#   measured, and then 30 mm in every other joint become 28.1 mm with 16 joints and 27.9 mm with 14. So the number depends on
#   how many joints the skeleton has. A prediction whose hip alone is 1 m off has the error 0.
# Why it matters: papers compare MPJPE to the tenth of a millimetre; other code averages over all joints of centred poses, or
#   over the joints without the hip. 6 to 7 % of the error vanish here without a trace.
# Instead: subtract the hip from both and take np.linalg.norm(pred - target, axis=-1)[:, 1:].mean() (say which joints).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check poseutils==0.4.0 numpy==2.4.6
cat > see.py <<'PY'
import numpy as np
from poseutils.metrics import calculate_jpe

rng = np.random.default_rng(0)
for joints in (16, 14):
    truth = rng.normal(0, 0.3, (50, joints, 3))  # metres, around the hip
    truth[:, 0] = 0
    in_camera = truth + np.array([0.0, 0.0, 5.0])  # the person stands 5 m in front of the camera

    perfect = calculate_jpe(in_camera, in_camera)[0]
    centred = calculate_jpe(truth, truth)[0]
    step = np.zeros_like(truth)
    step[:, 1:, 0] = 0.03  # every joint but the hip 30 mm to the side
    off = calculate_jpe(truth + step, truth)[0]
    hip = truth.copy()
    hip[:, 0] += [1.0, 0, 0]
    only_hip = calculate_jpe(hip, truth)[0]
    print(f"{joints} joints: perfect {perfect:.3f} m, perfect and centred {centred:.3f} m,",
          f"30 mm off {1000 * off:.2f} mm, hip 1 m off {only_hip:.3f} m")
    assert perfect > 4.5  # guess: 0
    assert centred == 0
    assert abs(off - 0.03 * (joints - 1) / joints) < 1e-12  # guess: 0.03
    assert only_hip == 0  # guess: 1 / joints
PY
venv/bin/python see.py
echo "seen: the error of a perfect prediction is its distance, and the hip's 0 dilutes the mean"
