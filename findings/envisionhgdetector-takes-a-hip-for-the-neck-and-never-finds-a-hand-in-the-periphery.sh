#!/usr/bin/env bash
# version: envisionhgdetector 3.0.8 with numpy 2.4.6, scipy 1.17.1, pandas 2.3.3 (Python 3.11)
# Behaviour: compute_kinematic_features measures how high a gesture goes (0 below the hips, 1 to 2 from hip to neck, 2 to 3 from
#   neck to nose, ...) and in which zone of McNeill's space (1 centre of the centre, 2 centre, 3 periphery, 4 beyond) from
#   MediaPipe's 33 landmarks. Its table of joints gives landmark 23 as "Neck" and 24 as "MidHip": these are the left and the
#   right HIP. And the periphery is asked for with "p_ymin < y < p_ymax", bounds that are made for y pointing up; MediaPipe's
#   y, which the package itself stores, points down, so that p_ymin is the larger one and no point ever lies between them.
# Guess: a hand at the belly has a height between 1 and 2, one at the height of the shoulders about 2, and a hand held beside
#   the body, a little outside the centre, gives zone 3.
# Seen: 2.32 and 2.73 for these heights; zone 3 is given nowhere on a grid of 3,600 places, and the middle of the chest
#   is not in the centre of the centre while the groin is.
# Why it matters: the numbers go into a table of gesture features (kinematic_features.csv) and into statistics about
#   speakers; they look plausible, being within 0 to 5 and 1 to 4.
# Instead: give the module the right joints (add the middle of the shoulders as a landmark of its own and set
#   joint_map["Neck"] to it), negate y, or compute the two features yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --no-compile --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 pandas==2.3.3
venv/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps envisionhgdetector==3.0.8
cat > see.py <<'PY'
import contextlib
import importlib.util
import io
import sys
import types
from unittest.mock import MagicMock

import numpy as np

# the features need NumPy, SciPy and pandas only; the other imports of the file (video, networks, plots) get stand-ins
for name in ("cv2", "mediapipe", "moviepy", "moviepy.video", "moviepy.video.io", "moviepy.video.io.VideoFileClip", "umap",
             "umap.umap_", "shapedtw", "shapedtw.shapedtw", "shapedtw.shapeDescriptors", "plotly", "plotly.express", "dash", "tqdm"):
    sys.modules[name] = MagicMock()
package = types.ModuleType("envisionhgdetector")
package.__path__ = list(importlib.util.find_spec("envisionhgdetector").submodule_search_locations)
sys.modules["envisionhgdetector"] = package
from envisionhgdetector import utils  # noqa: E402

NOSE, LEYE, REYE, LSHOULDER, RSHOULDER, LELBOW, RELBOW, LWRIST, RWRIST, LHIP, RHIP = 0, 2, 5, 11, 12, 13, 14, 15, 16, 23, 24


def person(x, y, up=1):
    """33 landmarks of somebody who faces the camera; metres from the middle of the hips, y down as MediaPipe gives it.
    The left hand is at (x, y)."""
    body = np.zeros((33, 3))
    for joint, place in {NOSE: (0, -0.62), LEYE: (0.03, -0.65), REYE: (-0.03, -0.65), LSHOULDER: (0.17, -0.45),
                         RSHOULDER: (-0.17, -0.45), LELBOW: (0.25, -0.2), RELBOW: (-0.25, -0.2), LWRIST: (x, y),
                         RWRIST: (-0.2, 0.1), LHIP: (0.1, 0), RHIP: (-0.1, 0)}.items():
        body[joint, :2] = place[0], up * place[1]
    return body


def features(x, y):
    """Ten frames in which the left hand trembles by a millimetre."""
    frames = np.repeat(person(x, y)[None], 10, axis=0)
    frames[::2, LWRIST, 0] += 0.001
    with contextlib.redirect_stdout(io.StringIO()):
        return utils.compute_kinematic_features(frames, fps=25.0)


def zone(x, y, up=1):
    """The left hand's zone in one frame, by the function that compute_kinematic_features calls."""
    body = person(x, y, up)
    return utils.calc_mcneillian_space({name: [body[k]] for name, k in utils.joint_map.items()})[2]


assert utils.joint_map["Neck"] == utils.joint_map["LHip"] == LHIP and utils.joint_map["MidHip"] == utils.joint_map["RHip"] == RHIP
for name, y in (("belly", -0.2), ("shoulders", -0.45)):
    found = features(0.1, y)
    print(f"hand at the height of the {name}: height {found.max_height:.2f}, by its own description {1 + y / -0.45:.2f}")
    assert found.active_hand == "L" and np.isclose(found.max_height, 2 + y / -0.62)  # guess: 1 + y / -0.45

places = [(x, y) for x in np.linspace(-0.9, 0.9, 60) for y in np.linspace(-0.9, 0.9, 60)]
for up, name in ((1, "down"), (-1, "up")):
    zones = np.array([zone(x, y, up) for x, y in places])
    counts = {int(z): int((zones == z).sum()) for z in np.unique(zones)}
    print(f"zones of a grid of 3,600 places, y {name}: {counts}")
    assert sorted(counts) == ([1, 2, 4] if up == 1 else [1, 2, 3, 4])  # guess: all four
chest, groin, beside = (features(x, y).mcneillian_mode for x, y in ((0.05, -0.35), (0.05, 0.1), (0.4, -0.2)))
print(f"hand before the chest: zone {chest}, before the groin: zone {groin}, beside the body: zone {beside}")
assert chest == 4 and groin == 1  # guess: 1 or 2, and 2 or 3
assert beside == 4  # a hand's breadth outside the centre; guess: 3
PY
venv/bin/python see.py
echo "seen: the hip is the neck, and the periphery is empty"
