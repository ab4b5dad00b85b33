#!/usr/bin/env bash
# version: tract 0.23.9 (Python package), onnx 1.23.2, reference onnxruntime 1.32.0, numpy 2.4.6
# Behaviour: a transposed convolution in an ONNX model may state the size of its result ("output_shape") in place of
#   what is to be cut off ("pads"). The standard says that the pads are then worked out: what is too much is cut off at
#   both ends. tract cuts all of it off at the far end, so that the result begins where it would begin without pads.
# Guess: the same numbers as with the pads written out, or an error if that is not supported.
# Seen: a head of three transposed convolutions (kernel 4, stride 2, as in plain heatmap networks for keypoints) makes
#   maps of 64 x 48 out of 8 x 6. With output_shape, each peak lies 1 + 2 + 4 = 7 pixels further down and to the right
#   in tract than in onnxruntime and than by the formula, and a peak near the right border leaves the map: only its
#   slope is left, so the joint is found on the border and its score is lower. With pads written out, tract is right.
#   With one layer and a kernel of 3 or 5 it is 1 or 2 pixels. The model passes the checker, and there is no warning.
# Why it matters: seven pixels of such a map are 28 pixels of the picture. All joints move alike, so the skeleton looks
#   well and only lies beside the person. A converter that knows the output's size but not the input's writes
#   output_shape, and tract is what one takes for phones and for Rust.
# Instead: replace output_shape with pads before loading: with d = stride * (in - 1) + kernel - out, d - d // 2 at the
#   start and d // 2 at the end (turned round for SAME_UPPER). Test a new runtime with one peak of a known place.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check tract==0.23.9 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > see.py <<'PY'
import numpy as np
import onnx
import onnxruntime
import tract
from onnx import TensorProto, helper, numpy_helper

H, W = 8, 6
PLACES = [(3, 2), (2, 3), (4, 3), (5, 5)]  # row and column of each joint in the small maps
JOINTS = len(PLACES)


def excess(size, kernel):
    return 2 * (size - 1) + kernel - 2 * size


def tent(kernel):
    """Weights that enlarge each map by two for itself."""
    line = 1 - np.abs(np.arange(kernel) - (kernel - 1) / 2) / ((kernel + 1) / 2)
    return np.outer(line, line).astype("float32")


def head(layers, kernel, explicit):
    nodes, last = [], "x"
    for i in range(layers):
        size = H * 2**i, W * 2**i
        if explicit:
            over = [excess(n, kernel) for n in size]
            extra = {"pads": [n - n // 2 for n in over] + [n // 2 for n in over]}
        else:
            extra = {"output_shape": [n * 2 for n in size]}
        nodes.append(helper.make_node("ConvTranspose", [last, "w"], [f"y{i}"], kernel_shape=[kernel, kernel],
                                      strides=[2, 2], **extra))
        last = f"y{i}"
    w = np.eye(JOINTS, dtype="float32")[:, :, None, None] * tent(kernel)
    times = 2**layers
    graph = helper.make_graph(
        nodes, "head", [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, JOINTS, H, W))],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, (1, JOINTS, H * times, W * times))],
        [numpy_helper.from_array(w, "w")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, "head.onnx")
    return made


def by_formula(maps, layers, kernel):
    for _ in range(layers):
        n, c, h, w = maps.shape
        whole = np.zeros((n, c, 2 * (h - 1) + kernel, 2 * (w - 1) + kernel))
        for r in range(h):
            for q in range(w):
                whole[:, :, 2 * r:2 * r + kernel, 2 * q:2 * q + kernel] += maps[:, :, r, q, None, None] * tent(kernel)
        top = excess(h, kernel) - excess(h, kernel) // 2
        left = excess(w, kernel) - excess(w, kernel) // 2
        maps = whole[:, :, top:top + 2 * h, left:left + 2 * w]
    return maps


def peaks(maps):
    return np.array([np.unravel_index(m.round(4).argmax(), m.shape) for m in maps[0]])


x = np.zeros((1, JOINTS, H, W), "float32")
for joint, (r, q) in enumerate(PLACES):
    x[0, joint, r, q] = 1
for layers, kernel, moves in (3, 4, 7), (1, 4, 1), (1, 3, 1), (1, 5, 2), (1, 2, 0):
    right = by_formula(x, layers, kernel)
    for explicit in True, False:
        made = head(layers, kernel, explicit)
        ort = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        assert np.abs(ort.run(None, {"x": x})[0] - right).max() < 1e-6
        got = tract.onnx().load("head.onnx").into_model().into_runnable().run([x])[0].to_numpy()
        assert got.shape == right.shape
        if explicit:
            assert np.abs(got - right).max() < 1e-6
    shift = peaks(got) - peaks(right)
    print(f"{layers} layers, kernel {kernel}: peaks of tract minus peaks of the formula", shift.tolist())
    assert (shift[:3] == moves).all(), shift
    if layers == 3:
        scores = got[0, 3].max(), right[0, 3].max()
        print(f"the joint at the border: column {peaks(got)[3, 1]}, score {scores[0]:.3f} for {scores[1]:.3f}")
        assert peaks(got)[3, 1] == W * 8 - 1 and scores[0] < 0.8 * scores[1]
    if moves:
        assert np.abs(got[:, :, moves:, moves:] - right[:, :, :-moves, :-moves]).max() < 1e-6
PY
venv/bin/python -W error see.py
echo "as recorded"
