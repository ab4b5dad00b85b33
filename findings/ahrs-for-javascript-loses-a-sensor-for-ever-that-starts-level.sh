#!/usr/bin/env bash
# version: ahrs 1.3.3 (npm)
# Behaviour: the package turns gyroscope and accelerometer into an orientation. Its Madgwick filter divides the
#   correction by its length, and where the accelerometer says just what the filter holds already, that is 0 by 0: the
#   quaternion becomes NaN and stays so. Its Mahony filter is to leave the accelerometer out where all three values are
#   0 (it cannot be normalised then), but asks whether each one differs from 0, so one 0 among the three is enough. And
#   the README gives sampleInterval in hertz ("20") and below, for the same 20, as 50 ms; the code takes milliseconds.
# Guess: a sensor that lies level and still, as for a calibration, is level; one that is tilted about a single axis
#   has that tilt; and the README's unit is the code's.
# Seen: the first sample (0, 0, 0, 0, 0, 1), level and still, gives NaN for heading, pitch and roll, with a compass and
#   doInitialisation as well, and no later sample brings it back: of a leg that hangs for half a second and then
#   swings for 20 s, measured in steps of 1/64 g, nothing is left. With Mahony a trunk that bows by 40 degrees about one
#   axis is at 0 after 30 seconds; with 0.000001 g on the axis that reads 0 it is at 40. A bias of the gyroscope of
#   0.6 degrees a second makes 34 degrees in a minute in place of 0.6. A quarter turn in one second, measured and
#   declared at 100 Hz, is 179 degrees, for it was taken for 900; a leg that swings by 30 is off by more than 170.
# Why it matters: the pose in which people calibrate is level and still, and accelerometers count in whole steps, so
#   0 is the commonest value there is. NaN runs on into joint angles and means, and a bow that is missing looks like
#   an upright person.
# Instead: add 0.000001 to the three values of the accelerometer; give sampleInterval: 1000 / hertz, or the seconds as
#   tenth argument of update. With that both filters are right here (checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts ahrs@1.3.3
cat > see.cjs <<'JS'
const assert = require("node:assert");
const fs = require("node:fs");
const AHRS = require("ahrs");

const DEGREE = Math.PI / 180;
const near = (a, b, tolerance) => assert.ok(Math.abs(a - b) < tolerance, `${a} is not ${b}`);
const angles = (filter) => filter.getEulerAnglesDegrees();
const lost = (filter) => Object.values(angles(filter)).every(Number.isNaN);
const filters = ["Madgwick", "Mahony"];

// 1. level and still
const compass = [0.5, 0, -0.8];
for (const [options, field] of [[{}, []], [{}, compass], [{ doInitialisation: true }, compass]]) {
  const filter = new AHRS(options);
  filter.update(0, 0, 0, 0, 0, 1, ...field);
  assert.ok(lost(filter));
}

// a leg that hangs, then swings by 30 degrees about x once a second; also how far off it is
function leg(options, { hertz = 100, step = 0, add = 0, hang = 0.5, swing = 20 } = {}) {
  const filter = new AHRS(options);
  const whole = (value) => (step ? Math.round(value / step) * step : value) + add;
  let bad = 0;
  let worst = 0;
  for (let i = 1; i <= (hang + swing) * hertz; i += 1) {
    const turn = 2 * Math.PI * Math.max(0, i / hertz - hang);
    const roll = 30 * DEGREE * Math.sin(turn);
    const before = 30 * DEGREE * Math.sin(2 * Math.PI * Math.max(0, (i - 1) / hertz - hang));
    filter.update((roll - before) * hertz, 0, 0, whole(0), whole(Math.sin(roll)), whole(Math.cos(roll)));
    bad += lost(filter) ? 1 : 0;
    if (i > hertz * (hang + 2)) worst = Math.max(worst, Math.abs(angles(filter).roll - roll / DEGREE));
  }
  return { bad, worst, samples: (hang + swing) * hertz };
}

const measured = leg({ sampleInterval: 10 }, { step: 1 / 64 });
console.log("leg:", measured.bad, "of", measured.samples, "samples are NaN with Madgwick");
assert.equal(measured.bad, measured.samples);

// 2. a bow by 40 degrees about y, held for 30 seconds: the axis that it turns about reads 0
function bow(algorithm, add) {
  const filter = new AHRS({ sampleInterval: 10, algorithm });
  for (let i = 0; i < 3000; i += 1) {
    filter.update(0, 0, 0, -Math.sin(40 * DEGREE) + add, add, Math.cos(40 * DEGREE) + add);
  }
  return angles(filter).pitch;
}
console.log("bow by 40 degrees with Mahony:", Math.abs(bow("Mahony", 0)), "and with 0.000001 g:", bow("Mahony", 1e-6));
near(bow("Mahony", 0), 0, 1e-9);
near(bow("Madgwick", 0), 40, 0.5);

function drift(add) {
  const filter = new AHRS({ sampleInterval: 10, algorithm: "Mahony" });
  for (let i = 0; i < 6000; i += 1) filter.update(0, 0.01, 0, add, add, 1 + add);
  return angles(filter).pitch;
}
console.log("bias of 0.01 rad/s for a minute:", drift(0), "degrees, with 0.000001 g", drift(1e-6));
near(drift(0), 34.4, 0.1);
near(drift(1e-6), 0.57, 0.05);

// 3. hertz, as the README says, or milliseconds
const readme = fs.readFileSync("node_modules/ahrs/README.md", "utf8");
assert.match(readme, /sample interval, in Hz/);
assert.match(readme, /`20` is equivalent of a sample rate of 0.05/);
function quarter(options, ...seconds) {
  const filter = new AHRS(options);
  const field = seconds.length ? [undefined, undefined, undefined] : [];
  for (let i = 0; i < 100; i += 1) filter.update(0, 0, Math.PI / 2, 1e-6, 1e-6, 1, ...field, ...seconds);
  return angles(filter).heading;
}
for (const algorithm of filters) {
  console.log("quarter turn at 100 Hz,", algorithm, quarter({ sampleInterval: 100, algorithm }));
  near(quarter({ sampleInterval: 100, algorithm }), 179, 2);
  const off = leg({ sampleInterval: 100, algorithm }, { add: 1e-6 }).worst;
  console.log("swinging leg off by up to", off);
  assert.ok(off > 170);
}

// what to do instead
for (const algorithm of filters) {
  near(bow(algorithm, 1e-6), 40, 0.5);
  near(quarter({ sampleInterval: 1000 / 100, algorithm }), 90, 0.1);
  near(quarter({ algorithm }, 1 / 100), 90, 0.1);
  const right = leg({ sampleInterval: 1000 / 100, algorithm }, { step: 1 / 64, add: 1e-6 });
  assert.equal(right.bad, 0);
  assert.ok(right.worst < 3, String(right.worst));
}
JS
node see.cjs
echo "as recorded"
