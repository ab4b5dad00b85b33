#!/usr/bin/env bash
# version: krajjat 1.99.24 with numpy 2.4.6, scipy 1.17.1, pandas 3.1.1, joblib 1.6.0 (Python 3.11)
# Behaviour: Sequence.concatenate(other) puts a second take of motion capture behind the first. Without the argument
#   delay the pause between the two is documented as one frame (1 over the sampling rate; the example goes 0, 0.1,
#   0.2, 0.3 ... at 10 Hz). The rate itself is taken for the seconds instead. The second take is not copied either:
#   its frames are moved too.
# Guess: two takes of three frames at 10 Hz give 0, 0.1, 0.2, 0.3, 0.4, 0.5, and both takes stay as they were.
# Seen: 0, 0.1, 0.2, 10.2, 10.3, 10.4; at 120 Hz the pause is two minutes. Resampled at 10 Hz the six frames become
#   105. The second take begins at 10.2 s afterwards, and the same call once more pauses for 20.2 s.
# Why it matters: at the usual rates of motion capture (100 to 300 Hz) minutes are put between the takes. Resampling,
#   which the uneven times ask for, fills them with a slow glide that nobody made, so that a mean speed or a share of
#   rest is mostly of that glide; the later take no longer matches its own sound file. Nothing is said.
# Instead: first.concatenate(second.copy(), delay=1 / first.get_sampling_rate()), checked below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check krajjat==1.99.24 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 \
    joblib==1.6.0
cat > see.py <<'PY'
import numpy as np
from krajjat.classes.joint import Joint
from krajjat.classes.pose import Pose
from krajjat.classes.sequence import Sequence


def take(name, rate, frames=3):
    sequence = Sequence(None, name=name, verbosity=0)
    for frame in range(frames):
        pose = Pose(frame / rate)
        pose.add_joint(Joint("HandRight", 0.1 * frame, 1.2, 2.0))
        sequence.add_pose(pose, verbosity=0)
    return sequence


def times(sequence):
    return np.array(sequence.get_timestamps(), float).round(4).tolist()


first, second = take("first", 10), take("second", 10)
both = first.concatenate(second)
print("10 Hz:", times(both), "documented: [0, 0.1, 0.2, 0.3, 0.4, 0.5]")
assert times(first) == [0, 0.1, 0.2]
assert times(both) == [0, 0.1, 0.2, 10.2, 10.3, 10.4]
print("the second take itself:", times(second))
assert times(second) == [10.2, 10.3, 10.4]
resampled = both.resample(10, method="linear", verbosity=0)
print("resampled at 10 Hz:", len(resampled.poses), "frames")
assert len(both.poses) == 6 and len(resampled.poses) == 105

again = first.concatenate(second)
print("the same call once more:", times(again))
assert times(again) == [0, 0.1, 0.2, 20.4, 20.5, 20.6]

fast = take("first", 120).concatenate(take("second", 120))
pause = times(fast)[3] - times(fast)[2]
print("120 Hz: a pause of", round(pause, 3), "s")
assert abs(pause - 120) < 0.001

first, second = take("first", 10), take("second", 10)
right = first.concatenate(second.copy(), delay=1 / first.get_sampling_rate())
print("with a delay and a copy:", times(right), times(second))
assert times(right) == [0, 0.1, 0.2, 0.3, 0.4, 0.5] and times(second) == [0, 0.1, 0.2]
PY
PYGAME_HIDE_SUPPORT_PROMPT=1 MPLBACKEND=agg venv/bin/python see.py
echo "as recorded"
