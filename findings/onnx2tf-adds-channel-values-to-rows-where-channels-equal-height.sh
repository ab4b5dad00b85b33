#!/usr/bin/env bash
# version: onnx2tf 1.29.24, tensorflow-cpu 2.19.0, ai-edge-litert 2.1.0, onnx 1.19.1, onnxruntime 1.23.0, numpy 1.26.4
# Behaviour: onnx2tf writes an ONNX Add of a map (1, C, H, W) and one value per channel (1, C, 1, 1) wrongly where C equals H or W.
#   The value of channel c is then added to row c of every channel (C = H), or to column c (C = W). The shape is right, the
#   conversion ends well and says nothing. A constant per channel is misplaced too, where C = H. Split has no part in it.
#   Mul and Sub of the same two tensors are right at all these sizes, and so is Add at any other size.
# Guess: the converter follows which axis is which, so a network is right or wrong whatever its sizes, and Add behaves like Mul.
# Seen: the mean of each channel added to the map: off by 0.35 of 3.9 at 8 x 8 x 6 and 8 x 6 x 8 (C x H x W), equal to within
#   1e-5 at 8 x 5 x 6. Between convolutions, with a scale and a shift from the means by Conv and Split: off by 6.5 of 17.
#   Its own check (-cotof) says "Matches" of the first: it feeds ones, so that all means are equal, and takes any order of axes.
# Why it matters: this is the shift of a dynamic ReLU, of FiLM and of a global context block. 64 channels on a 64 x 48 map, or 32
#   on 32 x 24, are common in keypoint networks. A test at another input size passes, and the phone shows other keypoints.
# Instead: subtract the negated values (Neg, Sub), or Expand them to the map before Add: both are right at each size here. Compare
#   the written file with onnxruntime on noise, at the very size you ship.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv  # a Python from 3.10 to 3.12, for which this TensorFlow exists
export PATH="$work/venv/bin:$PATH" TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=""
pip install --quiet --disable-pip-version-check numpy==1.26.4 onnx==1.19.1 onnxruntime==1.23.0 onnxsim==0.4.36 \
    onnx_graphsurgeon==0.5.8 sng4onnx==2.0.1 sne4onnx==2.0.1 ai-edge-litert==2.1.0 tensorflow-cpu==2.19.0 keras==3.15.1 \
    protobuf==4.25.5 h5py==3.11.0 ml_dtypes==0.5.1 flatbuffers==25.12.19 psutil==5.9.5 requests==2.32.5 \
    opencv-python-headless==4.11.0.86
# What these two want besides (a second OpenCV, a larger TensorFlow and editing tools) is not used here.
pip install --quiet --disable-pip-version-check --no-deps tf_keras==2.19.0 onnx2tf==1.29.24
cat >see.py <<'PY'
import contextlib
import io
import re
import subprocess

import numpy as np
import onnx
import onnx2tf
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper, numpy_helper

C = 8
node = helper.make_node
mean = node("GlobalAveragePool", ["x"], ["m"])
coefficients = [node("GlobalAveragePool", ["a"], ["m"]), node("Conv", ["m", "w2"], ["both"])]
coefficients += [node("Split", ["both"], ["scale", "shift"], axis=1, num_outputs=2)]
graphs = {
    "Add": [mean, node("Add", ["x", "m"], ["y"])],
    "Add of a constant": [node("Add", ["x", "k"], ["y"])],
    "scale and shift": [
        node("Conv", ["x", "w1"], ["a"]),
        *coefficients,
        node("Mul", ["a", "scale"], ["b"]),
        node("Add", ["b", "shift"], ["c"]),
        node("Conv", ["c", "w3"], ["y"]),
    ],
    "Mul": [mean, node("Mul", ["x", "m"], ["y"])],
    "Sub": [mean, node("Sub", ["x", "m"], ["y"])],
    "Neg and Sub": [mean, node("Neg", ["m"], ["n"]), node("Sub", ["x", "n"], ["y"])],
    "Expand and Add": [mean, node("Expand", ["m", "size"], ["e"]), node("Add", ["x", "e"], ["y"])],
}
wrong = {(name, size) for name in ("Add", "scale and shift") for size in ((8, 6), (6, 8))} | {("Add of a constant", (8, 6))}


def convert(model):
    onnx.save(model, "net.onnx")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        onnx2tf.convert(input_onnx_file_path="net.onnx", output_folder_path="out", non_verbose=True)
    return load("out")


def load(folder):
    network = Interpreter(f"{folder}/net_float32.tflite", num_threads=1)
    network.allocate_tensors()
    return network


def run(network, x, height, width):
    given, written = network.get_input_details()[0], network.get_output_details()[0]
    assert given["shape"].tolist() == [1, height, width, C]
    network.set_tensor(given["index"], x.transpose(0, 2, 3, 1))
    network.invoke()
    y = network.get_tensor(written["index"])
    return y if y.shape == (1, C, height, width) else y.transpose(0, 3, 1, 2)  # the output may be in either order


for name, nodes in graphs.items():
    for height, width in ((8, 6), (6, 8), (5, 6)):
        rng = np.random.default_rng(0)
        shape = (1, C, height, width)
        x = rng.normal(size=shape).astype(np.float32)
        weights = {"w1": (C, C, 1, 1), "w2": (2 * C, C, 1, 1), "w3": (C, C, 1, 1), "k": (1, C, 1, 1)}
        values = {k: rng.normal(size=v).astype(np.float32) for k, v in weights.items()} | {"size": np.array(shape)}
        used = {i for n in nodes for i in n.input}
        ends = [[helper.make_tensor_value_info(k, TensorProto.FLOAT, shape)] for k in "xy"]
        constants = [numpy_helper.from_array(v, k) for k, v in values.items() if k in used]
        graph = helper.make_graph(nodes, "net", *ends, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, {"x": x})[0]
        found = run(convert(model), x, height, width)
        off = float(np.abs(found - expected).max())
        largest = float(np.abs(expected).max())
        print(f"{name:18s} {C} x {height} x {width}: differs by {off:.2g} of {largest:.2g}", flush=True)
        if (name, (height, width)) not in wrong:
            assert off <= 1e-5 * max(1, largest), name
            continue
        assert off > 0.2, name
        if name != "scale and shift":  # the values of the channels lie along the rows or the columns
            each = values["k"] if "constant" in name else x.mean(axis=(2, 3))
            place = (1, 1, C, 1) if height == C else (1, 1, 1, C)
            assert np.allclose(found, x + each.reshape(place), atol=1e-5), name
        if name == "Add":
            command = ["onnx2tf", "-i", "net.onnx", "-o", "checked", "-cotof"]
            log = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            plain = re.sub(r"\x1b\[[0-9;]*m", "", log)  # without colours
            verdicts = re.findall(r"onnx_output_name: y .*validate_result: +(\w+)", plain)
            print(f"  its own check of this network: {verdicts}", flush=True)
            assert verdicts == ["Matches"]
            assert np.allclose(run(load("checked"), x, height, width), found, atol=1e-5)  # the file is as wrong
PY
python see.py 2>err || { tail -n 5 err; exit 1; }
echo "seen: what belongs to a channel is added to a row or a column where the numbers of both are equal"
