// The page: controls, status and result. The styles are in styles.js, the computation in worker.js.
//
// ?model=FILE.json opens another network than model/styles.json; `impasto export` writes such files.

import { onLoading, open } from "./networks.js";
import { bitmap, closeCamera, openCamera, pixels } from "./pictures.js";
import { SIDE, addStyle, mixture, onChange, only, reset, showIn, surprise } from "./styles.js";

const FIRST = "model/styles.json"; // the network of the page, opened at the start
const ANY = "model/any.json"; // the network for paintings, fetched with the first painting
const SAMPLE = "sample.jpg";

const element = (id) => document.getElementById(id);
const [result, video] = [element("result"), element("video")];
const exported = (name) => `no network here: run "impasto export ${name} -o docs/browser/model", then reload`;

let network; // the network of the page
let source; // the photo as a bitmap, or the video of the camera
let photo, painted; // pixels
let photos = 0; // number of photos so far
let painting; // promise of the pictures in work; undefined if there are none
let again = false; // the controls have changed since the last picture began

// --- status ---

function showStatus(state, text) {
  document.body.dataset.state = state;
  element("status").textContent = text;
  element("progress").hidden = state !== "loading";
}

const guarded = (work) => async (...inputs) => {
  try {
    await work(...inputs);
  } catch (error) {
    showStatus("error", error.message.split("\n")[0]);
  }
};

onLoading(({ received, expected }) => {
  if (document.body.dataset.state !== "loading") return;
  const [done, total] = [received, expected].map((bytes) => Math.ceil(bytes / 1e6));
  Object.assign(element("progress"), expected ? { max: expected, value: received } : {});
  element("status").textContent = received < expected ? `loading: ${done} of ${total} MB` : "preparing the network";
});

function show(image) {
  if (!image) return;
  [result.width, result.height] = [image.width, image.height];
  result.getContext("2d").putImageData(image, 0, 0);
}

const showResult = () => show(element("before").ariaPressed === "true" ? photo : painted);

// --- painting ---

// Paint the picture of the controls. A call during a picture paints another one afterwards.
const paint = guarded(async () => {
  if (!source || !network) return;
  again = true;
  if (painting) return;
  painting = paintUntilDone();
  await painting;
});

async function paintUntilDone() {
  try {
    while (again) {
      again = false;
      await paintOnce();
      if (source === video) await new Promise(requestAnimationFrame);
      again ||= source === video;
    }
  } finally {
    painting = undefined;
  }
}

let origin; // source and side of `photo`

async function paintOnce() {
  const side = Number(element("size").value);
  if (source === video || origin?.source !== source || origin?.side !== side) {
    photo = pixels(source, side);
    origin = { source, side };
    photos++;
  }
  const size = `${photo.width}x${photo.height}`;
  const style = mixture();
  const strength = Number(element("strength").value) / 100;
  let caption = "the photo itself";
  let image = photo;
  if (source !== video) showStatus("busy", `painting ${size}`);
  if (style && strength) {
    const key = source === video ? undefined : `${photos}: ${style.key}`;
    const colours = element("colours").checked;
    const { picture, seconds } = await style.network.paint({ photo, code: style.code, strength, colours, key });
    image = picture;
    caption = `${style.name}, ${size} in ${seconds.toFixed(2)} s`;
    document.body.dataset.seconds = seconds;
  }
  painted = image;
  showResult();
  result.ariaLabel = `the picture: ${caption}`;
  for (const id of ["before", "save"]) element(id).disabled = false;
  if (source !== video && !again) showStatus("done", caption);
}

// Paint the tiles of the styles, one by one, while there is no other picture to paint.
const paintTiles = guarded(async () => {
  const own = source;
  if (!own || own === video) return;
  delete document.body.dataset.tiles;
  const small = pixels(own, SIDE, true);
  const free = async () => {
    while (painting) await painting.catch(() => {});
    return source === own;
  };
  if (await showIn(small, free)) document.body.dataset.tiles = "done";
});

// --- controls ---

async function take(picture) {
  leaveCamera();
  source = picture;
  if (!network) {
    show(pixels(source, Number(element("size").value))); // painted when the network is open
    return;
  }
  await paint();
  await paintTiles();
}

const takePhoto = guarded(async (file) => file && take(await bitmap(file)));

const takePaintings = guarded(async (files) => {
  if (!files.length) return;
  let host = network;
  if (!host?.size) {
    showStatus("loading", "loading the network for paintings");
    host = await open(ANY, exported("any"));
  }
  for (const file of files) {
    showStatus("busy", `looking at ${file.name}`);
    const code = await host.read(pixels(await bitmap(file), host.size));
    only(addStyle(element("paintings"), host, file.name.replace(/\.[^.]*$/, ""), code));
  }
  await paintTiles();
});

const camera = guarded(async () => {
  if (source === video) {
    await take(await createImageBitmap(video)); // the last picture of the camera stays, as a photo
    return;
  }
  await openCamera(video);
  source = video;
  Object.assign(element("camera"), { textContent: "Stop", ariaPressed: "true" });
  showStatus("busy", "the camera, as fast as it goes");
  await paint();
});

function leaveCamera() {
  if (source !== video) return;
  closeCamera(video);
  Object.assign(element("camera"), { textContent: "Camera", ariaPressed: "false" });
}

const save = guarded(async () => {
  const canvas = new OffscreenCanvas(painted.width, painted.height);
  canvas.getContext("2d").putImageData(painted, 0, 0);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await canvas.convertToBlob());
  link.download = "impasto.png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

function listen() {
  const on = (id, kind, work) => element(id).addEventListener(kind, work);
  const files = (work) => ({ target }) => {
    work([...target.files]);
    target.value = ""; // so that the user can choose the same file again
  };
  on("photo", "change", files(([file]) => takePhoto(file)));
  on("painting", "change", files(takePaintings));
  on("camera", "click", camera);
  on("save", "click", save);
  on("surprise", "click", surprise);
  on("reset", "click", () => {
    Object.assign(element("strength"), { value: 100 });
    element("colours").checked = false;
    reset();
  });
  on("before", "click", ({ target }) => {
    target.ariaPressed = target.ariaPressed !== "true";
    showResult();
  });
  for (const id of ["strength", "size", "colours"]) on(id, "input", paint);
  on("result", "pointerdown", () => show(photo));
  for (const kind of ["pointerup", "pointerleave", "pointercancel"]) on("result", kind, showResult);
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, drag);
  onChange(paint);
}

function drag(event) {
  event.preventDefault();
  const own = element("own").contains(event.target);
  element("stage").classList.toggle("over", event.type === "dragover" && !own);
  element("own").classList.toggle("over", event.type === "dragover" && own);
  if (event.type === "drop") (own ? takePaintings : ([file]) => takePhoto(file))([...event.dataTransfer.files]);
}

// --- start ---

const start = guarded(async () => {
  showStatus("loading", "loading");
  listen();
  const sample = await createImageBitmap(await (await fetch(SAMPLE)).blob());
  if (!source) await take(sample);
  const address = new URLSearchParams(location.search).get("model");
  const missing = address ? `${address} is not here; "impasto export" writes such files` : exported("styles");
  network = await open(address ?? FIRST, missing);
  for (const { name, code } of network.styles) addStyle(element("styles"), network, name, code);
  for (const id of ["camera", "painting", "surprise", "reset"]) element(id).disabled = false;
  if (network.styles.length) reset();
  else await paint();
  await paintTiles();
});

start();
