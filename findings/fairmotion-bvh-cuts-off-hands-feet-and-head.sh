#!/usr/bin/env bash
# version: fairmotion 0.0.4 with numpy 2.4.6, scipy 1.17.1 (Python 3.11)
# Behaviour: data.bvh.load throws the End Sites of a BVH file away (they become nobody's child), and data.bvh.save writes an
#   End Site with the offset 0 0 0 under each last joint. A file that is only read and written again keeps all its joints
#   and angles, but the tips of the head, the hands and the toes now lie in the neck, the wrists and the ankles.
# Guess: reading and writing gives the same skeleton, with the tips where they were.
# Seen: a foot of 18.9 units and a head of 21 units have the length 0 in the file written; the height of the standing person,
#   from toe to crown, falls from 200 to 171.
# Why it matters: the sites are the only keypoints for toes, fingertips and the crown in most BVH files; foot contact,
#   body height and retargeting are computed from them, and renderers draw people without hands, feet and head.
# Instead: turn the End Sites into joints of their own before loading, or read and write with bvhio or pybvh.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --no-compile --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1
venv/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps fairmotion==0.0.4
cat > see.py <<'PY'
import numpy as np
from fairmotion.data import bvh

ROTATIONS = "CHANNELS 3 Zrotation Xrotation Yrotation"
text = f"""HIERARCHY
ROOT Hips
{{
OFFSET 0 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT Neck
{{
OFFSET 0 81 0
{ROTATIONS}
End Site
{{
OFFSET 0 21 0
}}
}}
JOINT Ankle
{{
OFFSET 0 -90 0
{ROTATIONS}
End Site
{{
OFFSET 0 -8 17.1
}}
}}
}}
MOTION
Frames: 2
Frame Time: 0.0166667
0 98 0 0 0 0 0 0 0 0 0 0
5 98 0 0 10 0 0 0 20 0 30 0
"""


def tips(path):
    """Offsets of the End Sites, in the order of the file (plain text, no library)."""
    words = open(path).read().split()
    return [[float(v) for v in words[k + 4:k + 7]] for k in range(len(words)) if words[k:k + 2] == ["End", "Site"]]


def height(path):
    """From the lowest to the highest point of the first frame, in which nothing is turned."""
    words, place, stack, ys = open(path).read().split(), 0.0, [], []
    for k, word in enumerate(words):
        if word == "{":
            stack.append(place)
        elif word == "}":
            place = stack.pop()
        elif word == "OFFSET":
            place = stack[-1] + float(words[k + 2])
            ys.append(place)
    return max(ys) - min(ys)


open("person.bvh", "w").write(text)
first = bvh.load("person.bvh")
bvh.save(first, "again.bvh")
again = bvh.load("again.bvh")
assert [j.name for j in again.skel.joints] == [j.name for j in first.skel.joints] == ["Hips", "Neck", "Ankle"]
assert np.allclose(again.positions(local=False), first.positions(local=False), atol=1e-4)  # the joints are right
assert np.allclose(again.rotations(local=False), first.rotations(local=False), atol=1e-4)
for path in ("person.bvh", "again.bvh"):
    print(path, "End Sites", tips(path), f"height {height(path):g}")
assert tips("person.bvh") == [[0, 21, 0], [0, -8, 17.1]]
assert tips("again.bvh") == [[0, 0, 0], [0, 0, 0]]  # guess: as they were
assert height("person.bvh") == 200 and height("again.bvh") == 171
assert not any(len(j.child_joints) for j in first.skel.joints if j.name != "Hips")  # nor are they in memory
PY
venv/bin/python see.py
echo "seen: the tips of head and foot are written at the last joint"
