#!/usr/bin/env bash
# version: three 0.187.0 (npm), bvhio 1.5.4 (PyPI)
# Behaviour: in a BVH file the hips have an OFFSET (their place in the rest pose) and position channels in each frame. The Python readers
#   take the channels as the place; three.js's BVHLoader adds the OFFSET to them. Every other joint with position channels likewise.
# Guess: the web viewer shows the skeleton where the other readers have it, as it does for files whose root has the OFFSET 0 0 0.
# Seen: hips with OFFSET 0 90 0 that are recorded at (1, 91, 2) are at (1, 91, 2) in bvhio and at (1, 181, 2) in three: the person floats
#   90 above the floor. With the OFFSET 0 0 0 both agree. A knee with position channels is twice as far from the hip.
# Why it matters: 3D keypoints of one file differ by a whole leg length between the page that shows them and the script that uses
#   them; exporters differ in whether they write the root's OFFSET, so half of the files look right.
# Instead: set the root's OFFSET to 0 0 0 before giving the file to BVHLoader, or subtract it from its position tracks.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check bvhio==1.5.4 numpy==2.4.6
npm install --silent --no-audit --no-fund --ignore-scripts three@0.187.0
cat > three.mjs <<'JS'
import fs from "fs";
import * as THREE from "three";
import { BVHLoader } from "three/examples/jsm/loaders/BVHLoader.js";

const { skeleton, clip } = new BVHLoader().parse(fs.readFileSync(process.argv[2], "utf8"));
const root = skeleton.bones[0];
const mixer = new THREE.AnimationMixer(root);
mixer.clipAction(clip).play();
mixer.setTime(0);
root.updateMatrixWorld(true);
const place = {};
for (const bone of skeleton.bones) place[bone.name] = bone.getWorldPosition(new THREE.Vector3()).toArray();
console.log(JSON.stringify(place));
JS
cat > see.py <<'PY'
import json
import subprocess
import sys

import bvhio
import numpy as np

SKELETON = """HIERARCHY
ROOT hips
{{
  OFFSET {root}
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {{
    OFFSET 0.0 -45.0 0.0
    CHANNELS {knee}
    End Site
    {{
      OFFSET 0.0 -44.0 0.0
    }}
  }}
}}
MOTION
Frames: 2
Frame Time: 0.04
{frame}
{frame}
"""


def places(root, knee_moves):
    knee = ("6 Xposition Yposition Zposition " if knee_moves else "3 ") + "Zrotation Xrotation Yrotation"
    frame = "1 91 2 0 0 0" + (" 0 -45 0" if knee_moves else "") + " 0 0 0"
    with open("clip.bvh", "w") as f:
        f.write(SKELETON.format(root=root, knee=knee, frame=frame))
    tree = bvhio.readAsHierarchy("clip.bvh")
    tree.loadPose(0)
    python = {joint.Name: [float(v) for v in joint.PositionWorld] for joint, _, _ in tree.layout()}
    node = json.loads(subprocess.run(["node", "three.mjs", "clip.bvh"], capture_output=True, text=True, check=True).stdout)
    for name in ("hips", "knee"):
        print(f"root OFFSET {root}, {name}: bvhio {python[name]}, three {node[name]}")
    return {k: np.array(python[k]) for k in ("hips", "knee")}, {k: np.array(node[k]) for k in ("hips", "knee")}


python, node = places("0 0 0", False)
assert all(np.allclose(python[k], node[k]) for k in python)
python, node = places("0 90 0", False)
assert np.allclose(python["hips"], [1, 91, 2]) and np.allclose(node["hips"], [1, 181, 2])
assert np.allclose(node["knee"] - python["knee"], [0, 90, 0])
python, node = places("0 0 0", True)
assert np.allclose(python["knee"] - python["hips"], [0, -45, 0]) and np.allclose(node["knee"] - node["hips"], [0, -90, 0])
PY
venv/bin/python -W ignore see.py
echo "seen: three adds the OFFSET to the recorded position"
