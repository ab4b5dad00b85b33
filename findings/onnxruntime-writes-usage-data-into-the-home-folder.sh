#!/usr/bin/env bash
# version: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, on Linux
# Behaviour: making one inference session creates a database of usage events below the user's cache folder
#   (Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db), on Linux too and without a word; with
#   ORT_DISABLE_TELEMETRY=1 in the environment before the import nothing is written.
# Guess: a runtime that only computes a graph writes no file; its telemetry is for Windows, as its documentation long said.
# Seen: after one session of a graph with a single Relu the database is there; with the variable the folder stays empty.
# Why it matters: apps that promise to keep cameras' data local ship this runtime; read-only homes and containers get files
#   they did not ask for, and an audit finds a telemetry store beside a pose model.
# Instead: set ORT_DISABLE_TELEMETRY=1 before onnxruntime is imported, in the app itself and not only in its launcher.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat > see.py <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
assert session.run(None, {"x": np.array([-1, 2], np.float32)})[0].tolist() == [0, 2]
PY
run() { # run NAME [VARIABLE=VALUE]: in a home of its own, and what lies in it afterwards
    mkdir "$1"
    env -u XDG_CACHE_HOME -u XDG_DATA_HOME -u ORT_DISABLE_TELEMETRY HOME="$work/$1" "${@:2}" venv/bin/python see.py
    (cd "$1" && find . -type f | sort)
}
default=$(run default)
off=$(run off ORT_DISABLE_TELEMETRY=1)
echo "after a session: ${default:-nothing}"
echo "with ORT_DISABLE_TELEMETRY=1: ${off:-nothing}"
grep -q 'Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db' <<<"$default"
[ -z "$off" ]
echo "seen: usage data is stored unless the variable is set"
