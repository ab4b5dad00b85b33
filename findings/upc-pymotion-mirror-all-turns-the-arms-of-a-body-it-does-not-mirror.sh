#!/usr/bin/env bash
# version: upc-pymotion 0.3.4 (imported as pymotion), numpy 2.4.6
# Behaviour: BVH.mirror(mode="all") mirrors a recording about an axis; for this mode skeleton.mirror says "a perfect
#   mirror", with the bones mirrored too, and returns the mirrored offsets. BVH.mirror receives those offsets and end
#   sites and drops them: it stores the mirrored rotations only. The rotations of the mirrored body now turn the bones
#   of the old one.
# Guess: every joint is where a mirror would show it: the same height, the other side.
# Seen: a man lifts his left hand (183 cm high). After mirror("all") that hand hangs at 97 cm, on the left as before,
#   and no hand is up; saved and loaded again it is the same. skeleton.mirror itself, with the offsets it returns, is
#   right. Besides: skeleton.mirror(mode="symmetry") mirrors the caller's path in place, the other two modes work on a
#   copy.
# Why it matters: mirroring is the common way to double motion data. The second half of the data holds poses that
#   nobody took, each plausible by itself, and nothing is raised. The path changed in place leaves the first half with
#   left and right of the way exchanged but not of the body.
# Instead: mode="symmetry" (the default) for a symmetric skeleton, or skeleton.mirror(mode="all") and setting
#   data["offsets"], data["end_sites"] and the positions by hand; give skeleton.mirror a copy of the path.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check upc-pymotion==0.3.4 numpy==2.4.6
cat > see.py <<'PY'
import numpy as np
import pymotion.ops.skeleton_np as skeleton
from pymotion.io.bvh import BVH


def joint(name, offset, inner, kind="JOINT"):
    place = "Xposition Yposition Zposition " if kind == "ROOT" else ""
    count = 6 if kind == "ROOT" else 3
    return (
        f"{kind} {name}\n{{\nOFFSET {offset}\nCHANNELS {count} {place}Zrotation Xrotation Yrotation\n{inner}}}\n"
    )


def arm(side, x):
    end = f"End Site\n{{\nOFFSET {10 * x} 0 0\n}}\n"
    return joint(f"{side}Arm", f"{18 * x} 30 0", joint(f"{side}Hand", f"{50 * x} 0 0", end))


body = joint("Hips", "0 0 0", joint("Spine", "0 20 0", arm("Left", 1) + arm("Right", -1)), "ROOT")
# hips at (30, 90, 0), everything at rest but the left arm, lifted by 60 degrees about z
frame = "30 90 0 0 0 0 0 0 0 60 0 0 0 0 0 0 0 0 0 0 0\n"
with open("lift.bvh", "w") as file:
    file.write("HIERARCHY\n" + body + "MOTION\nFrames: 2\nFrame Time: 0.033333\n" + 2 * frame)


def read(path="lift.bvh"):
    motion = BVH()
    motion.load(path)
    return motion


def places(motion):
    turns, positions, parents, offsets, _, _ = motion.get_data()
    world, _ = skeleton.fk(turns, positions[:, 0], offsets, parents)
    return {str(name): world[0, k] for k, name in enumerate(motion.data["names"])}


def show(title, found):
    print(f"{title:34s}", {name: np.round(found[name]).tolist() for name in ("LeftHand", "RightHand")})


def near(found, wanted):
    assert np.allclose(found, wanted, atol=0.1), (found, wanted)


true = places(read())
show("recorded", true)
near(true["LeftHand"], (73, 183.3, 0))
near(true["RightHand"], (-38, 140, 0))

whole = read()
whole.mirror(mode="all")
seen = places(whole)
show('mirror(mode="all")', seen)
near(seen["LeftHand"], (13, 96.7, 0))  # a mirror shows this joint at (-73, 183.3, 0)
near(seen["RightHand"], (-98, 140, 0))  # and this one at (38, 140, 0)
whole.save("mirrored.bvh")
near(places(read("mirrored.bvh"))["LeftHand"], (13, 96.7, 0))

motion = read()
turns, positions, parents, offsets, ends, _ = motion.get_data()
new_turns, new_path, new_offsets, _ = skeleton.mirror(turns, positions[:, 0], parents, offsets, ends, mode="all")
world, _ = skeleton.fk(new_turns, new_path, new_offsets, parents)
right = dict(zip(map(str, motion.data["names"]), world[0]))
show("skeleton.mirror with its offsets", right)
for name in true:
    near(right[name], true[name] * (-1, 1, 1))

default = read()
default.mirror()
exchanged = places(default)
show('mirror(), that is "symmetry"', exchanged)
near(exchanged["RightHand"], true["LeftHand"] * (-1, 1, 1))
near(exchanged["LeftHand"], true["RightHand"] * (-1, 1, 1))

for mode, changed in (("all", False), ("positions", False), ("symmetry", True)):
    path = positions[:, 0].copy()
    skeleton.mirror(turns.copy(), path, parents, offsets, ends, np.array([0, 1, 4, 5, 2, 3]), mode)
    print(f"skeleton.mirror, {mode:10s} the caller's path begins at", path[0].tolist())
    assert path[0].tolist() == ([-30, 90, 0] if changed else [30, 90, 0])
PY
venv/bin/python see.py
echo "as recorded"
