#!/usr/bin/env bash
# version: tract 0.23.9 (Python package), onnx 1.23.2, reference onnxruntime 1.32.0, numpy 2.4.6
# Behaviour: LSTM, GRU and RNN of ONNX have an attribute "direction". tract does not read it: it looks only whether
#   there are weights for one direction or for two. With two, the first goes forwards and the second backwards, which
#   is right. With one it goes forwards, also where the model says "reverse".
# Guess: "reverse" runs from the last frame to the first (as it does as one half of "bidirectional" in the same
#   runtime), or the model is refused, as tract does with lengths that differ.
# Seen: of all three operators, what tract gives for "reverse" is what onnxruntime gives for "forward", to the last
#   digit or two. A GRU that goes over a clip of a swaying wrist and says where it began (its weights are those of a
#   smoother, so that they can be checked by hand) gives the place at the end of the clip instead. No warning, and the
#   shapes fit. The same weights as second half of a bidirectional GRU are run backwards and are right.
# Why it matters: networks that smooth or classify sequences of keypoints, or those for signs and gestures, may have a
#   branch of its own that runs backwards (a Keras layer with go_backwards, or a bidirectional layer that a tool has
#   split in two). Values stay in their range, so it looks like a model that is somewhat worse on the device.
# Instead: turn the frames round before a forward layer and its results after it (Slice with step -1; run below), or
#   make it the second half of a bidirectional layer; test on a clip that does not look alike in both directions.
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

FRAMES = 20
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
TURN = {"start": [-1], "end": [np.iinfo("int64").min], "axis": [0], "step": [-1]}


def run(operator, direction, x, w, r, b, by_hand=False):
    """Results of tract and of onnxruntime: all states, and the last one."""
    frames, _, given = x.shape
    hidden, sides = r.shape[2], len(w)
    constants = {"w": w, "r": r, "b": b}
    node = helper.make_node(operator, ["x", "w", "r", "b"], ["all", "last"], hidden_size=hidden, direction=direction)
    nodes = [node]
    if by_hand:
        constants |= {name: np.array(value) for name, value in TURN.items()}
        node.input[0], node.output[0] = "turned", "states"
        nodes = [helper.make_node("Slice", ["x", *TURN], ["turned"]), node,
                 helper.make_node("Slice", ["states", *TURN], ["all"])]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, (frames, 1, given))],
        [helper.make_tensor_value_info("all", TensorProto.FLOAT, (frames, sides, 1, hidden)),
         helper.make_tensor_value_info("last", TensorProto.FLOAT, (sides, 1, hidden))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, "g.onnx")
    small = [part.to_numpy() for part in tract.onnx().load("g.onnx").into_model().into_runnable().run([x])]
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return small, session.run(None, {"x": x})


def gap(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


rng = np.random.default_rng(2)
x = rng.normal(0, 1, (FRAMES, 1, 6)).astype("float32")
for operator, gates in GATES.items():
    w = rng.normal(0, 0.5, (2, gates * 5, 6)).astype("float32")
    r = rng.normal(0, 0.5, (2, gates * 5, 5)).astype("float32")
    b = rng.normal(0, 0.5, (2, gates * 10)).astype("float32")
    forward, wanted_forward = run(operator, "forward", x, w[:1], r[:1], b[:1])
    reverse, wanted_reverse = run(operator, "reverse", x, w[:1], r[:1], b[:1])
    both, wanted_both = run(operator, "bidirectional", x, w, r, b)
    by_hand, _ = run(operator, "forward", x, w[:1], r[:1], b[:1], by_hand=True)
    assert gap(forward, wanted_forward) < 1e-5 and gap(both, wanted_both) < 1e-5
    assert gap(by_hand, wanted_reverse) < 1e-5
    print(f"{operator}: reverse of tract differs from reverse by {gap(reverse, wanted_reverse):.3f}, "
          f"from forward by {gap(reverse, wanted_forward):.6f}")
    assert gap(reverse, wanted_forward) < 1e-5
    assert gap(reverse, wanted_reverse) > 0.3

# A smoother: z = sigmoid(1) stays, the candidate is tanh of the place, so h = z h + (1 - z) tanh(x).
place = np.linspace(-0.9, 0.9, FRAMES).astype("float32")  # of the wrist, from left to right
w, r, b = np.zeros((1, 3, 1), "float32"), np.zeros((1, 3, 1), "float32"), np.zeros((1, 6), "float32")
w[0, 2, 0], b[0, 0] = 1, 1
stays = 1 / (1 + np.exp(-1))
h = 0
for value in place[::-1]:
    h = stays * h + (1 - stays) * np.tanh(value)
small, big = run("GRU", "reverse", place[:, None, None], w, r, b)
print(f"where the movement began: by hand {h:.3f}, onnxruntime {big[1].item():.3f}, tract {small[1].item():.3f}")
assert abs(big[1].item() - h) < 1e-5 and h < -0.4
assert abs(small[1].item() + h) < 1e-5
second = run("GRU", "bidirectional", place[:, None, None], np.repeat(w, 2, 0), np.repeat(r, 2, 0), np.repeat(b, 2, 0))
assert abs(second[0][1][1].item() - h) < 1e-5
PY
venv/bin/python -W error see.py
echo "as recorded"
