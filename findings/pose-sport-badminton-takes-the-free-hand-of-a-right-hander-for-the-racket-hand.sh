#!/usr/bin/env bash
# version: pose-sport-badminton 1.13.4 on pose-platform 1.25.10 (Python 3.11, numpy 1.26.4, pandas 2.3.3, scipy 1.15.3)
# Behaviour: body_forward_vector() of pose-platform takes the cross product of (right shoulder - left shoulder) with "up" for
#   the direction in which a person faces. Its text says that this points to the front in a right-handed frame with y up.
#   In such a frame the product points out of the back (front is the product the other way round). forward_velocity() and the
#   badminton tool that finds the racket hand by its fastest strokes "forward" are built on it. No warning comes.
# Guess: the forward vector points where the toes point, and the hand that strikes forward fastest is the racket hand.
# Seen: whatever the yaw, the vector is exactly opposite to the level direction from foot to toes. A right-hander who strikes
#   forward with 8 m/s and draws back with 1.2 m/s, six times, while the left hand is pulled back beside the body, is called
#   left-handed with confidence 1.0; the right hand has "no forward stroke". Mirrored, a left-hander is called right-handed.
# Why it matters: the racket hand decides which arm all later tools measure (swing, chain of joints, score), and every
#   velocity along "forward" has the wrong sign.
# Instead: take cross(up, right shoulder - left shoulder), or check the sign against foot to toes; give racket_hand yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pose-platform==1.25.10 pose-sport-badminton==1.13.4 \
  numpy==1.26.4 pandas==2.3.3 scipy==1.15.3 pyyaml==6.0.4
cat > see.py <<'PY'
import json
from pathlib import Path

import numpy as np
from capabilities.tools.kinematics import body_forward_vector, forward_velocity, resolve_joint
from capabilities.tools.loader import load_pose
from pose_sport_badminton.tools.racket_hand import RacketHandDetectorTool

# Somebody who stands in a right-handed frame (y up, metres) and faces +z, so that his left is +x. Toes before the feet.
HALF = {"arm": (0.20, 1.42, 0.00), "shoulder_1": (0.18, 1.45, 0.00), "forearm": (0.25, 1.20, 0.10), "hand": (0.25, 1.50, 0.20),
        "upLeg": (0.10, 0.95, 0.00), "leg": (0.10, 0.50, 0.02), "foot": (0.10, 0.08, 0.00), "toes": (0.10, 0.02, 0.15)}
BODY = {"hips_joint": (0, 1, 0), "head_joint": (0, 1.7, 0.05), "spine_7_joint": (0, 1.4, 0)}
for part, (x, y, z) in HALF.items():
    BODY[f"left_{part}_joint"], BODY[f"right_{part}_joint"] = (x, y, z), (-x, y, z)
FPS, SECONDS = 60, 12


def smooth(u):
    u = np.clip(u, 0, 1)
    return u * u * (3 - 2 * u)


def stroke(t):
    """0.8 m forward in 0.15 s, and back within a second; once in two seconds."""
    phase = t % 2.0
    return 0.8 * (smooth((phase - 0.5) / 0.15) - smooth((phase - 0.8) / 1.0))


def write(path, yaw, racket):
    free = "left" if racket == "right" else "right"
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])  # a proper rotation about "up"
    with open(path, "w") as f:
        for k in range(FPS * SECONDS):
            t = k / FPS
            f.write(f"{t:.6f},body_position,0,1,0,0,1,0,0,0,0,0,0.01\n")
            for name, place in BODY.items():
                p = np.array(place, float)
                if name == f"{racket}_hand_joint":
                    p[2] += stroke(t)
                elif name == f"{free}_hand_joint":
                    p[2] -= 0.75 * stroke(t)  # pulled back while the racket goes forward
                p = turn @ p
                f.write(f"{t:.6f},{name}," + ",".join(f"{v:.6f}" for v in (*p, *p)) + ",0,0,0,0,0.01\n")


for yaw in (0, 90, 180, 250):
    write("walk_3d.csv", np.radians(yaw), "right")
    pose = load_pose("walk_3d.csv")
    toes = pose.mpoints[0, resolve_joint(pose, "left_toes")] - pose.mpoints[0, resolve_joint(pose, "left_foot")]
    toes[1] = 0
    cosine = float(body_forward_vector(pose, 0) @ toes / np.linalg.norm(toes))
    print(f"yaw {yaw}: cosine between the forward vector and the toes {cosine:.3f}")
    assert abs(cosine + 1) < 1e-3  # guess: +1
speed = np.array([forward_velocity(pose, k, "right_hand") for k in range(pose.T)])
print(f"racket hand: forward velocity from {speed.min():.1f} to {speed.max():.1f} m/s")
assert speed.min() < -7 and speed.max() < 1.5  # guess: the other way round
for racket, other in (("right", "left"), ("left", "right")):
    write("game_3d.csv", np.radians(30), racket)
    answer = json.loads(RacketHandDetectorTool().run({"path": "game_3d.csv"}, Path(".")))
    print(f"{racket}-hander:", {k: answer[k] for k in ("racket_hand", "confidence", "right_peak_count", "left_peak_count")})
    assert answer["racket_hand"] == other and answer["confidence"] == 1.0  # guess: racket
    assert answer[f"{racket}_peak_count"] == 0 and answer[f"{other}_peak_count"] == 6
PY
venv/bin/python see.py
echo "seen: forward points out of the back, and the free hand holds the racket"
