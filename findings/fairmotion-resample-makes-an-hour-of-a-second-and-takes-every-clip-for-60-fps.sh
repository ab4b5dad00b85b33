#!/usr/bin/env bash
# version: fairmotion 0.0.4 with numpy 2.4.6, scipy 1.17.1 (Python 3.11)
# Behaviour: ops.motion.resample walks on "while t < motion.fps * len(motion.poses)", a product where a quotient is meant, so
#   a clip of n frames at f fps is resampled over n * f seconds. What lies behind the end is the last pose, repeated. No
#   error, no warning. And a BVH file's rate is put into motion.fps only, while all times are computed from another field
#   that stays at 1 / 60 s: length() is that of a 60 fps clip whatever the file says.
# Guess: 60 frames at 60 fps, resampled to 60 fps, are the same 60 poses; 60 frames at 30 fps last 1.97 s.
# Seen: 216,000 poses, an hour; frames 0 to 59 are the movement and 215,940 are its last pose. The 30 fps clip is said to last
#   0.98 s, the 120 fps one too; resampling those two ends with an AssertionError about alpha.
# Why it matters: statistics, velocities and training samples of resampled clips are 99.97 % standing still; speeds from
#   length() are wrong by the ratio of the file's rate to 60.
# Instead: set motion.fps_inv = 1 / motion.fps after loading, and resample yourself with get_pose_by_time over
#   np.arange(0, motion.length(), 1 / fps).
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
from fairmotion.ops.motion import resample


def clip(frames, rate):
    """Hips that move one unit a frame along x; a lower arm that turns."""
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0",
             "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation",
             "JOINT Arm", "{", "OFFSET 0 40 0", "CHANNELS 3 Zrotation Xrotation Yrotation",
             "End Site", "{", "OFFSET 0 30 0", "}", "}", "}", "MOTION", f"Frames: {frames}", f"Frame Time: {1 / rate:.7f}"]
    lines += [f"{f} 90 0 0 0 0 {f} 0 0" for f in range(frames)]
    open("clip.bvh", "w").write("\n".join(lines) + "\n")
    return bvh.load("clip.bvh")


motion = clip(60, 60)
assert motion.fps == 60 and motion.num_frames() == 60 and np.isclose(motion.length(), 59 / 60)
again = resample(motion, 60)
x = np.array([pose.get_root_transform()[0, 3] for pose in again.poses])
print(f"60 frames at 60 fps -> {again.num_frames():,} poses at {again.fps} fps, {again.length() / 3600:.3f} h;",
      f"the hips move until pose {np.argmax(x == x[-1])}")
assert abs(again.num_frames() - 216_000) <= 1  # guess: 60
assert np.allclose(x[:60], np.arange(60), atol=1e-6) and (x[60:] == x[59]).all()

short = clip(10, 60)  # two frames asked for of each of the clip's, 1/6 s
assert abs(resample(short, 120).num_frames() - 10 * 60 * 120) <= 1  # guess: about 20

for rate in (30, 120):
    motion = clip(60, rate)
    print(f"60 frames at {motion.fps} fps: length() {motion.length():.3f} s, really {59 / rate:.3f} s")
    assert motion.fps == rate and np.isclose(motion.length(), 59 / 60)  # guess: 59 / rate
    try:
        resample(motion, 60)
        raise SystemExit("resampled without complaint")
    except AssertionError as error:
        print("resample:", error)
    motion.fps_inv = 1 / motion.fps  # what is to be done
    assert np.isclose(motion.length(), 59 / rate)
    half = motion.get_pose_by_time(10.5 / rate).get_root_transform()[0, 3]
    assert np.isclose(half, 10.5, atol=1e-3)
PY
venv/bin/python see.py
echo "seen: a second becomes an hour, and 30 and 120 fps are counted as 60"
