#!/usr/bin/env bash
# version: sign-language-tools 1.0.0 with numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1 (Python 3.11)
# Behaviour: InterpolateMissing is documented to fill missing landmarks (NaN) from observed ones. It looks at whole frames: only
#   a frame in which EVERY landmark is NaN counts as missing. When the nose is seen and a hand is hidden, the gap is not filled,
#   and the first frame after the gap, where the hand was seen, becomes NaN too, because the linear interpolation at a frame
#   multiplies the frame before it by zero, and zero times NaN is NaN. Resample and TemporalScale share the function, so
#   resampling a clip to its own length, which should change nothing, widens every gap by one frame each time.
# Guess: a hand hidden in frames 3 and 4 gets values between those of frames 2 and 5; what was seen stays.
# Seen: x = 0 .1 .2 nan nan .5 .6 becomes 0 .1 .2 nan nan nan .6; five resamplings to the same length lose five frames; if the
#   nose is hidden in the same frames as well, everything is filled.
# Why it matters: MediaPipe's hands vanish alone, many times in a clip, while the body stays; the step that should close these
#   gaps makes them longer, and a hand that is seen in every second frame only disappears altogether.
# Instead: interpolate each landmark on its own (np.interp over the frames where that landmark is seen).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 matplotlib==3.11.2 plotly==7.1.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps sign-language-tools==1.0.0  # without its video players
cat > see.py <<'PY'
import numpy as np
from sign_language_tools.pose.transforms import InterpolateMissing, Resample

frames = 9
clip = np.zeros((frames, 2, 2))
clip[:, 0] = [0.5, 0.2]  # the nose
clip[:, 1, 0] = 0.1 * np.arange(frames)  # the hand moves evenly to the right
clip[:, 1, 1] = 0.6


def hidden(*where, nose=False):
    found = clip.copy()
    found[list(where), 0 if nose else 1:] = np.nan
    return found


def missing(poses):
    return np.flatnonzero(np.isnan(poses[:, 1, 0])).tolist()


gap = hidden(3, 4)
filled = InterpolateMissing()(gap.copy())
print("hand, given  ", gap[:, 1, 0])
print("hand, filled ", filled[:, 1, 0])
assert missing(gap) == [3, 4]
assert missing(filled) == [3, 4, 5]  # guess: []

both = InterpolateMissing()(hidden(3, 4, nose=True))
print("nose hidden too", both[:, 1, 0])
assert np.allclose(both, clip)

again = gap.copy()
for _ in range(5):
    again = Resample(frames)(again)
print("five resamplings to the same 9 frames:", again[:, 1, 0])
assert missing(again) == [3, 4, 5, 6, 7, 8]  # guess: [3, 4]

second = InterpolateMissing()(hidden(1, 3, 5, 7))
print("seen in every second frame:", second[:, 1, 0])
assert np.isnan(second[:, 1]).all()  # guess: no NaN
PY
venv/bin/python see.py
echo "seen: the gap of a hidden hand stays open and grows by one frame"
