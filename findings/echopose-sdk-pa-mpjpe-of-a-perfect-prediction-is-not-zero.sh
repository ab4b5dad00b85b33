#!/usr/bin/env bash
# version: echopose-sdk 0.2.2 with numpy 2.4.6 (Python 3.11)
# Behaviour: pa_mpjpe aligns the prediction to the truth by the best rotation, scale and shift before it measures. The rotation
#   is put together from the singular value decomposition U, S, V^T with V^T transposed once more, so it is a rotation, but
#   another one: poses are turned away from each other before they are compared. The first step, a scale from the two sizes
#   instead of the best one, hides beside it.
# Guess: the error of a perfect prediction is 0, and so is that of one that is only turned, scaled or shifted.
# Seen: a perfect prediction has 0.36 where the joints lie 0.45 from their centre on average; mpjpe of the same is 0. One that
#   is turned by 30 degrees has 0.47 aligned and 0.19 as it is: aligning makes it worse. A prediction with 1 cm of noise and one
#   that is perfect can hardly be told apart (0.365 and 0.359), and the number changes when the whole scene is turned.
# Why it matters: PA-MPJPE is the usual number for the form of a pose; summary_report prints it among right ones, and a number of
#   this size looks like a bad network, not like a bad formula.
# Instead: scipy.spatial.transform.Rotation.align_vectors on centred poses, or scipy.spatial.procrustes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps echopose-sdk==0.2.2
cat > see.py <<'PY'
import numpy as np
from echopose_sdk.metrics import mpjpe, pa_mpjpe


def aligned_error(pred, truth):
    """PA-MPJPE as usually defined, pose by pose."""
    errors = []
    for p, t in zip(pred - pred.mean(1, keepdims=True), truth - truth.mean(1, keepdims=True)):
        u, s, vt = np.linalg.svd(p.T @ t)
        d = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
        scale = (s * np.diag(d)).sum() / (p ** 2).sum()
        errors.append(np.linalg.norm(scale * p @ (u @ d @ vt) - t, axis=1).mean())
    return np.mean(errors)


def about_z(poses, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return poses @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


rng = np.random.default_rng(0)
truth = rng.normal(0, 0.3, (20, 17, 3))  # metres
noise = rng.normal(0, 0.01, truth.shape)
cases = {"perfect": truth, "shifted by 1 m": truth + [1, 0, 0], "turned by 30 deg": about_z(truth, 30),
         "1 cm of noise": truth + noise}
print("distance of the joints from their centre:", np.linalg.norm(truth - truth.mean(1, keepdims=True), axis=2).mean().round(3))
seen = {}
for name, pred in cases.items():
    seen[name] = pa_mpjpe(pred, truth)
    print(f"{name:17s} mpjpe {mpjpe(pred, truth):.3f}  pa_mpjpe {seen[name]:.3f}  as defined {aligned_error(pred, truth):.3f}")
assert seen["perfect"] > 0.3 and seen["shifted by 1 m"] > 0.3  # guess: 0
assert seen["turned by 30 deg"] > 2 * mpjpe(cases["turned by 30 deg"], truth)  # guess: 0
assert abs(seen["1 cm of noise"] - seen["perfect"]) < 0.02  # guess: 0.016 against 0
assert all(aligned_error(cases[name], truth) < 1e-9 for name in list(cases)[:3])

scene = [pa_mpjpe(about_z(truth + noise, d), about_z(truth, d)) for d in (0, 45, 90)]
print("the whole scene turned by 0, 45, 90 degrees:", np.round(scene, 3))
assert max(scene) - min(scene) > 0.01  # guess: the same
PY
venv/bin/python see.py
echo "seen: the aligned error of a perfect prediction is most of the size of the body"
