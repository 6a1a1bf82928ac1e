// The page: photos and paintings in, sliders, the picture out. What computes is in worker.js.
//
// ?model=FILE.json shows another network than model/many.json; `impasto export` writes such files.

const element = (id) => document.getElementById(id);
const [stage, result, video] = ["stage", "result", "video"].map(element);
const context = result.getContext("2d", { willReadFrequently: true });
const SMALLEST = 16;

let about; // what the exported file says
let source; // the photo as a bitmap, or the camera's video
let photo, painted; // pixels, as shown
let busy = false;
let again = false;
const styles = []; // { name, code, slider }

// --- the worker ---

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
let asked = 0;

worker.onmessage = ({ data: { id, error, ...answer } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error));
  else resolve(answer);
};

function ask(task, given) {
  return new Promise((resolve, reject) => {
    waiting.set(++asked, { resolve, reject });
    worker.postMessage({ id: asked, task, ...given });
  });
}

// --- telling ---

function tell(state, text) {
  document.body.dataset.state = state;
  element("status").textContent = text;
  element("status").classList.toggle("error", state === "error");
}

const guarded = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    busy = false;
    tell("error", error.message);
  }
};

// --- pixels ---

// What `picture` shows, at this longer side (never enlarged), as RGBA bytes.
function pixels(picture, side) {
  const width = picture.videoWidth || picture.width;
  const height = picture.videoHeight || picture.height;
  const share = Math.min(1, side / Math.max(width, height));
  const size = [width, height].map((length) => Math.round(length * share));
  if (Math.min(...size) < SMALLEST) throw new Error(`${size.join("x")} px is too small; at least ${SMALLEST} a side`);
  const canvas = new OffscreenCanvas(...size);
  const paper = canvas.getContext("2d");
  paper.imageSmoothingQuality = "high";
  paper.drawImage(picture, 0, 0, ...size);
  return paper.getImageData(0, 0, ...size);
}

function show(image) {
  result.width = image.width;
  result.height = image.height;
  context.putImageData(image, 0, 0);
}

// --- painting ---

// The codes of the styles in the shares that the sliders say; null where all stand at 0.
function mixture() {
  const shares = styles.map(({ slider }) => Number(slider.value));
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (!total) return null;
  const code = new Float32Array(styles[0].code.length);
  styles.forEach(({ code: own }, k) => own.forEach((value, i) => (code[i] += (shares[k] / total) * value)));
  return code;
}

const paint = guarded(async () => {
  if (!source || !styles.length) return;
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  photo = pixels(source, Number(element("size").value));
  const code = mixture();
  if (source !== video) tell("busy", `painting ${photo.width}x${photo.height}`);
  const strength = code ? Number(element("strength").value) / 100 : 0;
  const colours = element("colours").checked;
  let told = "the photo itself";
  painted = photo;
  if (strength) {
    const { picture, seconds } = await ask("paint", { photo, code, strength, colours });
    painted = picture;
    told = `${photo.width}x${photo.height} in ${seconds.toFixed(2)} s`;
    document.body.dataset.seconds = seconds;
  }
  show(painted);
  element("hint").hidden = true;
  element("save").disabled = false;
  busy = false;
  if (again || (source === video && !video.paused)) {
    again = false;
    requestAnimationFrame(paint);
  } else tell("done", told);
});

// --- what a person does ---

function addStyle(name, code) {
  const label = document.createElement("label");
  const words = document.createElement("span");
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: 100, value: styles.length ? 0 : 100, name });
  words.textContent = words.title = name;
  label.className = "slider";
  label.append(words, slider);
  element("styles").append(label);
  slider.addEventListener("input", paint);
  styles.push({ name, code, slider });
  return slider;
}

const takePhoto = guarded(async (file) => {
  if (!file) return;
  leaveCamera();
  source = await bitmap(file);
  await paint();
});

async function bitmap(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is no picture that this browser can read`);
  }
}

const takePaintings = guarded(async (files) => {
  for (const file of files) {
    tell("busy", `reading ${file.name}`);
    const painting = pixels(await bitmap(file), about.painter.size);
    const { code } = await ask("read", { painting });
    for (const { slider } of styles) slider.value = 0;
    addStyle(file.name.replace(/\.[^.]*$/, ""), code).value = 100;
  }
  tell("ready", "ready");
  await paint();
});

const camera = guarded(async () => {
  if (source === video) {
    leaveCamera();
    return;
  }
  if (!navigator.mediaDevices) throw new Error("a camera is only given to pages from https or this very machine");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  source = video;
  element("camera").textContent = "Stop";
  tell("busy", "the camera, as fast as it goes");
  await paint();
});

function leaveCamera() {
  if (source !== video) return;
  video.pause();
  for (const track of video.srcObject.getTracks()) track.stop();
  source = undefined;
  element("camera").textContent = "Camera";
}

function save() {
  result.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "impasto.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function listen() {
  element("photo").addEventListener("change", ({ target }) => takePhoto(target.files[0]));
  element("painting").addEventListener("change", ({ target }) => takePaintings([...target.files]));
  element("camera").addEventListener("click", camera);
  element("save").addEventListener("click", save);
  for (const id of ["strength", "size", "colours"]) element(id).addEventListener("input", paint);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    stage.addEventListener(kind, (event) => {
      event.preventDefault();
      stage.classList.toggle("over", kind === "dragover");
      if (kind === "drop") takePhoto(event.dataTransfer.files[0]);
    });
  }
  result.addEventListener("pointerdown", () => photo && show(photo));
  for (const kind of ["pointerup", "pointerleave"]) result.addEventListener(kind, () => painted && show(painted));
}

// --- the beginning ---

const start = guarded(async () => {
  listen();
  const address = new URL(new URLSearchParams(location.search).get("model") ?? "model/many.json", location);
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.pathname}: ${answer.status} ${answer.statusText}; write it by impasto export`);
  about = await answer.json();
  const beside = (file) => new URL(file, address).href;
  const painter = about.painter && beside(about.painter.model);
  await ask("load", { model: beside(about.model), painter });
  for (const { name, code } of about.styles) addStyle(name, code);
  element("more").hidden = !painter;
  tell("ready", "ready");
  await paint();
});

start();
