#!/usr/bin/env bash
# version: bvhsdk 0.2.1, numpy 2.4.6, matplotlib 3.11.2
# Behaviour: bvhsdk reads, edits and writes BVH. The documentation of Animation.downSample(target_fps) names 120 to 30
#   fps as its use. It works out how many frames are too many, divides the number of frames by that, ROUNDS the
#   quotient to n, and removes every n-th frame from the second one on. Where three quarters of the frames are to go,
#   4/3 is rounded to 1, and every frame but the first is removed.
# Guess: 120 to 30 fps keeps every fourth frame; the person walks as fast as before.
# Seen: 120 to 30 fps, the example of the documentation, leaves 1 frame of 480 (as do 240 to 60, 120 to 24 and 100 to
#   25), and returns True. 60 to 25 fps keeps every second frame and writes 25 fps: 4 s last 4.8 s, and a walk of 1 m/s
#   becomes one of 0.83. 100 to 60 keeps every second frame and writes 60 fps: 1 m/s becomes 1.2. Right are 120 to 60,
#   60 to 50 and the like, where the quotient is a whole number. The rate printed and written is always the one asked.
# Why it matters: a loop over a data set says "downsampled to 30 fps" for each file. From 120 to 30 one sees that the
#   clips are gone; from 60 to 25 or 100 to 60 speeds, durations and step frequencies are wrong by a fifth unseen.
# Instead: keep the frames by index, rotation[::4] and translation[::4] of each joint, and set frames and frametime
#   (checked below); for quotients that are not whole, interpolate.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check bvhsdk==0.2.1 numpy==2.4.6 matplotlib==3.11.2
cat > see.py <<'PY'
import contextlib
import io

import bvhsdk
import numpy as np

SECONDS = 4


def walk(fps):
    """A hip with one leg that goes 1 m (100 units) per second along x."""
    rotations = "Zrotation Xrotation Yrotation"
    text = f"""HIERARCHY
ROOT Hips
{{
\tOFFSET 0.0 0.0 0.0
\tCHANNELS 6 Xposition Yposition Zposition {rotations}
\tJOINT Leg
\t{{
\t\tOFFSET 0.0 -10.0 0.0
\t\tCHANNELS 3 {rotations}
\t\tEnd Site
\t\t{{
\t\t\tOFFSET 0.0 -80.0 0.0
\t\t}}
\t}}
}}
MOTION
Frames: {fps * SECONDS}
Frame Time: {1 / fps:.8f}
"""
    for frame in range(fps * SECONDS):
        text += f"{100 * frame / fps:.6f} 90 0 0 0 0 0 {20 * np.sin(2 * np.pi * frame / fps):.6f} 0\n"
    with open("walk.bvh", "w") as file:
        file.write(text)
    with contextlib.redirect_stdout(io.StringIO()):
        return bvhsdk.ReadFile("walk.bvh")


def speed(animation):
    """Metres per second, by what the animation itself says."""
    x = np.array([animation.root.getPosition(frame)[0] for frame in range(animation.frames)])
    return float((x[-1] - x[0]) / 100 / ((len(x) - 1) * animation.frametime)) if len(x) > 1 else None


expected = {  # from, to: frames, speed
    (120, 30): (1, None),
    (240, 60): (1, None),
    (120, 24): (1, None),
    (100, 25): (1, None),
    (60, 25): (120, 0.833),
    (100, 60): (200, 1.2),
    (120, 60): (240, 1.0),
    (60, 50): (200, 1.0),
}
for (before, after), (frames, metres) in expected.items():
    animation = walk(before)
    assert animation.frames == before * SECONDS and abs(speed(animation) - 1) < 1e-3
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        answer = animation.downSample(after)
    got = speed(animation)
    print(f"{before} to {after}: {animation.frames} frames, should be {after * SECONDS};", end=" ")
    print("speed", None if got is None else round(got, 3), "m/s, true 1.0; says:", said.getvalue().strip())
    assert answer is True and abs(animation.frametime - 1 / after) < 1e-12
    assert animation.frames == frames
    assert (got is None) == (metres is None)
    assert metres is None or abs(got - metres) < 2e-3

# what to do instead, for a whole quotient
animation = walk(120)
leg = animation.getJoint("Leg").rotation[:, 0].copy()
for joint in animation.getlistofjoints():
    joint.rotation, joint.translation = joint.rotation[::4], joint.translation[::4]
animation.frames, animation.frametime = len(animation.root.rotation), animation.frametime * 4
assert animation.frames == 30 * SECONDS and abs(speed(animation) - 1) < 1e-3
assert np.array_equal(animation.getJoint("Leg").rotation[:, 0], leg[::4])
PY
venv/bin/python -W ignore see.py
echo "as recorded"
