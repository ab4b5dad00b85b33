#!/usr/bin/env bash
# version: bvhtoolbox 0.1.3, numpy 2.4.6, transforms3d 0.4.2
# Behaviour: bvh2csv of bvhtoolbox writes the places of all joints of a BVH file into a table. Its option --scale is
#   documented for changing between centimetres and metres. write_joint_positions multiplies the place of each joint by
#   the scale and starts from this scaled place for the child, which is then scaled again: the offset of the hips is
#   multiplied once for the hips, twice for the thigh, three times for the knee, and so on.
# Guess: every number is that of the unscaled table, multiplied by the scale.
# Seen: without the option the table agrees with forward kinematics. A man's hips are at (1, 0.92, 3) m. With --scale
#   0.01 they are there, but his thigh begins at (0.11, 0.0092, 0.03) and his foot is at (0, -0.42, 0.08), 3.4 m away
#   from where it should be: every joint hangs near the origin of the room. With --scale 1.1, for a taller
#   man, the thigh is 70 cm long in place of 49.5 and the lower leg 65 in place of 46, and the more so the further he
#   stands from the origin. Nothing is said.
# Why it matters: the option is there to turn the centimetres of motion capture into metres, and every place but that of
#   the root is then wrong: lengths of bones change while the person walks about, and a foot is 42 cm below the floor.
# Instead: write the table without --scale and multiply all columns but the time (checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps bvhtoolbox==0.1.3 numpy==2.4.6 transforms3d==0.4.2
cat > see.py <<'PY'
import csv
import subprocess
import sys

import numpy as np

# name, offset in centimetres, bend about x in degrees
CHAIN = [("Hips", (0, 0, 0), 0), ("UpLeg", (10, 0, 0), -30), ("Leg", (0, -45, 0), 20), ("Foot", (0, -42, 0), 0)]
ROOT = np.array([100.0, 92.0, 300.0])


def write(path):
    lines = ["HIERARCHY"]
    for depth, (name, offset, _) in enumerate(CHAIN):
        tab = "\t" * depth
        lines += [f"{tab}{'JOINT' if depth else 'ROOT'} {name}", tab + "{"]
        lines.append(f"{tab}\tOFFSET " + " ".join(f"{v:.4f}" for v in offset))
        position = "" if depth else "Xposition Yposition Zposition "
        lines.append(f"{tab}\tCHANNELS {3 if depth else 6} {position}Zrotation Xrotation Yrotation")
    tab = "\t" * len(CHAIN)
    lines += [tab + "End Site", tab + "{", tab + "\tOFFSET 0.0 -5.0 15.0", tab + "}"]
    lines += ["\t" * depth + "}" for depth in reversed(range(len(CHAIN)))]
    row = [*ROOT] + [v for _, _, bend in CHAIN for v in (0, bend, 0)]
    lines += ["MOTION", "Frames: 2", "Frame Time: 0.033333"] + [" ".join(f"{v:.4f}" for v in row)] * 2
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def truth():
    """The places in centimetres, by multiplying the turns about x down the leg."""
    place, turn, places = ROOT - CHAIN[0][1], np.eye(3), {}
    for name, offset, bend in CHAIN:
        place = place + turn @ np.array(offset, float)
        places[name] = place
        c, s = np.cos(np.radians(bend)), np.sin(np.radians(bend))
        turn = turn @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return places


def table(*options):
    # the command ends with 1 even if all is well
    command = [sys.executable.replace("python", "bvh2csv"), "--position", *options, "leg.bvh"]
    subprocess.run(command, capture_output=True)
    with open("leg_pos.csv") as file:
        rows = list(csv.reader(file))
    columns = [(i, name[:-2]) for i, name in enumerate(rows[0]) if name.endswith(".x")]
    return {name: np.array([float(v) for v in rows[1][i : i + 3]]) for i, name in columns}


write("leg.bvh")
true = truth()
plain = table()
assert all(np.allclose(plain[name], true[name], atol=1e-4) for name in true)  # without the option all is right

metres = table("--scale", "0.01")
for name in true:
    print(f"{name:6s} true", (true[name] / 100).round(3).tolist(), "--scale 0.01:", metres[name].round(3).tolist())
assert np.allclose(metres["Hips"], true["Hips"] / 100, atol=1e-5)
assert np.allclose(metres["UpLeg"], [0.11, 0.0092, 0.03], atol=1e-5)  # should be 1.1, 0.92, 3.0
assert np.allclose(metres["Foot"], [0.0, -0.41752, 0.07519], atol=1e-4)  # should be 1.1, 0.117, 3.298
assert 3.4 < np.linalg.norm(metres["Foot"] - true["Foot"] / 100) < 3.5

taller = table("--scale", "1.1")
thigh = np.linalg.norm(taller["Leg"] - taller["UpLeg"])
shank = np.linalg.norm(taller["Foot"] - taller["Leg"])
print(f"--scale 1.1: thigh {thigh:.1f} cm, should be {45 * 1.1:.1f}; shank {shank:.1f} cm, should be {42 * 1.1:.1f}")
assert abs(thigh - 70.1) < 0.2 and abs(shank - 64.5) < 0.2

# each place is a sum of the steps from joint to joint, and each step is scaled once more with every joint below it
rule, names = {}, [name for name, _, _ in CHAIN]
for scale, got in ((0.01, metres), (1.1, taller)):
    for depth, name in enumerate(names):
        steps = [true[names[i]] - (true[names[i - 1]] if i else 0) for i in range(depth + 1)]
        expected = sum(step * scale ** (depth - i + 1) for i, step in enumerate(steps))
        assert np.allclose(got[name], expected, atol=1e-4), (name, got[name], expected)

# what to do instead
assert all(np.allclose(plain[name] * 0.01, true[name] / 100, atol=1e-5) for name in true)
PY
venv/bin/python -W ignore see.py
echo "as recorded"
