#!/usr/bin/env bash
# version: onnxslim 0.1.98, onnx 1.23.2, run with onnxruntime 1.32.0, numpy 2.4.6
# Behaviour: onnxslim puts a factor into the weights of the layer before it, so that one operator less has to run. For
#   a fully connected layer whose result is reshaped and then multiplied, it looks whether somebody else reads what the
#   reshaping gives, but not whether somebody else reads what the layer gives. For a convolution it looks whether the
#   factor has as many values as there are channels, but not along which axis they lie. (For additions both is
#   checked.)
# Guess: a simplified model gives the same numbers as the model did, for these as for all valid models.
# Seen: (1) a layer gives 17 normalised keypoints, which are multiplied by 256 for the caller and also go to a small
#   network that lifts them to three dimensions. After onnxslim the pixels are the same as before, and the lifter gets
#   256 times what it was trained on: its joints lie metres off. (2) 48 maps of 48 columns are multiplied by a cosine
#   window over the columns: after onnxslim each map has one factor of its own instead, the first map is all zero and
#   nothing is damped at the sides any more. With 47 columns nothing is wrong. No warning, and the checker is content
#   with either model.
# Why it matters: exporters call onnxslim by themselves, and the keypoints that one looks at first stay right. (2)
#   needs as many channels as columns or rows, which is what HRNet-W48 has for pictures that are 192 pixels wide.
# Instead: onnxslim.slim(model, skip_fusion_patterns=["FusionGemmMul", "FusionConvMul"]) gives right numbers. Compare
#   all outputs before and after, not only one of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  onnxslim==0.1.98 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > see.py <<'PY'
import numpy as np
import onnx
import onnxruntime
import onnxslim
from onnx import TensorProto, helper, numpy_helper

JOINTS, FEATURES, SIDE = 17, 64, 256
SKIP = ["FusionGemmMul", "FusionConvMul"]
rng = np.random.default_rng(5)


def model(nodes, constants, shape, outputs):
    graph = helper.make_graph(
        nodes, "head", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made, x):
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def slim(made, **options):
    made = onnxslim.slim(made, **options)
    onnx.checker.check_model(made, full_check=True)
    return made


# (1) One layer, two readers.
w = rng.normal(0, 0.05, (2 * JOINTS, FEATURES)).astype("float32")
b = np.full(2 * JOINTS, 0.5, "float32")
lift = rng.normal(0, 0.2, (3 * JOINTS, 2 * JOINTS)).astype("float32")
head = model(
    [helper.make_node("Gemm", ["x", "w", "b"], ["normalised"], transB=1),
     helper.make_node("Reshape", ["normalised", "pairs"], ["xy"]),
     helper.make_node("Mul", ["xy", "side"], ["pixels"]),
     helper.make_node("Gemm", ["normalised", "lift"], ["lifted"], transB=1),
     helper.make_node("Reshape", ["lifted", "triples"], ["metres"])],
    {"w": w, "b": b, "lift": lift, "side": np.array(SIDE, "float32"),
     "pairs": np.array([-1, JOINTS, 2]), "triples": np.array([-1, JOINTS, 3])},
    (1, FEATURES), [("pixels", (1, JOINTS, 2)), ("metres", (1, JOINTS, 3))])
x = rng.normal(0, 1, (1, FEATURES)).astype("float32")
normalised = x @ w.T + b
right = (normalised * SIDE).reshape(1, JOINTS, 2), (normalised @ lift.T).reshape(1, JOINTS, 3)
for name, made in ("as made", head), ("without the two fusions", slim(head, skip_fusion_patterns=SKIP)):
    pixels, metres = run(made, x)
    assert np.abs(pixels - right[0]).max() < 1e-3 and np.abs(metres - right[1]).max() < 1e-5, name
pixels, metres = run(slim(head), x)
off = np.linalg.norm(metres - right[1], axis=-1)
print(f"pixels differ by {np.abs(pixels - right[0]).max():.5f}; the lifted joints lie {off.min():.0f} m to "
      f"{off.max():.0f} m off, they are {np.median(metres / right[1]):.2f} times as far away")
assert np.abs(pixels - right[0]).max() < 1e-3
assert np.abs(metres / right[1] - SIDE).max() < 0.1
assert off.min() > 10

# (2) As many columns as maps.
MAPS, ROWS = 48, 64
for columns in 48, 47:
    k = rng.normal(0, 0.3, (MAPS, 8, 1, 1)).astype("float32")
    window = np.hanning(columns).astype("float32")
    net = model([helper.make_node("Conv", ["x", "k"], ["maps"]), helper.make_node("Mul", ["maps", "window"], ["y"])],
                {"k": k, "window": window}, (1, 8, ROWS, columns), [("y", (1, MAPS, ROWS, columns))])
    x = rng.uniform(0, 1, (1, 8, ROWS, columns)).astype("float32")
    maps = np.einsum("mf,bfrc->bmrc", k[:, :, 0, 0], x)
    assert np.abs(run(net, x)[0] - maps * window).max() < 1e-5
    assert np.abs(run(slim(net, skip_fusion_patterns=SKIP), x)[0] - maps * window).max() < 1e-5
    after = run(slim(net), x)[0]
    wrong = np.abs(after - maps * window).max()
    print(f"{MAPS} maps of {columns} columns: the result is off by up to {wrong:.5f}")
    if columns == MAPS:
        assert np.abs(after - maps * window[:, None, None]).max() < 1e-5
        assert not after[:, 0].any() and wrong > 0.5
    else:
        assert wrong < 1e-5
PY
venv/bin/python see.py
echo "as recorded"
