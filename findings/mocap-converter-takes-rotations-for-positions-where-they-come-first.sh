#!/usr/bin/env bash
# version: mocap-converter 0.0.1 with numpy 2.4.6, scipy 1.17.1 (Python 3.11)
# Behaviour: a BVH joint says in its CHANNELS line in which order its numbers stand in each frame. This reader sorts the
#   channels of every joint, positions first, and then hands out the numbers of the frame in the sorted order. A file whose
#   hips list their rotations before their positions is read without a word, with the angles as the place of the person and
#   the place as the angles. The channels of the limbs that follow are right, so that nothing looks broken in a table.
# Guess: the numbers go to the channels in the order that the file gives; both files below are the same person.
# Seen: hips at (0, 30, 45) instead of (10, 80, -20), turned by 80 degrees about x instead of by 30; written back, it stays so.
# Why it matters: the order is free in BVH, and files with rotations first exist; a person converted this way stands at the
#   wrong place, turns with every step, and the error is of the size of a usual pose (centimetres and degrees are alike).
# Instead: put positions first before reading (swap both the CHANNELS line and the columns), or read with bvhio or pybvh.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mocap-converter==0.0.1 numpy==2.4.6 scipy==1.17.1
cat > see.py <<'PY'
import numpy as np
from mocap_converter.io.bvh.loader import load_bvh
from mocap_converter.io.bvh.saver import save_bvh
from scipy.spatial.transform import Rotation

place = {"Xposition": 10.0, "Yposition": 80.0, "Zposition": -20.0}
angles = {"Zrotation": 0.0, "Xrotation": 30.0, "Yrotation": 45.0}
knee = {"Zrotation": 0.0, "Xrotation": 60.0, "Yrotation": 0.0}


def write(path, hips):
    """The same person, whatever the order of the hips' channels (`hips`: names in order)."""
    numbers = {**place, **angles}
    row = " ".join(str(v) for v in [numbers[c] for c in hips] + list(knee.values()))
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0", "CHANNELS 6 " + " ".join(hips),
             "JOINT Knee", "{", "OFFSET 0 -40 0", "CHANNELS 3 " + " ".join(knee),
             "End Site", "{", "OFFSET 0 -40 0", "}", "}", "}",
             "MOTION", "Frames: 2", "Frame Time: 0.04", row, row]
    open(path, "w").write("\n".join(lines) + "\n")


def turn(motion, joint):
    return Rotation.from_quat(motion.rotations[joint][0]).as_euler("ZXY", degrees=True).round(6)


write("first.bvh", list(place) + list(angles))  # positions first
write("last.bvh", list(angles) + list(place))  # rotations first
found = {name: load_bvh(name + ".bvh") for name in ("first", "last")}
for name, motion in found.items():
    print(f"positions {name:5s}: hips at {motion.positions['Hips'][0]}, turned ZXY {turn(motion, 'Hips')},",
          f"knee {turn(motion, 'Knee')}")

first, last = found["first"], found["last"]
assert np.allclose(first.positions["Hips"][0], [10, 80, -20])
assert np.allclose(turn(first, "Hips"), [0, 30, 45])
assert np.allclose(turn(first, "Knee"), [0, 60, 0]) and np.allclose(turn(last, "Knee"), [0, 60, 0])
assert np.allclose(last.positions["Hips"][0], [0, 30, 45])  # the angles
apart = Rotation.from_quat(first.rotations["Hips"][0]).inv() * Rotation.from_quat(last.rotations["Hips"][0])
print(f"the hips' two turns lie {np.degrees(apart.magnitude()):.0f} degrees apart")
assert np.degrees(apart.magnitude()) > 60
save_bvh(last, "again.bvh")
again = load_bvh("again.bvh")
assert np.allclose(again.positions["Hips"][0], [0, 30, 45])
PY
venv/bin/python see.py
echo "seen: rotations written before positions are read as positions"
