#!/usr/bin/env bash
# version: @babylonjs/core 9.35.0 and @babylonjs/loaders 9.28.0 (npm, Node 18 or later)
# Behaviour: Babylon.js scenes are left-handed unless asked otherwise. Its glTF loader turns right-handed data into the scene's
#   frame. Its BVH loader (both through the same LoadAssetContainerAsync) takes the numbers of the right-handed BVH file as
#   they are, offsets, positions and rotations. The skeleton is consistent in itself, but mirrored. Nothing is said.
# Guess: one person, given once as glTF and once as BVH, stands at one place, the left hand on the left hand.
# Seen: a person who faces +z, left hand at x = +70 in both files. In one scene the left hand of the glTF is at x = -70 and that
#   of the BVH at x = +70. A camera before him shows the left hand on the right side of the picture (pixel 419 of 640), as it
#   has to be, for glTF, and on the left side (221) for BVH. With scene.useRightHandedSystem both are at +70 and on the right.
# Why it matters: left and right keypoints change places on the page only, so a right-handed throw looks left-handed, and a
#   skeleton drawn over the glTF body of the same person has its limbs on the wrong sides.
# Instead: set scene.useRightHandedSystem = true before loading, or hang the skeleton under a node that mirrors x.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @babylonjs/core@9.35.0 @babylonjs/loaders@9.28.0
cat > see.mjs <<'JS'
import assert from "assert";
import { FreeCamera } from "@babylonjs/core/Cameras/freeCamera.js";
import { NullEngine } from "@babylonjs/core/Engines/nullEngine.js";
import { LoadAssetContainerAsync } from "@babylonjs/core/Loading/sceneLoader.js";
import { Matrix, Vector3 } from "@babylonjs/core/Maths/math.vector.js";
import { Scene } from "@babylonjs/core/scene.js";
import "@babylonjs/loaders/BVH/index.js";
import "@babylonjs/loaders/glTF/index.js";

// One person in both files: right-handed, y up, facing +z, so that the left side is +x.
const gltf = JSON.stringify({
  asset: { version: "2.0" }, scene: 0, scenes: [{ nodes: [0] }],
  nodes: [
    { name: "Hips", translation: [0, 90, 0], children: [1, 3] },
    { name: "LeftArm", translation: [20, 50, 0], children: [2] }, { name: "LeftHand", translation: [50, 0, 0] },
    { name: "RightArm", translation: [-20, 50, 0], children: [4] }, { name: "RightHand", translation: [-50, -30, 0] },
  ],
});
const joint = (name, offset, inner) =>
  `JOINT ${name}\n{\nOFFSET ${offset}\nCHANNELS 3 Zrotation Xrotation Yrotation\n${inner}\n}\n`;
const end = "End Site\n{\nOFFSET 0 0 0\n}";
const bvh =
  "HIERARCHY\nROOT Hips\n{\nOFFSET 0 90 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n" +
  joint("LeftArm", "20 50 0", joint("LeftHand", "50 0 0", end)) +
  joint("RightArm", "-20 50 0", joint("RightHand", "-50 -30 0", end)) +
  "}\nMOTION\nFrames: 1\nFrame Time: 0.04\n0 90 0" + " 0".repeat(15) + "\n";

async function hands(rightHanded) {
  const scene = new Scene(new NullEngine({
    renderWidth: 640, renderHeight: 480, textureSize: 512, deterministicLockstep: false, lockstepMaxSteps: 1,
  }));
  scene.useRightHandedSystem = rightHanded;
  const camera = new FreeCamera("before him", new Vector3(0, 100, 400), scene);
  camera.setTarget(new Vector3(0, 100, 0));
  const seen = {};
  for (const [kind, text] of [["gltf", gltf], ["bvh", bvh]]) {
    const file = await LoadAssetContainerAsync("data:" + text, scene, { pluginExtension: "." + kind });
    file.addAllToScene();
    const nodes = kind === "gltf" ? file.transformNodes : file.skeletons[0].bones;
    for (const name of ["LeftHand", "RightHand"]) {
      const place = nodes.find((n) => n.name === name).getAbsolutePosition();
      const pixel = Vector3.Project(place, Matrix.Identity(),
        camera.getViewMatrix(true).multiply(camera.getProjectionMatrix(true)), camera.viewport.toGlobal(640, 480));
      seen[`${kind} ${name}`] = { x: Math.round(place.x), y: Math.round(place.y), column: Math.round(pixel.x) };
    }
  }
  return seen;
}

const usual = await hands(false);
console.log("left-handed scene (the default):", usual);
assert.equal(usual["gltf LeftHand"].x, -70);
assert(usual["gltf LeftHand"].column > 400 && usual["gltf RightHand"].column < 240); // who faces you has his left on your right
assert.equal(usual["bvh LeftHand"].x, 70); // guess: -70
assert(usual["bvh LeftHand"].column < 240 && usual["bvh RightHand"].column > 400); // guess: as for glTF
for (const side of ["LeftHand", "RightHand"]) {
  assert.equal(usual[`bvh ${side}`].x, -usual[`gltf ${side}`].x);
  assert.equal(usual[`bvh ${side}`].y, usual[`gltf ${side}`].y);
}
const other = await hands(true);
console.log("right-handed scene:", other);
for (const side of ["LeftHand", "RightHand"]) assert.deepEqual(other[`bvh ${side}`], other[`gltf ${side}`]);
process.exit(0);
JS
node see.mjs
echo "seen: the BVH person is mirrored beside the glTF person"
