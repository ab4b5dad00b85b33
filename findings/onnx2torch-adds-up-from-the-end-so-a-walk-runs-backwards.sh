#!/usr/bin/env bash
# version: onnx2torch 1.5.15, onnx 1.23.2 (also the reference), torch 2.14.1, torchvision 0.29.1, numpy 2.4.6
# Behaviour: CumSum is converted as if its attribute "reverse" were 1 where the model does not say it. The standard
#   says that it is 0 then. The sum runs from the last element to the first, without an error or a warning; with
#   "exclusive" set and "reverse" not, likewise. Only a model that writes reverse=0 out is converted rightly.
# Guess: the running sum from the first element on, as in the operator's description and in torch.cumsum.
# Seen: steps of 1, 2, 3, 4 and 5 become 15, 14, 12, 9, 5 instead of 1, 3, 6, 10, 15. torch's exporter of TorchScript
#   leaves the attribute out: torch.cumsum, exported and brought back to torch, is another function. In a head that
#   makes the way of the hips out of the steps per frame, a person who walks away from 0 to 3.9 m starts at 3.9 m and
#   comes back: at the first frame he is where he should be in the last, and his speed has the other sign.
# Why it matters: networks that give a path (the place of the root from its steps, a phase from a frequency, a mask by
#   counting) are brought back to torch to be trained further or pruned; size and type are right, and a test on a single
#   frame, or on steps that are all alike, of which the whole is right, does not see it.
# Instead: write the attribute into every CumSum before the conversion: to each such node whose attributes lack it
#   append onnx.helper.make_attribute("reverse", 0); this is checked below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check onnx2torch==1.5.15 onnx==1.23.2 \
  torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
cat > see.py <<'PY'
import io
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx2torch import convert

torch.set_num_threads(1)


def network(opset, **attributes):
    """A convolution gives the step of each frame, CumSum the way: (1, 3, frames) in and out."""
    kernel = np.tile(np.array([0.25, 0.5, 0.25], "float32"), (3, 1, 1))
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["steps"], pads=[1, 1], group=3),
        helper.make_node("CumSum", ["steps", "axis"], ["y"], **attributes),
    ]
    graph = helper.make_graph(
        nodes, "way", [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 40))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, 40))],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.array(2, "int64"), "axis")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def both(model, x):
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")  # the conversion says nothing
        return ReferenceEvaluator(model).run(None, {"x": x})[0], convert(model)(torch.from_numpy(x)).numpy()


steps = np.zeros((1, 3, 40), "float32")
steps[0, 0] = 0.1  # metres per frame, straight on
steps[0, 1] = 0.01 * np.sin(np.arange(40) / 2)  # up and down

for opset in 11, 14:
    right, seen = both(network(opset), steps)
    assert right.shape == seen.shape and np.isfinite(seen).all()
    print(f"opset {opset}: first and last frame at {right[0, 0, 0]:.2f} and {right[0, 0, -1]:.2f} m;",
          f"onnx2torch {seen[0, 0, 0]:.2f} and {seen[0, 0, -1]:.2f} m")
    assert np.allclose(right, np.cumsum(np.diff(right, axis=2, prepend=0), axis=2), atol=1e-5)
    assert right[0, 0, 0] < 0.1 and right[0, 0, -1] > 3.8
    assert seen[0, 0, 0] > 3.8 and seen[0, 0, -1] < 0.1
    assert (np.diff(right[0, 0]) > 0.07).all() and (np.diff(seen[0, 0]) < -0.07).all()  # he walks backwards
    backwards, _ = both(network(opset, reverse=1), steps)
    assert np.allclose(seen, backwards, atol=1e-5)  # exactly the operator with reverse=1
    right, seen = both(network(opset, exclusive=1), steps)
    assert right[0, 0, 0] == 0 and seen[0, 0, -1] == 0 and seen[0, 0, 0] > 3.7
    right, seen = both(network(opset, reverse=0), steps)
    assert np.allclose(right, seen, atol=1e-5)  # said outright, it is converted rightly


class Way(torch.nn.Module):
    def forward(self, x):
        return torch.cumsum(x, dim=2)


few = torch.arange(1.0, 6.0).reshape(1, 1, 5)
file = io.BytesIO()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(Way(), (few,), file, dynamo=False, opset_version=13)
model = onnx.load_from_string(file.getvalue())
there_and_back = convert(model)(few)
print("torch.cumsum", Way()(few).flatten().tolist(), "exported and brought back", there_and_back.flatten().tolist())
assert Way()(few).flatten().tolist() == [1, 3, 6, 10, 15]
assert there_and_back.flatten().tolist() == [15, 14, 12, 9, 5]

for node in model.graph.node:
    if node.op_type == "CumSum" and not any(a.name == "reverse" for a in node.attribute):
        node.attribute.append(helper.make_attribute("reverse", 0))
assert convert(model)(few).flatten().tolist() == [1, 3, 6, 10, 15]
PY
venv/bin/python see.py
echo "as recorded"
