#!/usr/bin/env bash
# version: mcp-persor 1.0.6 with numpy 2.4.6, pandas 2.3.3 and scipy 1.17.1 for the check (Python 3.11)
# Behaviour: get_joint_motion_df(joint, mode="absolute") of this BVH reader adds the joint's columns to those of all
#   its ancestors, each channel by itself: offsets are not turned by the rotations above them, and Euler angles of
#   different joints are added up like numbers. set_initial_position and set_initial_rotation measure from
#   "get_initial_position" and "get_initial_rotation", which take frame 100 and frame 1 where nothing else is asked
#   for, and the set_ functions ask for nothing else.
# Guess: "absolute" gives where the joint is and how it is turned in the room; after set_initial_position([0, 90, 0])
#   the first frame's root is at (0, 90, 0).
# Seen: of somebody who stands with the arms out to the sides and turns on the spot by a quarter, the absolute place
#   of the hand does not move at all and ends 88 centimetres from where the hand is; its way is 0 instead of 97
#   centimetres. A trunk turned about y, an upper arm about z and a forearm about x, each by 90 degrees, give the
#   forearm the absolute angles (90, 90, 90), 120 degrees from its true rotation. Of a walk of 2 metres in 200 frames,
#   set_initial_position puts frame 100 at the start; the first frame is one metre behind it.
# Why it matters: files of small capture suits have six channels at every joint, so the sums look like a full pose,
#   and at rest they are right; speeds and distances of hands come out too small or zero, and clips that are joined by
#   their initial position jump.
# Instead: multiply the joints' matrices from the root on (place, then the rotations in the order of the channels); to
#   move a clip, subtract the first row of its root's columns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps mcp-persor==1.0.6
cat > see.py <<'PY'
import numpy as np
from mcp_persor import BVHparser
from scipy.spatial.transform import Rotation

PLACE, TURN = ["Xposition", "Yposition", "Zposition"], ["Zrotation", "Xrotation", "Yrotation"]
# name, place in its parent in centimetres; each joint has six channels, as the suits' files have
CHAIN = [("root", (0.0, 90.0, 0.0)), ("torso", (0.0, 50.0, 0.0)), ("l_up_arm", (15.0, 0.0, 0.0)),
         ("l_low_arm", (25.0, 0.0, 0.0)), ("l_hand", (22.0, 0.0, 0.0))]


def write(name, frames):
    """frames: for each frame, the joints that are not at rest, as {joint: (place, (z, x, y))}."""
    lines = ["HIERARCHY"]
    for i, (joint, place) in enumerate(CHAIN):
        lines += [f"{'ROOT' if i == 0 else 'JOINT'} {joint}", "{", "OFFSET " + " ".join(map(str, place)),
                  "CHANNELS 6 " + " ".join(PLACE + TURN)]
    lines += ["End Site", "{", "OFFSET 8 0 0", "}"] + ["}"] * len(CHAIN)
    lines += ["MOTION", f"Frames: {len(frames)}", "Frame Time: 0.02"]
    for moved in frames:
        values = []
        for joint, place in CHAIN:
            at, turn = moved.get(joint, (None, (0.0, 0.0, 0.0)))
            values += [*(place if at is None else at), *turn]
        lines.append(" ".join(f"{value:.6f}" for value in values))
    with open(name, "w") as f:
        f.write("\n".join(lines) + "\n")
    return BVHparser(name)


def true_pose(moved, joint):
    """Place and rotation in the room: the matrices from the root on, nothing of the package."""
    at, turned = np.zeros(3), Rotation.identity()
    for name, place in CHAIN:
        own, turn = moved.get(name, (None, (0.0, 0.0, 0.0)))
        at = at + turned.apply(place if own is None else own)
        turned = turned * Rotation.from_euler("ZXY", turn, degrees=True)
        if name == joint:
            return at, turned
    raise KeyError(joint)


def absolute(parser, joint):
    df = parser.get_joint_motion_df(joint, mode="absolute")
    return df[PLACE].to_numpy(), df[TURN].to_numpy()


# arms out, turning on the spot about the vertical
spin = [{"root": (None, (0.0, 0.0, angle))} for angle in np.linspace(0.0, 90.0, 10)]
places, _ = absolute(write("spin.bvh", spin), "l_hand")
right = np.array([true_pose(moved, "l_hand")[0] for moved in spin])
off = np.linalg.norm(places - right, axis=1)
print("hand while turning: absolute", places[0], "to", places[-1], "truly", right[0].round(3), "to", right[-1].round(3))
print(f"way of the hand: {np.linalg.norm(np.diff(places, axis=0), axis=1).sum():.1f} cm, truly "
      f"{np.linalg.norm(np.diff(right, axis=0), axis=1).sum():.1f} cm; last frame {off[-1]:.1f} cm off")
assert off[0] < 1e-4 and abs(right[-1] - [0.0, 140.0, -62.0]).max() < 1e-4
assert abs(places - [62.0, 140.0, 0.0]).max() < 1e-4  # guess: a quarter of a circle
assert abs(off[-1] - 62.0 * 2**0.5) < 1e-3

# trunk turned about y, upper arm about z, forearm about x
turns = {"torso": (0.0, 0.0, 90.0), "l_up_arm": (90.0, 0.0, 0.0), "l_low_arm": (0.0, 90.0, 0.0)}
bent = [{}, {joint: (None, turn) for joint, turn in turns.items()}]
_, angles = absolute(write("bent.bvh", bent), "l_low_arm")
wrong = Rotation.from_euler("ZXY", angles[1], degrees=True)
turned = true_pose(bent[1], "l_low_arm")[1]
apart = float(np.degrees((wrong.inv() * turned).magnitude()))
print("absolute angles of the bent arm", angles[1], "true ones", turned.as_euler("ZXY", degrees=True).round(2),
      f"the two rotations are {apart:.1f} degrees apart")
assert abs(angles[1] - 90.0).max() < 1e-6
assert apart > 60.0  # guess: 0

# a walk of 200 frames, one centimetre a frame
walk = [{"root": ((0.0, 90.0, float(i)), (0.0, 0.0, 0.0))} for i in range(200)]
parser = write("walk.bvh", walk)
parser.set_initial_position([0, 90, 0])
z = parser.get_joint_motion_df("root")["Zposition"].to_numpy()
print("walk put to the start: z of frame 0", z[0], "of frame 100", z[100])
assert z[0] == -100.0  # guess: 0
assert z[100] == 0.0
PY
OMP_NUM_THREADS=1 venv/bin/python see.py
echo "seen: places and angles of joints are added up without turning, and the initial place is that of frame 100"
echo "as recorded"
