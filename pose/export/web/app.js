// Runs an exported model in the browser: crop, network, drawing. The model gives keypoints in pixels of the crop, and
// everything here follows the Python of the package that wrote this folder, so that both find the same keypoints.
import * as ort from "./ort.wasm.bundle.min.mjs";

const PADDING = 1.25; // of a box, on all sides together
const THRESHOLD = 0.2; // keypoints that score less are not drawn
const OPAQUE_FROM = 0.6; // scores fade below this
const LEFT = "#2d9cff", RIGHT = "#ff8016", OUTLINE = "#12141c";
const PEOPLE = ["#baeb34", "#ff5cad", "#ffe242", "#b57eff", "#30d698", "#f5f5f5"];

const element = (id) => document.getElementById(id);
const canvas = element("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });
const state = { about: null, session: null, image: null, boxes: [], video: null, busy: false };

// The affine from image to crop pixels, without rotation: crop = scale * image + [x, y].
export function cropAffine([left, top, width, height], [cropHeight, cropWidth]) {
  const grown = PADDING * Math.max(width, (height * cropWidth) / cropHeight);
  const less = state.about?.unbiased ? 1 : 0; // UDP counts the steps between pixels
  const scale = (cropWidth - less) / grown;
  const [middleX, middleY] = [(cropWidth - less) / 2, (cropHeight - less) / 2];
  return { scale, x: middleX - scale * (left + width / 2), y: middleY - scale * (top + height / 2) };
}

// Where a crop pixel is as large as two image pixels or more, means over blocks of the image come first.
function shrink(image, affine, [cropHeight, cropWidth]) {
  const block = Math.floor(1e-6 + 1 / affine.scale);
  if (block < 2) return { image, affine };
  const range = (offset, length, size) => {
    const low = Math.floor(-offset / affine.scale) - block, high = Math.ceil((length - offset) / affine.scale) + block;
    return [Math.min(Math.max(low, 0), size), Math.min(Math.max(high, 0), size)];
  };
  const [left, right] = range(affine.x, cropWidth, image.width);
  const [top, bottom] = range(affine.y, cropHeight, image.height);
  if (right - left < block || bottom - top < block) return { image, affine };
  const width = Math.ceil((right - left) / block), height = Math.ceil((bottom - top) / block);
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const sums = [0, 0, 0];
    const rows = Math.min(top + (y + 1) * block, image.height), columns = Math.min(left + (x + 1) * block, image.width);
    for (let v = top + y * block; v < rows; v++) for (let u = left + x * block; u < columns; u++) {
      const at = 4 * (v * image.width + u);
      for (let c = 0; c < 3; c++) sums[c] += image.data[at + c];
    }
    for (let c = 0; c < 3; c++) data[4 * (y * width + x) + c] = sums[c] / (block * block);
  }
  const middle = (block - 1) / 2;
  return {
    image: { data, width, height },
    affine: {
      scale: affine.scale * block,
      x: affine.x + affine.scale * (left + middle),
      y: affine.y + affine.scale * (top + middle),
    },
  };
}

// Cuts a crop (height, width, 3) of bytes out of ImageData: bilinear, black outside of it.
export function cutCrop(whole, box, size) {
  const { image, affine } = shrink(whole, cropAffine(box, size), size);
  const [height, width] = size, { data } = image;
  const crop = new Uint8Array(height * width * 3);
  const pixel = (x, y, c) =>
    x < 0 || y < 0 || x >= image.width || y >= image.height ? 0 : data[4 * (y * image.width + x) + c];
  for (let v = 0; v < height; v++) {
    const y = (v - affine.y) / affine.scale, top = Math.floor(y), down = y - top;
    for (let u = 0; u < width; u++) {
      const x = (u - affine.x) / affine.scale, left = Math.floor(x), across = x - left;
      for (let c = 0; c < 3; c++) {
        const upper = pixel(left, top, c) * (1 - across) + pixel(left + 1, top, c) * across;
        const lower = pixel(left, top + 1, c) * (1 - across) + pixel(left + 1, top + 1, c) * across;
        crop[3 * (v * width + u) + c] = Math.round(upper * (1 - down) + lower * down);
      }
    }
  }
  return crop;
}

// The keypoints of the people in boxes [left, top, width, height] of ImageData: [{ box, keypoints: [x, y, score][] }].
export async function predict(image, boxes) {
  const size = state.about.input_size, [height, width] = size;
  const crops = new Uint8Array(boxes.length * height * width * 3);
  boxes.forEach((box, i) => crops.set(cutCrop(image, box, size), i * height * width * 3));
  const tensor = new ort.Tensor("uint8", crops, [boxes.length, height, width, 3]);
  const { keypoints, scores } = await state.session.run({ crops: tensor });
  const count = state.about.skeleton.keypoint_names.length;
  return boxes.map((box, i) => {
    const { scale, x, y } = cropAffine(box, size);
    const points = Array.from({ length: count }, (_, k) => {
      const at = i * count + k;
      return [(keypoints.data[2 * at] - x) / scale, (keypoints.data[2 * at + 1] - y) / scale, scores.data[at]];
    });
    return { box, keypoints: points };
  });
}

function sides(skeleton) {
  const side = {};
  for (const [left, right] of skeleton.flip_pairs) [side[left], side[right]] = [LEFT, RIGHT];
  return side;
}

function draw(people) {
  const { skeleton } = state.about, side = sides(skeleton);
  const screen = Math.max(1, canvas.width / canvas.clientWidth || 1);
  people.forEach(({ box, keypoints }, index) => {
    const own = PEOPLE[index % PEOPLE.length];
    const width = Math.max(2 * screen, Math.min(6 * screen, Math.max(box[2], box[3]) / 80));
    const alpha = keypoints.map(([, , score]) => (score > THRESHOLD ? Math.min(1, score / OPAQUE_FROM) : 0));
    context.lineCap = "round";
    for (const [from, to] of skeleton.edges) {
      const visible = Math.min(alpha[from], alpha[to]);
      if (!visible) continue;
      context.globalAlpha = visible;
      for (const [color, extra] of [[OUTLINE, 2 * screen], [side[from] === side[to] ? side[from] ?? own : own, 0]]) {
        context.strokeStyle = color;
        context.lineWidth = width + extra;
        context.beginPath();
        context.moveTo(keypoints[from][0] + 0.5, keypoints[from][1] + 0.5);
        context.lineTo(keypoints[to][0] + 0.5, keypoints[to][1] + 0.5);
        context.stroke();
      }
    }
    keypoints.forEach(([x, y], k) => {
      if (!alpha[k]) return;
      context.globalAlpha = alpha[k];
      context.beginPath();
      context.arc(x + 0.5, y + 0.5, 1.2 * width, 0, 2 * Math.PI);
      context.fillStyle = side[k] ?? own;
      context.strokeStyle = OUTLINE;
      context.lineWidth = screen;
      context.fill();
      context.stroke();
    });
    context.globalAlpha = 1;
  });
}

function drawBoxes(boxes) {
  const screen = Math.max(1, canvas.width / canvas.clientWidth || 1);
  boxes.forEach((box, index) => {
    for (const [color, width] of [[OUTLINE, 4 * screen], [PEOPLE[index % PEOPLE.length], 2 * screen]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.strokeRect(...box);
    }
  });
}

function tell(text, { error = false } = {}) {
  element("status").textContent = text;
  element("status").classList.toggle("error", error);
}

// Finds and draws what is in the image that is shown; resolves to the people.
export async function update() {
  if (!state.image || state.busy) return [];
  state.busy = true;
  try {
    const image = state.image, boxes = state.boxes.length ? state.boxes : [[0, 0, image.width, image.height]];
    const started = performance.now();
    const people = await predict(image, boxes);
    const ms = performance.now() - started;
    context.putImageData(image, 0, 0);
    drawBoxes(state.boxes);
    draw(people);
    const found = people.reduce((sum, { keypoints }) => sum + keypoints.filter(([, , s]) => s > THRESHOLD).length, 0);
    const whole = state.boxes.length ? "" : " The whole image was taken as one person: drag a box around each.";
    tell(`${people.length} ${people.length === 1 ? "person" : "people"}, ${found} keypoints, ${ms.toFixed(0)} ms.${whole}`);
    return people;
  } finally {
    state.busy = false;
  }
}

function show(source, width, height) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.clearRect(0, 0, width, height); // what was shown before, which a transparent image lets through
  context.drawImage(source, 0, 0);
  state.image = context.getImageData(0, 0, width, height);
}

export async function openImage(blob) {
  stopCamera();
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    tell("This file is no image that the browser can read; choose a JPEG or PNG.", { error: true });
    return [];
  }
  state.boxes = [];
  show(bitmap, bitmap.width, bitmap.height);
  return update();
}

function stopCamera() {
  state.video?.srcObject.getTracks().forEach((track) => track.stop());
  state.video = null;
  element("camera").textContent = "Start the camera";
}

async function startCamera() {
  if (state.video) return stopCamera();
  const video = document.createElement("video");
  try {
    if (!navigator.mediaDevices) throw new Error("pages from other machines need https for it");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    await video.play();
  } catch (error) {
    tell(`No camera: ${error.message}.`, { error: true });
    return;
  }
  state.video = video;
  state.boxes = [];
  element("camera").textContent = "Stop the camera";
  while (state.video === video) {
    show(video, video.videoWidth, video.videoHeight);
    await update();
    await new Promise(requestAnimationFrame);
  }
}

function place(event) {
  const frame = canvas.getBoundingClientRect();
  return [
    ((event.clientX - frame.left) * canvas.width) / frame.width,
    ((event.clientY - frame.top) * canvas.height) / frame.height,
  ];
}

function watchBoxes() {
  let start = null;
  const boxTo = ([x, y]) => [Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1])];
  canvas.addEventListener("pointerdown", (event) => {
    if (!state.image) return;
    start = place(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!start || state.video) return;
    context.putImageData(state.image, 0, 0);
    drawBoxes([...state.boxes, boxTo(place(event))]);
  });
  canvas.addEventListener("pointerup", async (event) => {
    if (!start) return;
    const box = boxTo(place(event));
    start = null;
    if (box[2] >= 8 && box[3] >= 8) state.boxes.push(box);
    await update();
  });
  element("clear").addEventListener("click", () => {
    state.boxes = [];
    update();
  });
}

async function load() {
  ort.env.wasm.numThreads = 1; // more need headers that plain static servers do not send
  ort.env.wasm.wasmPaths = { wasm: new URL("./ort-wasm-simd-threaded.wasm", import.meta.url).href };
  state.about = await (await fetch("model.json")).json();
  const { skeleton } = state.about;
  const indices = (pairs) => pairs.map((pair) => pair.map((name) => skeleton.keypoint_names.indexOf(name)));
  [skeleton.flip_pairs, skeleton.edges] = [indices(skeleton.flip_pairs), indices(skeleton.edges)];
  state.session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
  element("file").addEventListener("change", ({ target }) => target.files.length && openImage(target.files[0]));
  element("camera").addEventListener("click", startCamera);
  watchBoxes();
  for (const id of ["file", "camera", "clear"]) element(id).disabled = false;
  tell("Ready.");
}

window.pose = { openImage, predict, state, update, ready: load() };
window.pose.ready.catch((error) => tell(`The model cannot be loaded: ${error.message}`, { error: true }));
