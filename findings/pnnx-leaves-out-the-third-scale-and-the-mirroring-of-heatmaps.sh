#!/usr/bin/env bash
# version: pnnx 20261020, ncnn 1.0.20261020, onnx 1.23.2, reference onnxruntime 1.32.0, numpy 2.4.6
# Behaviour: pnnx turns ONNX models into models for ncnn. Operators that it does not know it leaves in the file under
#   their old names, and ncnn then refuses to load it. Some that it does know it translates into narrower ones: Max and
#   Min of many into that of two, Slice with a step of -1 into nothing unless it starts at -1 and ends at the least
#   integer, SpaceToDepth into the unshuffling of PyTorch, which orders the channels in another way, and Gather with a
#   list of places into the choice of one place.
# Guess: the same numbers as onnxruntime, or a refusal.
# Seen: (1) Max over the heatmaps of three scales is Max over two: the third convolution is gone from the file. (2) A
#   mirroring of the maps with the end -1 - width, or with the start width - 1, is gone, so a wrist at column 1 stays
#   there in place of column 4. With the start -1 and the least integer as end it is kept. (3) SpaceToDepth gives the
#   same values in another order of channels, so the layers that follow read other features. (4) Heatmaps put into
#   another order of joints are one single map. Only (4) can be told by the shape. The converter ends with 0 and says
#   nothing.
# Why it matters: fusing three scales, averaging with the mirrored picture, renaming left and right and choosing joints
#   are what is put on top of a keypoint network before it goes to a phone. The network gives plausible heatmaps.
# Instead: take Max by twos; write mirrorings as start -1 and end -9223372036854775808; choose joints in the program,
#   or with a convolution of ones and zeros; compare each output with onnxruntime on a random input after the
#   conversion.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
venv/bin/pip install --quiet --disable-pip-version-check --no-deps pnnx==20261020 ncnn==1.0.20261020
cat > see.py <<'PY'
import glob
import os
import pathlib
import subprocess
import sys

import ncnn
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CONVERTER = glob.glob(os.path.join(sys.prefix, "lib", "python*", "site-packages", "pnnx", "pnnx"))[0]
LEAST = np.iinfo("int64").min
C, JOINTS, H, W = 3, 4, 8, 6
rng = np.random.default_rng(1)
x = rng.normal(0, 1, (1, C, H, W)).astype("float32")
kernels = {f"w{i}": rng.normal(0, 1, (JOINTS, C, 1, 1)).astype("float32") for i in range(3)}
maps = [np.einsum("kc,bchw->bkhw", kernels[f"w{i}"][:, :, 0, 0], x) for i in range(3)]
node = helper.make_node


def both(nodes, constants, expected):
    """Checks onnxruntime against the expected numbers; gives those of ncnn and the kinds of its layers."""
    heads = [node("Conv", ["x", name], ["m" + name[1:]]) for name in constants if name.startswith("w")]
    graph = helper.make_graph(
        heads + nodes, "head", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, expected.shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, "head.onnx")
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.abs(session.run(None, {"x": x})[0] - expected).max() < 1e-5
    said = subprocess.run([CONVERTER, "head.onnx", "fp16=0"], check=True, capture_output=True, text=True)
    said = (said.stdout + said.stderr).lower()
    assert not any(word in said for word in ("not supported", "unsupported", "ignore", "error", "fail")), said
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    assert net.load_param("head.ncnn.param") == 0 and net.load_model("head.ncnn.bin") == 0
    extractor = net.create_extractor()
    picture = ncnn.Mat(x[0]).clone()
    extractor.input("in0", picture)
    code, result = extractor.extract("out0")
    assert code == 0
    layers = [line.split()[0] for line in pathlib.Path("head.ncnn.param").read_text().splitlines()[2:]]
    return np.array(result), layers


def same(got, wanted):
    return got.shape == wanted.shape[1:] and np.abs(got - wanted[0]).max() < 1e-4


# (1) The greatest of two and of three maps.
two = {name: kernels[name] for name in ("w0", "w1")}
got, _ = both([node("Max", ["m0", "m1"], ["y"])], two, np.maximum(*maps[:2]))
assert same(got, np.maximum(*maps[:2]))
for name, greatest in ("Max", np.maximum), ("Min", np.minimum):
    got, layers = both([node(name, ["m0", "m1", "m2"], ["y"])], kernels, greatest.reduce(maps))
    print(f"{name} of three maps: {layers.count('Convolution')} convolutions are left, "
          f"off by up to {np.abs(got - greatest.reduce(maps)[0]).max():.3f}")
    assert same(got, greatest(*maps[:2])) and not same(got, greatest.reduce(maps))
    assert layers.count("Convolution") == 2

# (2) Mirroring.
for start, end, kept in (-1, LEAST, True), (-1, -1 - W, False), (W - 1, LEAST, False), (W - 1, -1 - W, False):
    constants = {"w0": kernels["w0"], "start": [start], "end": [end], "axis": [3], "step": [-1]}
    got, layers = both([node("Slice", ["m0", "start", "end", "axis", "step"], ["y"])], constants, maps[0][..., ::-1])
    print(f"mirrored from {start} to {end}: layers {layers}")
    assert same(got, maps[0][..., ::-1] if kept else maps[0])
    assert ("Flip" in layers) == kept

# (3) Squares of two by two into channels: the standard has the channel innermost, what is seen has it outermost.
squares = maps[0].reshape(1, JOINTS, H // 2, 2, W // 2, 2)
right = squares.transpose(0, 3, 5, 1, 2, 4).reshape(1, 4 * JOINTS, H // 2, W // 2)
seen = squares.transpose(0, 1, 3, 5, 2, 4).reshape(right.shape)
got, _ = both([node("SpaceToDepth", ["m0"], ["y"], blocksize=2)], {"w0": kernels["w0"]}, right)
print(f"SpaceToDepth: {sum(same(got[c:c + 1], right[:, c:c + 1]) for c in range(4 * JOINTS))} of {4 * JOINTS} channels")
assert same(got, seen) and not same(got, right)

# (4) Joints in another order.
order = [1, 0, 3, 2]
constants = {"w0": kernels["w0"], "order": order}
got, _ = both([node("Gather", ["m0", "order"], ["y"], axis=1)], constants, maps[0][:, order])
print("joints in another order:", maps[0].shape[1:], "became", got.shape)
assert got.shape == (H, W) and np.abs(got - maps[0][0, order[0]]).max() < 1e-4
PY
venv/bin/python -W error see.py
echo "as recorded"
