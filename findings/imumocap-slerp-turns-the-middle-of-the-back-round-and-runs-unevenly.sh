#!/usr/bin/env bash
# version: imumocap 1.4.0 with numpy 2.4.6, checked against scipy 1.17.1 (Python 3.11)
# Behaviour: Matrix.slerp(m0, m1, n) interpolates between two poses, and solvers.interpolate(links) spreads the turn
#   between the first and the last link of a chain (pelvis and chest carry a sensor, the vertebrae between do not)
#   over those in between. slerp measures the whole angle of the turn where the formula for quaternions needs half of
#   it, and never looks whether the two quaternions have the same sign.
# Guess: steps of equal size, the short way round, as scipy's Slerp makes them.
# Seen: a turn of 90 degrees in four steps goes 0, 25.5, 45, 64.5, 90; of 150: 0, 57, 75, 93, 150; of just under 180
#   all three links in between stand at 90. A pelvis that faces -119 and a chest that faces -121 degrees have a back
#   between them that faces +60: the wrong way round. Of random postures with up to 30 degrees per axis between pelvis
#   and chest, 5 % are more than 30 degrees off. Nothing is said, and all the matrices are proper rotations.
# Why it matters: the heading of a walker who turns passes through the bad place on every round, so for a few frames
#   the trunk is twisted through itself; elsewhere the twist gathers at the two ends of the back, so that single joint
#   angles of the spine are too large (57 instead of 37.5 degrees).
# Instead: scipy.spatial.transform.Slerp (checked below) and link.set_joint_world for each link.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps imumocap==1.4.0
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1
cat > see.py <<'PY'
import importlib.util
import sys
import types

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

# the package's __init__ asks for Python 3.12 and matplotlib, which the three modules concerned do not need
folder = importlib.util.find_spec("imumocap").submodule_search_locations[0]
for name, path in (("imumocap", folder), ("imumocap.solvers", folder + "/solvers")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from imumocap.link import Link  # noqa: E402
from imumocap.matrix import Matrix  # noqa: E402
from imumocap.solvers.interpolate import interpolate  # noqa: E402


def back(pelvis, chest, links=5):
    """The rotations of all links of a back whose first and last link are known."""
    chain = [Link(f"link {i}", Matrix(z=0.1)) for i in range(links)]
    for lower, upper in zip(chain[:-1], chain[1:], strict=True):
        lower.connect(upper)
    chain[0].set_joint_world(Matrix(rotation=pelvis.as_matrix()))
    chain[-1].set_joint_world(Matrix(rotation=chest.as_matrix()))
    interpolate(chain)
    return Rotation.from_matrix([link.get_joint_world().rotation for link in chain])


def reference(pelvis, chest, links=5):
    return Slerp([0, 1], Rotation.concatenate([pelvis, chest]))(np.linspace(0, 1, links))


def heading(degrees):
    return Rotation.from_euler("z", degrees, degrees=True)


def headings(rotations):
    return rotations.as_euler("ZYX", degrees=True)[:, 0].round(1).tolist()


for pelvis, chest, expected in (
    (0, 90, [0, 25.5, 45, 64.5, 90]),
    (0, 150, [0, 57.1, 75, 92.9, 150]),
    (0, 179.999, [0, 90, 90, 90, 180]),
    (-119, -121, [-119, -118, 60, -122, -121]),
):
    got, true = (headings(way(heading(pelvis), heading(chest))) for way in (back, reference))
    print(f"pelvis {pelvis}, chest {chest}: imumocap {got}, scipy {true}")
    assert np.allclose(got, expected, atol=0.06), got
    assert np.allclose(true, np.linspace(pelvis, chest, 5), atol=0.06)
    direct = [m.rot_xyz[2] for m in Matrix.slerp(Matrix(rot_z=pelvis), Matrix(rot_z=chest), 5)]
    assert np.allclose(direct, expected, atol=0.06)

random = np.random.default_rng(0)
worst = []
for _ in range(1000):
    angles = [random.uniform(-180, 180), *random.uniform(-30, 30, 2)]
    pelvis = Rotation.from_euler("ZYX", angles, degrees=True)
    chest = pelvis * Rotation.from_euler("ZYX", random.uniform(-30, 30, 3), degrees=True)
    error = (back(pelvis, chest).inv() * reference(pelvis, chest)).magnitude()
    worst.append(np.degrees(error).max())
share = np.mean(np.array(worst) > 30)
print(f"random postures more than 30 degrees off: {share:.1%}; the worst by {max(worst):.1f} degrees")
assert 0.02 < share < 0.08 and max(worst) > 179
PY
venv/bin/python -W error see.py
echo "as recorded"
