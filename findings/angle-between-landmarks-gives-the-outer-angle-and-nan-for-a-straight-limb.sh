#!/usr/bin/env bash
# version: angle-between-landmarks 1.1.4 (npm)
# Behaviour: without options the package gives the larger of the two angles between three landmarks, so a right-angled elbow has 270 degrees. A
#   straight limb is NaN in many directions, a folded one too (the cosine's rounding error leaves -1 to 1). "round: false" rounds as well.
# Guess: 90 degrees at a right angle, 180 for a straight limb in any direction, and decimals when rounding is switched off.
# Seen: 270 by default and 90 with small: true. Of a limb (60 and 45 pixels) straightened in 360 directions, 152 are NaN, folded 80 (Node 20);
#   111.19 degrees are 111 with round: false, and 89.6 are 90.
# Why it matters: "arm stretched", "legs straight" are just the poses that counters of exercises wait for: comparisons with NaN are false, so
#   the repetition is not counted, for some directions of the arm only; means become NaN.
# Instead: Math.atan2(Math.abs(cross), dot) of the two vectors from the middle landmark: 0 to 180 degrees, never NaN.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts angle-between-landmarks@1.1.4
cat > see.cjs <<'JS'
const assert = require("node:assert");
const loaded = require("angle-between-landmarks");
const angle = loaded.default ?? loaded;

const point = (x, y) => ({ x, y });
const degrees = (d) => (d * Math.PI) / 180;
const around = (d, r) => point(300 + r * Math.cos(degrees(d)), 300 + r * Math.sin(degrees(d)));
const elbow = point(300, 300);
function sure(a, b, c) {
  const [ux, uy, vx, vy] = [a.x - b.x, a.y - b.y, c.x - b.x, c.y - b.y];
  return (Math.atan2(Math.abs(ux * vy - uy * vx), ux * vx + uy * vy) * 180) / Math.PI;
}

const right = [point(300, 200), elbow, point(380, 300)];
console.log("right angle: default", angle(...right), "small", angle(...right, { small: true, round: true }));
assert.strictEqual(angle(...right), 270);
assert.strictEqual(angle(...right, { small: true, round: true }), 90);

for (const [d, expected] of [[111.19, 111], [89.6, 90]]) {
  const limb = [around(0, 100), elbow, around(d, 80)];
  console.log(d, "degrees with round: false:", angle(...limb, { small: true, round: false }), "by atan2", sure(...limb).toFixed(2));
  assert.strictEqual(angle(...limb, { small: true, round: false }), expected);
  assert.ok(Math.abs(sure(...limb) - d) < 1e-9);
}

for (const [name, turn, expected] of [["straight", 180, 180], ["folded", 0, 0]]) {
  let nan = 0;
  for (let d = 0; d < 360; d++) {
    const limb = [around(d, 60), elbow, around(d + turn, 45)];
    const a = angle(...limb, { small: true, round: true });
    if (Number.isNaN(a)) nan++;
    else assert.strictEqual(a, expected);
    assert.ok(Math.abs(sure(...limb) - expected) < 1e-6);
  }
  console.log(name, "limbs in 360 directions:", nan, "are NaN");
  assert.ok(nan > 5 && nan < 300);
}
JS
node see.cjs
echo "seen: the outer angle by default, NaN for straight limbs, rounded without rounding"
