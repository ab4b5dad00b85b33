#!/usr/bin/env bash
# version: sleap-io 0.9.5, numpy 2.2.6, imageio 2.38.1
# Behaviour: sleap_io.Skeleton(nodes=names) keeps the caller's own list and replaces the texts in it by Node objects, in place.
# Guess: the skeleton copies the list, or makes a new one; the caller's list of names stays a list of names.
# Seen: names is ["nose", "tail"] before and [Node("nose"), Node("tail")] after. "nose" in names is False from then on, names.index
#   ("nose") raises ValueError, json.dumps(names) raises TypeError, and a second Skeleton of the same list shares its nodes with the
#   first: renaming a node of one renames it in the other, and in all instances of both.
# Why it matters: keypoint names usually stand in one constant that datasets, configs and converters share. One skeleton anywhere
#   changes it for all; two skeletons of two animals, made of the same list, can no longer be renamed apart.
# Instead: sleap_io.Skeleton(nodes=list(names)).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sleap-io==0.9.5 numpy==2.2.6 imageio==2.38.1
cat > see.py <<'PY'
import json
import sys

import sleap_io as sio

NAMES = ["nose", "tail"]
mouse = sio.Skeleton(nodes=NAMES, name="mouse")
print("the caller's list:", NAMES, "| 'nose' in it:", "nose" in NAMES)
try:
    json.dumps(NAMES)
    as_json = "fine"
except TypeError as error:
    as_json = f"TypeError: {error}"
print("as JSON:", as_json)
rat = sio.Skeleton(nodes=NAMES, name="rat")
rat.rename_node("nose", "snout")
print("rat:", rat.node_names, "| mouse:", mouse.node_names)
apart = [sio.Skeleton(nodes=list(names)) for names in (["nose", "tail"],) * 2]
apart[1].rename_node("nose", "snout")
print("with copies:", apart[0].node_names, apart[1].node_names)
as_described = not isinstance(NAMES[0], str) and as_json != "fine" and mouse.node_names[0] == "snout"
sys.exit(0 if as_described and apart[0].node_names == ["nose", "tail"] else 1)
PY
venv/bin/python see.py && echo "as described" || { echo "sleap-io behaves otherwise now"; exit 1; }
