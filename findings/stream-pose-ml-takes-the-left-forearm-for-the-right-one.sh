#!/usr/bin/env bash
# version: stream-pose-ml 0.3.1 with numpy 2.4.6 (Python 3.11); only its pose and geometry classes are loaded, which need numpy
# Behaviour: a BlazePoseFrame gives OpenPose-like angles and distances. The vector that is stored as right_elbow_right_wrist is
#   made from the left elbow and the left wrist, so every angle named after the right forearm is the left one's, and there is
#   none of the right. The distance of a joint to a line is documented as that to its midpoint; the midpoint is computed as
#   (x1 + x2 / 2, y1 + y2 / 2, (z1 + z2) / 2) with the brackets in the wrong place for x and y, so distances change when the
#   person steps aside or the camera moves, and the middle of a person is not near him.
# Guess: the right forearm's angle follows the right wrist; distances do not depend on where in the picture somebody stands.
# Seen: raising the right hand changes nothing, raising the left hand changes the "right" angle from 0 to 180 degrees; the
#   distance of the middle of the hips to the middle of the trunk is 0.10, 0.25 and 0.40 for the same person on the left, in the
#   middle and on the right of the picture (0.15 is right).
# Why it matters: these numbers are the features of its exercise and balance classifiers: they learn where somebody stands, and
#   nothing of the right arm.
# Instead: compute both from frame.joints (Vector("right", joints["right_elbow"], joints["right_wrist"]) is right).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps stream-pose-ml==0.3.1
cat > see.py <<'PY'
import importlib.util
import pathlib
import sys
import types

# The package's own __init__ loads its video client (OpenCV, MediaPipe); the classes looked at here need none of it.
where = pathlib.Path(importlib.util.find_spec("stream_pose_ml").origin).parent
package = types.ModuleType("stream_pose_ml")
package.__path__ = [str(where)]
sys.modules["stream_pose_ml"] = package

from stream_pose_ml.blaze_pose.blaze_pose_frame import BlazePoseFrame  # noqa: E402
from stream_pose_ml.blaze_pose.enumerations import BlazePoseJoints  # noqa: E402

standing = {"nose": (0.50, 0.20), "left_shoulder": (0.55, 0.30), "right_shoulder": (0.45, 0.30), "left_elbow": (0.57, 0.45),
            "right_elbow": (0.43, 0.45), "left_wrist": (0.57, 0.60), "right_wrist": (0.43, 0.60), "left_hip": (0.53, 0.60),
            "right_hip": (0.47, 0.60)}


def frame(shift=0.0, **moved):
    places = {joint.name: (0.5 + shift, 0.9) for joint in BlazePoseJoints}
    for i, name in enumerate(places):  # no two joints at one place
        places[name] = (places[name][0] + 0.001 * i, 0.9 + 0.002 * i)
    places.update({name: (x + shift, y) for name, (x, y) in {**standing, **moved}.items()})
    joints = {name: {"x": x, "y": y, "z": 0.0, "x_normalized": x, "y_normalized": y, "z_normalized": 0.0}
              for name, (x, y) in places.items()}
    return BlazePoseFrame({"frame_number": 0, "image_dimensions": {"width": 1000, "height": 1000}, "sequence_id": 1,
                           "sequence_source": "own", "joint_positions": joints}, generate_angles=True, generate_distances=True)


def forearm(f):
    return round(float(f.angles["right_elbow_right_wrist_to_plumb_line"].angle_2d_degrees), 3)


hanging, right_up, left_up = frame(), frame(right_wrist=(0.43, 0.30)), frame(left_wrist=(0.57, 0.30))
print("angle of the right forearm: hanging", forearm(hanging), "right hand up", forearm(right_up), "left hand up", forearm(left_up))
assert forearm(hanging) == 0.0
assert forearm(right_up) == 0.0  # guess: 180
assert forearm(left_up) == 180.0  # guess: 0
assert not any(name.startswith("left_elbow_left_wrist") for name in hanging.angles)


def distance(f):
    return float(f.distances["mid_hip_to_plumb_line"].distance_2d)


found = {shift: round(distance(frame(shift)), 3) for shift in (-0.3, 0.0, 0.3)}
print("distance of the hips' middle to the middle of the trunk's line, person shifted by", found, "right would be 0.15")
assert found == {-0.3: 0.1, 0.0: 0.25, 0.3: 0.4}  # guess: 0.15 three times
PY
venv/bin/python see.py
echo "seen: the right forearm's angles are the left one's, and distances depend on the place in the picture"
