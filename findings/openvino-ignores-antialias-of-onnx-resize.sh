#!/usr/bin/env bash
# Measured at version: openvino 2026.4.1, onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6.
# Behaviour: an ONNX Resize with antialias=1 (since opset 18; torch's and torchvision's antialias=True) that makes a picture
# smaller is computed by OpenVINO as if it said antialias=0, without an error or a warning: its answer equals, to rounding,
# onnxruntime's answer without antialias. onnxruntime and ONNX's own reference evaluator agree with each other.
# True of mode linear and of mode cubic. Without antialias all three agree.
# Guess: computed rightly, or refused: OpenVINO refuses other attribute values of Resize that it does not know
# (coordinate_transformation_mode=half_pixel_symmetric ends in an exception).
# Why it matters: a model that carries its own resizing of the picture (crop to 256 x 192 inside the graph) gets other pixels on
# OpenVINO: a chequered picture of 0 and 255 that should become even grey becomes black or striped; AP falls a little, silently.
# Instead: resize outside the graph, or write the antialias as an average pooling or a convolution before a plain Resize.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

picture = np.indices((64, 48)).sum(0) % 2 * 255.0  # a chequerboard
picture = picture.astype(np.float32)[None, None]


def resize(**attributes):
    node = helper.make_node("Resize", ["x", "", "", "size"], ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, picture.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 21, 16])],
        [numpy_helper.from_array(np.array([1, 1, 21, 16], np.int64), "size")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return {
        "onnxruntime": session.run(None, {"x": picture})[0],
        "reference": ReferenceEvaluator(model).run(None, {"x": picture})[0],
        "openvino": next(iter(compiled({"x": picture}).values())),
    }


for mode in ("linear", "cubic"):
    plain, smooth = resize(mode=mode, antialias=0), resize(mode=mode, antialias=1)
    for name, answers in (("antialias=0", plain), ("antialias=1", smooth)):
        ranges = {k: (round(float(v.min()), 1), round(float(v.max()), 1)) for k, v in answers.items()}
        print(f"{mode:6s} {name}: least and largest grey", ranges)
    assert np.allclose(plain["onnxruntime"], plain["reference"], atol=0.1)
    assert np.allclose(plain["onnxruntime"], plain["openvino"], atol=0.1)
    assert np.allclose(smooth["onnxruntime"], smooth["reference"], atol=0.1)
    assert np.allclose(smooth["openvino"], plain["onnxruntime"], atol=0.1)  # the surprise
    assert np.abs(smooth["openvino"] - smooth["onnxruntime"]).max() > 50
EOF
echo "as recorded"
