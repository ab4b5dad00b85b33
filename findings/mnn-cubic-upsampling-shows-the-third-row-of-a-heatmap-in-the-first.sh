#!/usr/bin/env bash
# version: MNN 3.6.1 (its converter and its runtime, on a processor), with onnx 1.23.2 as the reference, numpy 2.4.6
# Behaviour: Resize with mode "cubic" and the half-pixel coordinates that are usual (also "pytorch_half_pixel") converts
#   without a word. Where the source coordinate is below 0, as in the first rows and columns, the value is taken one
#   source pixel too far, as if the coordinate were cut off towards 0 instead of rounded down and one were added to the
#   negative rest. Rows and columns inside the picture and at its other end are right.
# Guess: the values of the ONNX operator within rounding, at the border too, as with mode "linear".
# Seen: enlarged twofold, the first row equals the third one and the first column the third one; enlarged fourfold, the
#   first two rows equal the fifth and the sixth. All other values are right to 0.00001. A peak at row 0.7 of a heatmap
#   is there twice, so that the first of the two greatest values lies at the very border: the keypoint moves by two rows
#   (twofold) or four rows (fourfold). The reference has it in one place.
# Why it matters: heatmaps are enlarged with cubic interpolation before the peak is looked for, and feet, hands and the
#   top of the head lie near the border of a crop. They snap to its upper and left border, never to the lower or right
#   one. It shows only on the device that runs MNN: the runtime in which the model was tested has it right.
# Instead: mode "linear", which is right at the border too, or decode the keypoints from the small heatmap.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mnn==3.6.1 onnx==1.23.2 numpy==2.4.6
cat > see.py <<'PY'
import MNN.expr as expr
import MNN.nn as nn
import _tools  # MNN's converter
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

H, W = 16, 12
PEAKS = [(8, 6), (0.7, 6), (8, 0.7), (0.7, 0.7), (14, 10)]  # row and column of the keypoint in each heatmap


def heatmaps():
    rows, columns = np.mgrid[:H, :W]
    maps = [np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * 1.5**2)) for r, c in PEAKS]
    return np.array(maps, "float32")[None]


def both(mode, coordinates, times):
    """What the reference makes of the heatmaps, and what MNN makes of them."""
    shape, k = (1, len(PEAKS), H, W), len(PEAKS)
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode=mode, cubic_coeff_a=-0.75,
                            coordinate_transformation_mode=coordinates)
    graph = helper.make_graph(
        [node], "head", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, k, H * times, W * times))],
        [numpy_helper.from_array(np.array([1, 1, times, times], "float32"), "scales")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "head.onnx")
    _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", "head.onnx", "--MNNModel", "head.mnn",
                       "--bizCode", "head"])
    x = heatmaps()
    net = nn.load_module_from_file("head.mnn", ["x"], ["y"])
    y = net.forward([expr.const(x, list(shape), expr.NCHW, expr.float)])[0]
    if y.data_format == expr.NC4HW4:
        y = expr.convert(y, expr.NCHW)
    return ReferenceEvaluator(model).run(None, {"x": x})[0], np.array(y.read())


def peaks(maps):
    """Row and column of the greatest value; of equal ones (to a millionth) the first."""
    found = []
    for one in maps[0]:
        at = int(np.argmax(one >= one.max() - 1e-6))
        found.append((at // one.shape[1], at % one.shape[1]))
    return found


reference, seen = both("linear", "half_pixel", 2)
assert seen.shape == reference.shape and np.abs(seen - reference).max() < 1e-5  # linear is right

for coordinates in "half_pixel", "pytorch_half_pixel":
    for times in 2, 4:
        reference, seen = both("cubic", coordinates, times)
        border = times // 2
        inside = (Ellipsis, slice(border, None), slice(border, None))
        assert seen.shape == reference.shape and np.abs(seen - reference)[inside].max() < 1e-5
        print(f"cubic, {coordinates}, {times} times: greatest error {np.abs(seen - reference).max():.3f}")
        assert np.abs(seen - reference).max() > 0.15
        # the first rows repeat the ones that lie a source pixel further on, the first columns likewise
        assert np.abs(seen[..., :border, :] - seen[..., times : times + border, :]).max() < 1e-5
        assert np.abs(seen[..., :border] - seen[..., times : times + border]).max() < 1e-5
        assert np.abs(reference[..., :border, :] - reference[..., times : times + border, :]).max() > 0.1
        for peak, right, wrong in zip(PEAKS, peaks(reference), peaks(seen)):
            print(f"   peak at {peak}: reference {right}, MNN {wrong}")
        moved = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(peaks(reference), peaks(seen))]
        assert moved == [(0, 0), (times, 0), (0, times), (times, times), (0, 0)], moved
PY
venv/bin/python -W error::RuntimeWarning see.py
echo "as recorded"
