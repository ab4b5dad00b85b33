#!/usr/bin/env bash
# version: @vladmandic/human 3.3.6 (npm, Node 20; its browser bundle, with the plain "cpu" backend and no model
#   loaded)
# Behaviour: result.persons of a detection puts faces, bodies and hands together, with hands.left and hands.right for
#   each person. "left" becomes a hand whose right edge is within the box of the body, "right" one whose left edge is.
#   A hand that lies within the box altogether is both, and the last of the list replaces those before. Neither wrists
#   nor the sides of the body are looked at.
# Guess: of two hands at the two wrists, hands.left is the hand at the keypoint leftWrist and hands.right the one at
#   rightWrist.
# Seen: both are the same hand, the last one in the list, and the other hand belongs to nobody, with its gesture;
#   turning the list around gives the other hand twice. Only hands that stick out of the box are told apart, and then
#   by the sides of the picture: of a person who faces the camera, hands.left is the hand at rightWrist. A child
#   between an adult's arms gets a hand of the adult.
# Why it matters: whoever reads which hand waves, signs or holds something from persons gets one hand two times, as a
#   rule when the hands are before the body or above the elbows, and "thumbs up" of the other hand is lost; nothing
#   tells so.
# Instead: take result.hand and result.body, and give each hand to the nearest of the bodies' keypoints leftWrist and
#   rightWrist.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @vladmandic/human@3.3.6
cat > see.mjs <<'JS'
import assert from "node:assert";
import { pathToFileURL } from "node:url";

// The bundle is made for browsers: it must not take this for Node, and gets the few functions it wants of a platform.
const bundle = pathToFileURL("node_modules/@vladmandic/human/dist/human.esm.js").href;
Object.defineProperty(process, "versions", { value: {} });
const { Human } = await import(bundle);
const off = { enabled: false };
const models = { face: off, body: off, hand: off, object: off, gesture: off };
const human = new Human({ backend: "cpu", debug: false, filter: off, ...models });
human.tf.env().setPlatform("plain", { isTypedArray: ArrayBuffer.isView, now: () => performance.now() });
await human.tf.setBackend("cpu");
await human.tf.ready();

const around = ([x, y], half) => [x - half, y - half, 2 * half, 2 * half];

// What the models would have found: the arrays of a detection without models are filled, and its own getter makes
// persons of them.
async function persons(people, hands) {
  const result = await human.detect(human.tf.zeros([1, 480, 640, 3]));
  assert.strictEqual(result.error, null);
  assert.deepStrictEqual([result.width, result.height], [640, 480]);
  people.forEach(({ head, box, leftWrist, rightWrist }, id) => {
    result.face.push({ id, score: 1, box: around(head, 20) });
    const wrists = Object.entries({ leftWrist, rightWrist });
    const keypoints = wrists.map(([part, position]) => ({ part, position, score: 1 }));
    result.body.push({ id, score: 1, box, keypoints });
  });
  hands.forEach((hand, id) => {
    result.hand.push({ id, score: 1, label: "hand", ...hand });
    result.gesture.push({ hand: id, gesture: hand.gesture });
  });
  return result.persons;
}

function atWrists({ leftWrist, rightWrist }) {
  return [{ name: "at rightWrist", box: around(rightWrist, 25), gesture: "thumbs up" },
    { name: "at leftWrist", box: around(leftWrist, 25), gesture: "victory" }];
}
const told = (person) => ({ left: person.hands.left?.name, right: person.hands.right?.name });

// A person who faces the camera, hands before the chest, elbows out: the left wrist is on the right in the picture.
const facing = { head: [320, 80], box: [200, 50, 240, 400], leftWrist: [360, 210], rightWrist: [280, 210] };
const hands = atWrists(facing);
const [person] = await persons([facing], hands);
console.log("hands before the body:", told(person), "gestures", person.gestures.map((g) => g.gesture));
assert.deepStrictEqual(told(person), { left: "at leftWrist", right: "at leftWrist" }); // guess: left and right
assert.strictEqual(person.hands.left, person.hands.right);
assert.deepStrictEqual(person.gestures.map((g) => g.gesture), ["victory"]); // guess: both

const [turned] = await persons([facing], [...hands].reverse());
console.log("the list the other way round:", told(turned));
assert.deepStrictEqual(told(turned), { left: "at rightWrist", right: "at rightWrist" });

// Arms stretched to both sides: the box of the body ends at the wrists, the hands stick out of it.
const stretched = { head: [320, 80], box: [150, 50, 340, 400], leftWrist: [490, 170], rightWrist: [150, 170] };
const [wide] = await persons([stretched], atWrists(stretched));
console.log("arms stretched to the sides:", told(wide));
assert.deepStrictEqual(told(wide), { left: "at rightWrist", right: "at leftWrist" }); // guess: the other way round

// A child before an adult whose hands are at the child's shoulders; the child's own hands hang beside it.
const adult = { head: [320, 80], box: [200, 50, 240, 400], leftWrist: [350, 300], rightWrist: [290, 300] };
const child = { head: [320, 260], box: [250, 230, 140, 220], leftWrist: [360, 400], rightWrist: [280, 400] };
const [ofChild, ofAdult] = [atWrists(child), atWrists(adult)].map((list, i) =>
  list.map((hand) => ({ ...hand, name: `${["child", "adult"][i]} ${hand.name}` })));
const both = await persons([adult, child], [...ofChild, ...ofAdult]);
console.log("child before an adult:", told(both[1]));
const adults = "adult at leftWrist";
assert.deepStrictEqual(told(both[1]), { left: adults, right: adults }); // guess: the two of the child

// The nearest wrist tells the hands apart.
for (const one of [facing, stretched]) {
  for (const hand of atWrists(one)) {
    const centre = [hand.box[0] + hand.box[2] / 2, hand.box[1] + hand.box[3] / 2];
    const far = (part) => Math.hypot(centre[0] - one[part][0], centre[1] - one[part][1]);
    const nearest = far("leftWrist") < far("rightWrist") ? "leftWrist" : "rightWrist";
    assert.strictEqual(`at ${nearest}`, hand.name);
  }
}
JS
node --no-warnings see.mjs
echo "seen: one hand is both hands of a person, and the other is nobody's"
echo "as recorded"
