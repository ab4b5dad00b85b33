#!/usr/bin/env bash
# version: neurokin 0.3.16 with numpy 2.4.6, pandas 3.1.1 and scipy 1.17.1 (Python 3.11)
# Behaviour: neurokin computes speeds, accelerations and angles of keypoints from DeepLabCut's tables. It takes for a keypoint
#   every column whose name CONTAINS the keypoint's name, and it keeps the column "likelihood" as one more coordinate:
#   x, y, likelihood of three keypoints are nine numbers, so angles are taken in 3D with the likelihood as z. The angle is the
#   outer one (0 for a straight limb), in radians, and speeds are per frame though fps was given. Nothing of this is said.
# Guess: a keypoint that does not move has the speed 0, whatever its name, and an elbow bent by 90 degrees stays at 90.
# Seen: the still ear has the speed of the forearm (its name is inside "forearm"), 6 px a frame; a still elbow whose
#   likelihood flickers between 0.95 and 0.05 moves by 0.9; with coordinates from 0 to 1 the bent elbow that is at rest
#   swings between 89 and 25 degrees (inner angle) with its likelihood, and a straight arm has the angle 0.
# Why it matters: the likelihood falls just where a keypoint is hidden, so hidden keypoints "move"; and a feature of one
#   keypoint silently holds the motion of another.
# Instead: drop the likelihood columns from run.markers_df before extract_features, and rename keypoints so that no name is
#   part of another one; use pi minus the angle.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check neurokin==0.3.16 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
cat > see.py <<'PY'
import numpy as np
from neurokin.kinematic_data import KinematicDataRun

N = 8
t = np.arange(N)
CONFIG = """
features:
  features.marker_features.LinearSpeed: {marker_ids: []}
  features.joint_features.Angle: {joint_ids: []}
skeleton:
  joints:
    elbow: [shoulder, elbow, wrist]
"""
open("config.yaml", "w").write(CONFIG)


def features(points, likelihood, name, drop=False):
    """Write a table as DeepLabCut does (one animal) and let neurokin compute the features."""
    with open(name, "w") as f:
        f.write("scorer" + ",net" * 3 * len(points) + "\n")
        f.write("bodyparts," + ",".join(p for p in points for _ in range(3)) + "\n")
        f.write("coords" + ",x,y,likelihood" * len(points) + "\n")
        for i in t:
            row = [v for p, (x, y) in points.items() for v in (x[i], y[i], likelihood.get(p, np.full(N, 0.99))[i])]
            f.write(",".join(map(str, [i, *row])) + "\n")
    run = KinematicDataRun(name)
    run.load_kinematics(source="dlc", fs=30)
    if drop:
        run.markers_df = run.markers_df[[c for c in run.markers_df if not c.endswith("likelihood")]]
    run.extract_features("config.yaml", get_binned=False)
    return run.features_df


def at(x, y):
    return np.full(N, float(x)), np.full(N, float(y))


flicker = np.where(t % 2 == 0, 0.95, 0.05)
body = {"ear": at(100, 50), "forearm": (115 + 6.0 * t, at(0, 110)[1]), "shoulder": at(100, 80), "elbow": at(100, 110),
        "wrist": at(130, 110)}  # in pixels; only the forearm's point moves, 6 px a frame
pixels = features(body, {"elbow": flicker}, "pixels.csv")
print(pixels.T.round(3).to_string(header=False))
assert np.allclose(pixels["ear_linear_speed"], 6)  # guess: 0
assert np.allclose(pixels["forearm_linear_speed"], 6)
assert np.allclose(pixels["elbow_linear_speed"].iloc[[0, -1]], 0.9)  # guess: 0
assert np.allclose(pixels["wrist_linear_speed"], 0)

rest = {"shoulder": at(0.4, 0.2), "elbow": at(0.4, 0.5), "wrist": at(0.7, 0.5)}  # fractions, bent by 90 degrees, at rest
outer = np.degrees(features(rest, {"elbow": flicker}, "fractions.csv")["elbow_angle"].to_numpy())
inner = 180 - outer
print("inner angle at the resting elbow:", inner.round(1), "degrees")
assert abs(inner[0] - 89) < 1 and abs(inner[1] - 24.8) < 0.5  # guess: 90 in every frame
dropped = np.degrees(features(rest, {"elbow": flicker}, "fractions.csv", drop=True)["elbow_angle"].to_numpy())
assert np.allclose(dropped, 90)

straight = {"shoulder": at(0, 0), "elbow": at(30, 0), "wrist": at(60, 0)}
angle = features(straight, {}, "straight.csv", drop=True)["elbow_angle"]
print("angle of a straight arm:", set(angle))
assert np.allclose(angle, 0)  # guess: pi, or 180
PY
venv/bin/python see.py
echo "seen: names inside names and likelihoods become motion"
