#!/usr/bin/env bash
# version: biomdp 0.11.2, dltx 0.1.1, numpy 2.4.6, pandas 3.1.1, xarray 2026.9.0, matplotlib 3.11.2
# Behaviour: biomdp calibrates cameras by the direct linear transformation (dlt_calib) and makes points of the room out
#   of points of the pictures (dlt_recons_xr). The calibration lets another package, dltx, do the work, and measures its
#   own error with that package too. The reconstruction has its own equations, and they take the parameters from other
#   places than the calibration has put them: the denominator begins one parameter too early (the eighth instead of the
#   ninth), and so does the numerator of v (the fourth instead of the fifth). In the plane, with several cameras, it is
#   the same. Only one camera in the plane goes another way, by the inverse matrix, and is right.
# Guess: without noise, with four cameras, the points come back exactly, as the error that dlt_calib gives says.
# Seen: dlt_calib says 0.0000000 metres. The head at (0.20, 0.10, 1.70) m comes back at (0.00, 0.58, 29.36), the hip,
#   1 m high, at 7.45 m, the foot, 0.1 m high, at -0.46 m. With two cameras the head is 4.88 m high, the hip 2.88, the
#   foot -0.60. With eleven parameters in place of twelve it is just as wrong. In the plane two cameras put the point
#   (0.5, 0.8) at (0.0, -124.4), one camera puts it where it is. No error, no warning.
# Why it matters: who checks the calibration sees that it is perfect, and the wrong numbers then come from the step
#   that nobody checks. More cameras do not help, since the equations of each are wrong in the same way.
# Instead: call dlt_reconstruct of dltx point by point with the same parameters (checked below: exact), or solve the
#   equations oneself: (L1 - u L9) x + (L2 - u L10) y + (L3 - u L11) z = u - L4 and so on.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps biomdp==0.11.2
venv/bin/pip install --quiet --disable-pip-version-check dltx==0.1.1 numpy==2.4.6 pandas==3.1.1 xarray==2026.9.0 \
    matplotlib==3.11.2
cat > see.py <<'PY'
import contextlib
import io

import numpy as np
import xarray as xr
from biomdp.fotogrammetry import dlt_calib, dlt_recons_xr
from dltx import dlt_reconstruct


def camera(degrees):
    """A camera 5 m away from the middle of the room and 1.2 m high that looks at a person's hip."""
    angle = np.radians(degrees)
    place = np.array([5 * np.cos(angle), 5 * np.sin(angle), 1.2])
    forward = np.array([0, 0, 1.0]) - place
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    turn = np.array([right, np.cross(forward, right), forward])
    return np.array([[1200, 0, 960], [0, 1200, 540], [0, 0, 1.0]]) @ np.c_[turn, -turn @ place]


def look(matrix, points):
    picture = np.c_[points, np.ones(len(points))] @ matrix.T
    return picture[:, :2] / picture[:, 2:]


def table(pixels):
    return xr.DataArray(pixels, dims=("point", "axis"), coords={"axis": ["x", "y"]})


def calibrate(points, pictures):
    with contextlib.redirect_stdout(io.StringIO()):  # it prints which camera it has done
        return dlt_calib(points, pictures, show=False)


cameras = [camera(d) for d in (17, 70, 143, 230)]
frame = np.random.default_rng(0).uniform([-1, -1, 0], [1, 1, 2], (20, 3))  # twenty known points of the room
person = np.array([[0.2, 0.1, 1.7], [0, 0, 1.0], [0.3, -0.2, 0.1]])  # head, hip, foot

for count in (4, 2):
    parameters, _, error = calibrate(frame, [look(c, frame) for c in cameras[:count]])
    assert parameters.shape == (count, 12) and error < 1e-9
    pictures = [look(c, person) for c in cameras[:count]]
    got = dlt_recons_xr([table(p) for p in pictures], parameters, num_cams=count, num_dims=3).to_numpy()
    eleven = (parameters / parameters[:, 11:])[:, :11]
    other = dlt_recons_xr([table(p) for p in pictures], eleven, num_cams=count, num_dims=3).to_numpy()
    right = [dlt_reconstruct(3, count, parameters, np.array([p[i] for p in pictures])) for i in range(len(person))]
    away = np.linalg.norm(got - person, axis=1)
    print(f"{count} cameras, error of the calibration {error:.7f} m")
    for i, name in enumerate(("head", "hip", "foot")):
        print(f"  {name}: is at {person[i].tolist()}, put at {got[i].round(2).tolist()}, {away[i]:.2f} m away")
    assert np.allclose(right, person, atol=1e-9)  # what to do instead
    assert (away > 0.5).all() and (np.linalg.norm(other - person, axis=1) > 0.5).all()
    if count == 4:
        assert np.allclose(got[0], [0.00, 0.58, 29.36], atol=0.02)
    assert np.allclose(got[:, 2], [29.36, 7.45, -0.46] if count == 4 else [4.88, 2.88, -0.60], atol=0.02)

# in the plane (a lane seen by cameras at its side)
lane = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.2], [0.3, 0.7]], float)
matrices = [np.array([[900, 40, 300], [30, -800, 900], [0.05, 0.02, 1]]),
            np.array([[850, -60, 350], [-20, -820, 880], [-0.04, 0.03, 1]])]
parameters, _, error = calibrate(lane, [look(m, lane) for m in matrices])
point = np.array([[0.5, 0.8]])
both = dlt_recons_xr([table(look(m, point)) for m in matrices], parameters, num_dims=2).to_numpy()[0]
one = dlt_recons_xr(table(look(matrices[0], point)), parameters[0], num_cams=1, num_dims=2).to_numpy()[0]
print(f"in the plane: is at {point[0].tolist()}, two cameras {both.round(2).tolist()}, one {one.round(2).tolist()}")
assert error < 1e-9 and np.allclose(one, point, atol=1e-9)
assert np.linalg.norm(both - point[0]) > 100
PY
venv/bin/python -W error see.py
echo "as recorded"
