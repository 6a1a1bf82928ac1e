// The page: what a person does, and what is shown. Styles are in styles.js, what computes in worker.js.
//
// ?model=FILE.json shows another network than model/styles.json; `impasto export` writes such files.

import { onLoading, open } from "./networks.js";
import { bitmap, closeCamera, openCamera, pixels } from "./pictures.js";
import { SIDE, addStyle, mixture, onChange, only, reset, showIn, surprise } from "./styles.js";

const FIRST = "model/styles.json"; // the styles that are there from the start
const ANY = "model/any.json"; // fetched when a painting is given, for a network that takes none
const SAMPLE = "sample.jpg";

const element = (id) => document.getElementById(id);
const [result, video] = [element("result"), element("video")];
const exported = (name) => `no network here: run "impasto export ${name} -o docs/browser/model", then reload`;

let network; // the first one
let source; // the photo as a bitmap, or the camera's video
let photo, painted; // pixels
let photos = 0; // how many there were
let painting; // the work on pictures, a promise; undefined where there is none
let again = false;

// --- telling ---

function tell(state, text) {
  document.body.dataset.state = state;
  element("status").textContent = text;
  element("progress").hidden = state !== "loading";
}

const guarded = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    tell("error", error.message.split("\n")[0]);
  }
};

onLoading(({ received, expected }) => {
  if (document.body.dataset.state !== "loading") return;
  const [come, all] = [received, expected].map((bytes) => Math.ceil(bytes / 1e6));
  Object.assign(element("progress"), expected ? { max: expected, value: received } : {});
  element("status").textContent = received < expected ? `loading: ${come} of ${all} MB` : "preparing the network";
});

function show(image) {
  if (!image) return;
  [result.width, result.height] = [image.width, image.height];
  result.getContext("2d").putImageData(image, 0, 0);
}

const showWhatIsAsked = () => show(element("before").ariaPressed === "true" ? photo : painted);

// --- painting ---

// The picture by what the controls say; asked for while one is being painted, it is painted after that one.
const paint = guarded(async () => {
  if (!source || !network) return;
  again = true;
  if (painting) return;
  painting = paintWhileAsked();
  await painting;
});

async function paintWhileAsked() {
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

let seen; // what `photo` was made of

async function paintOnce() {
  const side = Number(element("size").value);
  if (source === video || seen?.source !== source || seen?.side !== side) {
    photo = pixels(source, side);
    seen = { source, side };
    photos++;
  }
  const size = `${photo.width}x${photo.height}`;
  const style = mixture();
  const strength = Number(element("strength").value) / 100;
  let told = "the photo itself";
  let made = photo;
  if (source !== video) tell("busy", `painting ${size}`);
  if (style && strength) {
    const key = source === video ? undefined : `${photos}: ${style.key}`;
    const colours = element("colours").checked;
    const { picture, seconds } = await style.network.paint({ photo, code: style.code, strength, colours, key });
    made = picture;
    told = `${style.name}, ${size} in ${seconds.toFixed(2)} s`;
    document.body.dataset.seconds = seconds;
  }
  painted = made;
  showWhatIsAsked();
  result.ariaLabel = `the picture: ${told}`;
  for (const id of ["before", "save"]) element(id).disabled = false;
  if (source !== video && !again) tell("done", told);
}

// The tiles, one by one while nothing else is to be painted.
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

// --- what a person does ---

async function take(picture) {
  leaveCamera();
  source = picture;
  if (!network) {
    show(pixels(source, Number(element("size").value))); // painted as soon as there is one
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
    tell("loading", "loading the network for paintings");
    host = await open(ANY, exported("any"));
  }
  for (const file of files) {
    tell("busy", `looking at ${file.name}`);
    const code = await host.read(pixels(await bitmap(file), host.size));
    only(addStyle(element("paintings"), host, file.name.replace(/\.[^.]*$/, ""), code));
  }
  await paintTiles();
});

const camera = guarded(async () => {
  if (source === video) {
    await take(await createImageBitmap(video)); // its last picture stays, as a photo
    return;
  }
  await openCamera(video);
  source = video;
  Object.assign(element("camera"), { textContent: "Stop", ariaPressed: "true" });
  tell("busy", "the camera, as fast as it goes");
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
    target.value = ""; // so that the same file can be chosen again
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
    showWhatIsAsked();
  });
  for (const id of ["strength", "size", "colours"]) on(id, "input", paint);
  on("result", "pointerdown", () => show(photo));
  for (const kind of ["pointerup", "pointerleave", "pointercancel"]) on("result", kind, showWhatIsAsked);
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

// --- the beginning ---

const start = guarded(async () => {
  tell("loading", "loading");
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
