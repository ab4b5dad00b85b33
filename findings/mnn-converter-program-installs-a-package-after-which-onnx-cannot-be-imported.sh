#!/usr/bin/env bash
# version: MNN 3.6.1, onnx 1.23.2, aliyun-log-python-sdk 0.9.52, numpy 2.4.6
# Behaviour: MNN's program mnnconvert looks for a package that sends its reports. If it is not there, it is installed by
#   `pip install -U aliyun-log-python-sdk`, by whatever pip is first on PATH, which need not be that of the environment
#   that mnnconvert runs in. That package wants an older protobuf than onnx does.
# Guess: a converter of files converts files; what it needs was installed with it.
# Seen: the first conversion runs that command, twice (here a stand-in for pip writes it down and installs nothing, so
#   that nothing is reported either). Where the real one is given it, protobuf goes back to a version before 6, pip
#   says in a line that onnx wants a newer one, and from then on `import onnx` raises VersionError, in every program
#   of the environment: models are exported, checked and quantized no more.
# Why it matters: one converts to MNN where one has just exported by onnx, in the same environment, so the next export
#   fails, and its message (of protobuf, in a generated file) names neither MNN nor the package. Continuous integration
#   breaks from the second run on. By its source, the program then reports the machine's id, its system and the options
#   of the conversion to its maker.
# Instead: call the converter without the program, by which nothing is installed or reported (checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check MNN==3.6.1 onnx==1.23.2 numpy==2.4.6
mkdir bin
printf '#!/bin/sh\necho "pip $*" >> %s/asked\n' "$work" > bin/pip
chmod +x bin/pip
cat > make.py <<'PY'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weight = numpy_helper.from_array(np.ones((17, 3, 1, 1), "float32"), "weight")
picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, (1, 3, 64, 48))
heatmaps = helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, (1, 17, 64, 48))
graph = helper.make_graph([helper.make_node("Conv", ["picture", "weight"], ["heatmaps"])], "head", [picture],
                          [heatmaps], [weight])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), "head.onnx")
PY
venv/bin/python make.py
options="-f ONNX --modelFile head.onnx --MNNModel head.mnn --bizCode finding"
# shellcheck disable=SC2086 (several options)
PATH="$work/bin:$PATH" venv/bin/mnnconvert $options > log 2>&1
[ "$(sort -u asked)" = "pip install -U aliyun-log-python-sdk" ]
echo "the program asked for: $(sort -u asked)"
rm asked head.mnn
PATH="$work/bin:$PATH" venv/bin/python - > log 2>&1 <<'PY'
import MNN
import _tools

_tools.mnnconvert("mnnconvert -f ONNX --modelFile head.onnx --MNNModel head.mnn --bizCode finding".split())
PY
[ -s head.mnn ] && [ ! -e asked ]
echo "without the program the file is converted, and nothing was asked for"
venv/bin/pip install --quiet --disable-pip-version-check aliyun-log-python-sdk==0.9.52 > said 2>&1
grep -q "onnx 1.23.2 requires protobuf" said
protobuf=$(venv/bin/python -c "import importlib.metadata as m; print(m.version('protobuf'))")
[ "${protobuf%%.*}" -lt 6 ]
if venv/bin/python make.py 2> error; then exit 1; fi
grep -q "VersionError" error
echo "with that package protobuf is $protobuf, and onnx says: $(tail -1 error | cut -c1-75)"
echo "as recorded"
