#!/usr/bin/env bash
# version: torch-skeleton 0.1.2 with numpy 2.4.6, scipy 1.17.1, einops 0.8.2 (Python 3.11)
# Behaviour: transforms.SampleFrames(64) is described as "Uniformly sample frames from sequence". It cuts the clip into 64
#   pieces of len // 64 frames and takes a frame of each; what is left over is not spread but becomes one random shift of
#   the start. A clip of 127 frames has pieces of ONE frame: the result is 64 neighbouring frames, and 63 frames before or
#   after them are never seen. At 128 frames the same call covers the whole clip, at 191 again only two thirds of it.
# Guess: the frames chosen are spread over the whole clip whatever its length, with the first in the first few frames and
#   the last in the last few.
# Seen (span from the first to the last chosen frame, share of the clip): 127 frames 50 %, 128 frames 97 to 100 %,
#   191 frames 66 to 67 %; a hand that is up in 30 % of the clip is never up in some samples, and in 56 % of others.
# Why it matters: clips of 65 to 127 frames are the usual length of an action at 30 fps; a classifier gets the beginning of
#   one throw and the end of another, at full speed, but longer clips whole and faster, by their length modulo 64.
# Instead: np.linspace(0, n - 1, 64).round().astype(int), or one random frame of each np.array_split piece.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 einops==0.8.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps torch-skeleton==0.1.2
cat > see.py <<'PY'
import importlib.util
import sys
import types

import numpy as np

# the transforms need NumPy, SciPy and einops only; the package's first file would load the downloaders of its data sets too
package = types.ModuleType("torch_skeleton")
package.__path__ = list(importlib.util.find_spec("torch_skeleton").submodule_search_locations)
sys.modules["torch_skeleton"] = package
from torch_skeleton.transforms import SampleFrames  # noqa: E402


def chosen(frames, seed):
    """Numbers of the frames that SampleFrames(64) takes of one body with 25 joints."""
    clip = np.zeros((1, frames, 25, 3)) + np.arange(frames)[None, :, None, None]
    np.random.seed(seed)
    return SampleFrames(64)(clip)[0, :, 0, 0].astype(int)


def shares(frames):
    spans = [np.ptp(chosen(frames, seed)) / (frames - 1) for seed in range(50)]
    print(f"{frames:4d} frames: the samples span {min(spans):.0%} to {max(spans):.0%} of the clip")
    return min(spans), max(spans)


assert shares(127) == (0.5, 0.5)  # guess: nearly 1
assert shares(128)[0] > 0.95
assert max(shares(191)) < 0.68
assert shares(192)[0] > 0.95
for seed in range(50):
    assert (np.diff(chosen(127, seed)) == 1).all()  # neighbours, nothing left out between them
    assert (np.diff(chosen(80, seed)) == 1).all()

# a hand goes up in the last third of the clip and stays there
up = np.arange(127) >= 90
seen = [up[chosen(127, seed)].mean() for seed in range(50)]
whole = up[np.linspace(0, 126, 64).round().astype(int)].mean()
print(f"share of frames with the hand up: {min(seen):.2f} to {max(seen):.2f} by the seed, evenly sampled {whole:.2f}")
assert min(seen) == 0.0 and max(seen) > 1.7 * whole
PY
venv/bin/python see.py
echo "seen: the sampled frames of a clip of 127 frames are 64 neighbours"
