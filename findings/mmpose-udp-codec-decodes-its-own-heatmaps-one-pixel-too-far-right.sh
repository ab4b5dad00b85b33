#!/usr/bin/env bash
# Measured at version: mmpose 1.3.2 (the files of its wheel; numpy 2.4.6, opencv-python-headless 5.0.0.93).
# Behaviour: UDPHeatmap.encode divides keypoints by (input size - 1) / (heatmap size - 1), but decode multiplies by
# input size / (heatmap size - 1). What it decodes from its own perfect heatmaps is stretched by W / (W - 1): right at
# the left and upper edge, half a pixel off in the middle, a whole pixel at the right and lower edge.
# Guess: decode is the inverse of encode, as for MSRAHeatmap of the same package, since decode's docstring says that
# "the decoded keypoint coordinates are in the input image space"; UDP's point is that nothing is off by such a part.
# Seen: at x = 40, 90, 150 of a crop of 192 decoded minus encoded is 0.209, 0.471, 0.785 = x / 191; MSRAHeatmap with
# unbiased=True is right to a thousandth there.
# Why it matters: whoever exports a network and decodes by this class, compares codecs by encoding and decoding, or
# draws keypoints on the crop is off by up to a pixel, always to the same side. In the whole pipeline nothing is seen:
# the estimator divides by the input size again before it goes back to the image, where UDP's affine wants size - 1.
# Instead: multiply the result by (size - 1) / size along each axis, and go back to the image by the inverse of the
# affine that made the crop.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 opencv-python-headless==5.0.0.93
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps mmpose==1.3.2
cd "$work"
"$work/venv/bin/python" - <<'END'
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np

# The codecs are plain numpy. Their package imports compiled parts that they do not use, so the files are loaded alone.
spec = importlib.util.find_spec("mmpose")
codecs = Path(spec.origin).parent / "codecs"


def stand_in(name, **content):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    vars(module).update(content)
    return module


def load(name, path):
    found = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


class Registry:
    def register_module(self, *_, **__):
        return lambda cls: cls


stand_in("mmpose")
stand_in("mmpose.registry", KEYPOINT_CODECS=Registry())
stand_in("mmengine")
stand_in("mmengine.utils", is_method_overridden=lambda *_: True)
for name in ("torch", "torch.nn", "torch.nn.functional"):  # for other codecs' helpers in the same files
    stand_in(name, Tensor=object)
stand_in("mmpose.codecs")
utils = stand_in("mmpose.codecs.utils", generate_offset_heatmap=None)  # of the other kind of heatmaps
for part in ("post_processing", "gaussian_heatmap", "refinement"):
    vars(utils).update(vars(load(f"mmpose.codecs.utils.{part}", codecs / "utils" / f"{part}.py")))
load("mmpose.codecs.base", codecs / "base.py")
udp = load("mmpose.codecs.udp_heatmap", codecs / "udp_heatmap.py").UDPHeatmap((192, 256), (48, 64), sigma=2)
msra = load("mmpose.codecs.msra_heatmap", codecs / "msra_heatmap.py").MSRAHeatmap(
    (192, 256), (48, 64), sigma=2, unbiased=True
)

points = np.array([[[40, 50], [90, 120], [150, 200]]], np.float32)
off = {}
for codec in (msra, udp):
    maps = codec.encode(points.copy(), np.ones((1, 3), np.float32))["heatmaps"]
    decoded, _ = codec.decode(maps)
    off[type(codec).__name__] = decoded - points
    print(f"{type(codec).__name__:12s} decoded minus encoded:", (decoded - points)[0].round(3).tolist())
print(f"{'x / (W - 1)':12s} and y / (H - 1):       ", (points / [191, 255])[0].round(3).tolist())
assert np.abs(off["MSRAHeatmap"]).max() < 0.02
assert np.abs(off["UDPHeatmap"] - points / [191, 255]).max() < 0.06
assert np.abs((points + off["UDPHeatmap"]) * [191 / 192, 255 / 256] - points).max() < 0.06  # the remedy
END
echo "as seen"
