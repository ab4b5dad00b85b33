#!/usr/bin/env bash
# version: kalidokit 1.1.5 (npm)
# Behaviour: Pose.solve with runtime "tfjs" turns pixels into fractions inside the caller's own list of 2D keypoints; Face.solve with runtime
#   "mediapipe" turns fractions into pixels there, z too. The pose's 3D list gets "visibility". A second call with the same list gives
#   other results. And what the code calls the centre of the hips is one hip, so the person stands to one side by half the hips.
# Guess: the lists are read only: solving a frame twice gives the same rig twice, and what is drawn afterwards is where it was.
# Seen: a shoulder at (356, 140) in a picture of 640 x 480 is at (0.556, 0.292) after the call, and at (0.0009, 0.0006) after a second; hips that
#   were at x = 0.069 are at -0.399 the second time. A nose at (0.5, 0.4) of a face is at (320, 192) after the call. A symmetric person in
#   the middle gets x = 0.069, its right hip, instead of 0.1.
# Why it matters: pages draw the skeleton, smooth it or store it after they have posed the avatar: everything lands in the top left corner, or
#   outside. Frames that are solved again (no new result yet, two avatars, a record that is played) jump.
# Instead: give a copy: Pose.solve(structuredClone(world), structuredClone(pixels), ...); or fractions, and runtime "mediapipe" without imageSize.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts kalidokit@1.1.5
cat > see.cjs <<'JS'
const assert = require("node:assert");
const Kalidokit = require("./node_modules/kalidokit/dist/kalidokit.umd.js");

const imageSize = { width: 640, height: 480 };
const options = { runtime: "tfjs", imageSize };
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

// a symmetric person who stands in the middle of the picture; both lists in MediaPipe's order of 33
function person() {
  const world = Array.from({ length: 33 }, () => ({ x: 0, y: -0.7, z: 0, score: 1 }));
  const pairs = { 11: [0.18, -0.5], 13: [0.22, -0.25], 15: [0.22, 0], 17: [0.22, 0.08], 19: [0.22, 0.09], 21: [0.22, 0.08], 23: [0.1, 0],
    25: [0.1, 0.4], 27: [0.1, 0.8], 29: [0.1, 0.85], 31: [0.1, 0.86] };
  for (const [left, [x, y]] of Object.entries(pairs)) {
    Object.assign(world[left], { x, y });
    Object.assign(world[Number(left) + 1], { x: -x, y });
  }
  return { world, pixels: world.map(({ x, y }) => ({ x: 320 + 200 * x, y: 240 + 200 * y, z: 0, score: 1 })) };
}

const { world, pixels } = person();
const shoulder = () => `(${pixels[11].x.toPrecision(3)}, ${pixels[11].y.toPrecision(3)})`;
console.log("shoulder before", shoulder());
near(pixels[11].x, 356);
const first = Kalidokit.Pose.solve(world, pixels, options);
console.log("shoulder after the first call", shoulder(), "hips", first.Hips.position);
near(pixels[11].x, 356 / 640);
near(pixels[11].y, 140 / 480);
assert.strictEqual(world[11].visibility, 1);
const second = Kalidokit.Pose.solve(world, pixels, options);
console.log("shoulder after the second call", shoulder(), "hips", second.Hips.position);
near(pixels[11].x, 356 / 640 / 640);
assert.ok(Math.abs(first.Hips.position.x - second.Hips.position.x) > 0.4);

const again = person();
const kept = structuredClone(again);
const cloned = Kalidokit.Pose.solve(structuredClone(again.world), structuredClone(again.pixels), options);
assert.deepStrictEqual(again, kept);
near(cloned.Hips.position.x, first.Hips.position.x);

// the hips' x is "centre - 0.4" by the code's own names: 0.1 for a person in the middle; it is that of lm2d[24], the right hip
near(first.Hips.position.x, again.pixels[24].x / 640 - 0.4);
assert.ok(Math.abs(first.Hips.position.x - 0.1) > 0.03);

const face = Array.from({ length: 478 }, (_, i) => ({ x: 0.5 + 0.1 * Math.cos(i), y: 0.4 + 0.1 * Math.sin(i), z: 0.01 * Math.sin(3 * i) }));
face[1] = { x: 0.5, y: 0.4, z: -0.05 };
Kalidokit.Face.solve(face, { runtime: "mediapipe", imageSize });
console.log("nose of the face after the call", face[1]);
near(face[1].x, 320);
near(face[1].y, 192);
near(face[1].z, -32);
JS
node see.cjs
echo "seen: the caller's keypoints are changed by solving"
