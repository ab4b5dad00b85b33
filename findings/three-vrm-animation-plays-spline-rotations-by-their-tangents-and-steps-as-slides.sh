#!/usr/bin/env bash
# version: @pixiv/three-vrm-animation 3.5.5, @pixiv/three-vrm-core 3.5.5 and three 0.187.0 (npm, Node 20)
# Behaviour: a VRM Animation file is a glTF animation, so its channels may be LINEAR, STEP or CUBICSPLINE.
#   createVRMAnimationClip makes each rotation a new track with the times and the values, and leaves behind how they
#   are to be interpolated; hips' positions keep it. A spline has three quaternions per key (tangent, value, tangent),
#   of which the new track, which takes keys to be straight, shows the last or the first: a tangent. A step becomes a
#   slide.
# Guess: the avatar's bones turn as the file's own nodes do when three.js plays the same glTF, whatever the
#   interpolation is.
# Seen: LINEAR agrees to a hundredth of a degree. With CUBICSPLINE and flat tangents, as "ease in, ease out" has, all
#   rotations are (0, 0, 0, 0): the avatar stands in T-pose from the first to the last frame while its hips go down
#   and up as they should, and the hand is up to 56 centimetres off. With smooth tangents the arm points up to 179
#   degrees wrong, the quaternions' lengths go from 0.03 to 1.2, and the upper arm of 25 centimetres shrinks or grows
#   by up to 20. With STEP an arm that should jump is up to 69 degrees off on its way. No warning is given.
# Why it matters: animators' tools write splines, and choreography with held poses is written in steps; the file plays
#   well in every glTF viewer, and the person on the page is stiff or torn.
# Instead: give each rotation track of the clip the interpolant of its original, as the end of this script does, or
#   sample the animation at every frame before it is written.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts three@0.187.0 @pixiv/three-vrm-core@3.5.5 \
  @pixiv/three-vrm-animation@3.5.5
cat > see.mjs <<'JS'
import assert from "node:assert";
import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { VRMAnimationLoaderPlugin, createVRMAnimationClip } from "@pixiv/three-vrm-animation";
import { VRMHumanoid } from "@pixiv/three-vrm-core";

// The bones that each VRM has, in T-pose: parent and place in the parent, metres.
const bones = { hips: [null, [0, 1, 0]], spine: ["hips", [0, 0.1, 0]], head: ["spine", [0, 0.5, 0]] };
for (const [side, sign] of [["left", 1], ["right", -1]]) {
  Object.assign(bones, { [`${side}UpperArm`]: ["spine", [0.2 * sign, 0.4, 0]],
    [`${side}LowerArm`]: [`${side}UpperArm`, [0.25 * sign, 0, 0]],
    [`${side}Hand`]: [`${side}LowerArm`, [0.25 * sign, 0, 0]],
    [`${side}UpperLeg`]: ["hips", [0.1 * sign, 0, 0]], [`${side}LowerLeg`]: [`${side}UpperLeg`, [0, -0.45, 0]],
    [`${side}Foot`]: [`${side}LowerLeg`, [0, -0.45, 0]] });
}
const names = Object.keys(bones);

// A binary glTF file with one animation: channels of [bone, path, list of values], keys at the given times.
function vrma(times, channels, interpolation) {
  const floats = [];
  const [accessors, bufferViews] = [[], []];
  function accessor(values, type, width) {
    bufferViews.push({ buffer: 0, byteOffset: 4 * floats.length, byteLength: 4 * values.length });
    floats.push(...values);
    const bounds = type === "SCALAR" ? { min: [Math.min(...values)], max: [Math.max(...values)] } : {};
    const count = values.length / width;
    accessors.push({ bufferView: accessors.length, componentType: 5126, count, type, ...bounds });
    return accessors.length - 1;
  }
  const input = accessor(times, "SCALAR", 1);
  const samplers = channels.map(([, path, values]) => {
    const [type, width] = path === "rotation" ? ["VEC4", 4] : ["VEC3", 3];
    return { input, output: accessor(values.flat(), type, width), interpolation };
  });
  const nodes = names.map((name) => {
    const children = names.flatMap((child, i) => (bones[child][0] === name ? [i] : []));
    return { name, translation: bones[name][1], ...(children.length ? { children } : {}) };
  });
  const humanBones = Object.fromEntries(names.map((name, node) => [name, { node }]));
  const targets = channels.map(([bone, path], sampler) => ({ sampler, target: { node: names.indexOf(bone), path } }));
  const VRMC_vrm_animation = { specVersion: "1.0", humanoid: { humanBones } };
  const text = JSON.stringify({ asset: { version: "2.0" }, scene: 0, scenes: [{ nodes: [0] }], nodes, accessors,
    bufferViews, buffers: [{ byteLength: 4 * floats.length }], animations: [{ samplers, channels: targets }],
    extensionsUsed: ["VRMC_vrm_animation"], extensions: { VRMC_vrm_animation } });
  const json = Buffer.from(text + " ".repeat((4 - (text.length % 4)) % 4));
  const words = (...numbers) => Buffer.from(Uint32Array.from(numbers).buffer);
  const [glTF, JSON_CHUNK, BIN_CHUNK] = [0x46546c67, 0x4e4f534a, 0x004e4942];
  const file = Buffer.concat([words(glTF, 2, 28 + json.length + 4 * floats.length, json.length, JSON_CHUNK), json,
    words(4 * floats.length, BIN_CHUNK), Buffer.from(new Float32Array(floats).buffer)]);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
}

// An avatar with the same bones, as a VRM file gives it.
function avatar() {
  const nodes = Object.fromEntries(names.map((name) => [name, new THREE.Object3D()]));
  const scene = new THREE.Group();
  for (const name of names) {
    const [parent, place] = bones[name];
    nodes[name].name = `avatar ${name}`;
    nodes[name].position.set(...place);
    (parent ? nodes[parent] : scene).add(nodes[name]);
  }
  scene.updateMatrixWorld(true);
  const humanoid = new VRMHumanoid(Object.fromEntries(names.map((name) => [name, { node: nodes[name] }])));
  scene.add(humanoid.normalizedHumanBonesRoot);
  return { scene, humanoid, meta: { metaVersion: "1" }, nodes };
}

const place = (node) => node.getWorldPosition(new THREE.Vector3());
const apart = (a, b) => THREE.MathUtils.radToDeg(a.clone().normalize().angleTo(b.clone().normalize()));

// Plays the file on its own nodes by three.js alone, and on the avatar; the worst over all frames at 60 Hz.
async function play(title, file, mend = () => {}) {
  const loader = new GLTFLoader().register((parser) => new VRMAnimationLoaderPlugin(parser));
  const gltf = await loader.parseAsync(file, "");
  const [animation] = gltf.userData.vrmAnimations;
  const vrm = avatar();
  const clip = createVRMAnimationClip(animation, vrm);
  mend(clip, animation, vrm.humanoid);
  const mixers = [[gltf.scene, gltf.animations[0]], [vrm.scene, clip]].map(([root, what]) => {
    const mixer = new THREE.AnimationMixer(root);
    mixer.clipAction(what).play();
    return mixer;
  });
  const seen = { degrees: 0, hand: 0, hips: 0, shortest: Infinity, longest: 0, bone: 0 };
  for (let frame = 0; frame < 60; frame++) {
    mixers.forEach((mixer) => mixer.setTime((frame + 0.5) / 60));
    vrm.humanoid.update();
    [gltf.scene, vrm.scene].forEach((scene) => scene.updateMatrixWorld(true));
    const own = (name) => gltf.scene.getObjectByName(name);
    const { leftUpperArm: arm, leftLowerArm: elbow, leftHand: hand, hips } = vrm.nodes;
    const length = arm.quaternion.length();
    seen.degrees = Math.max(seen.degrees, apart(arm.quaternion, own("leftUpperArm").quaternion));
    seen.hand = Math.max(seen.hand, place(hand).distanceTo(place(own("leftHand"))));
    seen.hips = Math.max(seen.hips, place(hips).distanceTo(place(own("hips"))));
    seen.bone = Math.max(seen.bone, Math.abs(place(elbow).distanceTo(place(arm)) - 0.25));
    seen.shortest = Math.min(seen.shortest, length);
    seen.longest = Math.max(seen.longest, length);
  }
  console.log(`${title}:`, Object.entries(seen).map(([key, value]) => `${key} ${value.toFixed(3)}`).join(", "));
  return seen;
}

// The left arm goes down by 70 degrees and comes up again, the elbow bends forward, the hips go down by 10 centimetres.
const times = [0, 0.5, 1];
const turn = (axis, degrees) => new THREE.Quaternion()
  .setFromAxisAngle(new THREE.Vector3(...axis), THREE.MathUtils.degToRad(degrees)).toArray();
const [down, forward] = [[0, -70, 0].map((d) => turn([0, 0, 1], d)), [0, -60, 0].map((d) => turn([0, 1, 0], d))];
const low = [[0, 1, 0], [0, 0.9, 0], [0, 1, 0]];
const channels = (shape) => [["leftUpperArm", "rotation", shape(down)], ["leftLowerArm", "rotation", shape(forward)],
  ["hips", "translation", shape(low)]];
const plain = (keys) => keys;
const flat = (keys) => keys.flatMap((key) => [key.map(() => 0), key, key.map(() => 0)]);
const smooth = (keys) => keys.flatMap((key, i) => {
  const [before, after] = [Math.max(i - 1, 0), Math.min(i + 1, keys.length - 1)];
  // the ends take the slope of their only neighbour, the middle one that of both
  const slope = key.map((_, c) => (keys[after][c] - keys[before][c]) / (times[after] - times[before]));
  return [slope, key, slope];
});

const linear = await play("LINEAR", vrma(times, channels(plain), "LINEAR"));
assert.ok(linear.degrees < 0.1 && linear.hand < 0.001 && linear.hips < 1e-6);

const files = { step: vrma(times, channels(plain), "STEP"), eased: vrma(times, channels(flat), "CUBICSPLINE"),
  spline: vrma(times, channels(smooth), "CUBICSPLINE") };
const step = await play("STEP", files.step);
assert.ok(step.degrees > 65 && step.degrees < 70); // guess: 0
assert.ok(step.hips < 1e-6);
const eased = await play("CUBICSPLINE, flat tangents", files.eased);
assert.strictEqual(eased.longest, 0); // guess: 1
assert.ok(eased.hand > 0.5); // guess: 0
assert.ok(eased.hips < 1e-6);
const spline = await play("CUBICSPLINE, smooth tangents", files.spline);
assert.ok(spline.shortest < 0.1 && spline.longest > 1.1); // guess: 1 and 1
assert.ok(spline.degrees > 90 && spline.hand > 0.5 && spline.bone > 0.15); // guess: 0
assert.ok(spline.hips < 1e-6);

// The remedy: the interpolant of the original track.
function mend(clip, animation, humanoid) {
  for (const [bone, original] of animation.humanoidTracks.rotation) {
    const name = `${humanoid.getNormalizedBoneNode(bone).name}.quaternion`;
    clip.tracks.find((track) => track.name === name).createInterpolant = original.createInterpolant;
  }
}
for (const [name, file] of Object.entries(files)) {
  const mended = await play(`${name}, mended`, file, mend);
  assert.ok(mended.degrees < 0.1 && mended.hand < 0.001 && mended.hips < 1e-6);
}
JS
node see.mjs
echo "seen: rotations lose their interpolation, splines show their tangents and steps slide"
echo "as recorded"
