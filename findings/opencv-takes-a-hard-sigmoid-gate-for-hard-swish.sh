#!/usr/bin/env bash
# Measured at version: opencv-python-headless 5.0.0.93 and 4.14.0.94, onnx 1.23.2, onnxruntime 1.31.1, numpy 2.4.6.
# Behaviour: OpenCV's dnn module, reading an ONNX file, turns any product of a HardSigmoid (alpha 1/6, beta 0.5) and another
# tensor into the hard swish of the HardSigmoid's own input. The other factor is thrown away: a gate of a squeeze-and-excitation
# block, (N, C, 1, 1), comes out in the place of the gated map, and later layers broadcast it without an error or a warning.
# The same with the product of any tensor and Tanh(Softplus(z)), which becomes the Mish of z.
# True of both engines of version 5 and of version 4. A gate by Sigmoid, or by HardSigmoid with alpha 0.2, is computed rightly.
# Guess: the two nodes become one hard swish only where both factors come from the same tensor; a gate stays a gate.
# Output seen: asked for a map of (1, 4, 3, 2), OpenCV gives (1, 4, 1, 1); with a gate as large as the map the shape is right
# and the numbers differ by 0.6.
# Why it matters: this is how MobileNetV3 gates its channels (torch exports nn.Hardsigmoid so), so each keypoint network upon
# it puts nearly all of its keypoints elsewhere in OpenCV, and nothing tells.
# Instead: write the gate as Mul, Add and Clip to 0 and 1, which is the same function, or run the file in another runtime.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cat >"$work/gate.py" <<'EOP'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

x = np.random.default_rng(0).normal(size=(1, 4, 3, 2)).astype(np.float32)
mean, product = helper.make_node("GlobalAveragePool", ["x"], ["z"]), helper.make_node("Mul", ["x", "gate"], ["y"])
other = helper.make_node("Sin", ["x"], ["z"])  # another tensor of the same shape
hard = helper.make_node("HardSigmoid", ["z"], ["gate"], alpha=1 / 6, beta=0.5)
by_hand = [
    helper.make_node("Mul", ["z", "sixth"], ["part"]),
    helper.make_node("Add", ["part", "half"], ["line"]),
    helper.make_node("Clip", ["line", "zero", "one"], ["gate"]),
]
graphs = {
    "gate of means by HardSigmoid": ([mean, hard, product], True),
    "the same by Mul, Add and Clip": ([mean, *by_hand, product], False),
    "gate of means by Sigmoid": ([mean, helper.make_node("Sigmoid", ["z"], ["gate"]), product], False),
    "gate of a map by HardSigmoid": ([other, hard, product], True),
    "gate of a map by Tanh(Softplus)": (
        [other, helper.make_node("Softplus", ["z"], ["p"]), helper.make_node("Tanh", ["p"], ["gate"]), product],
        True,
    ),
    "its own: a real hard swish": ([helper.make_node("Identity", ["x"], ["z"]), hard, product], False),
}
constants = {"sixth": 1 / 6, "half": 0.5, "zero": 0.0, "one": 1.0}
for name, (nodes, is_wrong) in graphs.items():
    used = {given for node in nodes for given in node.input}
    graph = helper.make_graph(
        nodes,
        "gate",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)],
        [numpy_helper.from_array(np.array(v, np.float32), k) for k, v in constants.items() if k in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"x": x})[0], expected, atol=1e-5)
    engines = [(e,) for e in (cv2.dnn.ENGINE_CLASSIC, cv2.dnn.ENGINE_NEW)] if cv2.__version__[0] == "5" else [()]
    for engine in engines:
        network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8), *engine)
        network.setInput(x)
        found = network.forward()
        difference = float(np.abs(found - expected).max())  # broadcasts, as later layers would
        print(f"OpenCV {cv2.__version__} {name:32s} shape {found.shape}, differs by {difference:.1g}")
        assert (difference > 0.1) == is_wrong, name
        if is_wrong:  # what is computed is a function of z alone
            z = x.mean(axis=(2, 3), keepdims=True) if nodes[0] is mean else np.sin(x)
            gate = np.tanh(np.log1p(np.exp(z))) if "Tanh" in name else np.clip(z / 6 + 0.5, 0, 1)
            assert found.shape == z.shape
            assert np.allclose(found, z * gate, atol=1e-5)
EOP
for opencv in 5.0.0.93 4.14.0.94; do
  "${PYTHON:-python3}" -m venv "$work/$opencv"
  "$work/$opencv/bin/pip" install --quiet --disable-pip-version-check "opencv-python-headless==$opencv" onnx==1.23.2 \
    onnxruntime==1.31.1 numpy==2.4.6
  OPENCV_LOG_LEVEL=SILENT "$work/$opencv/bin/python" "$work/gate.py"
done
echo "as recorded"
