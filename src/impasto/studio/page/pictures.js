// Pictures that come in: from files, drops, the clipboard, the camera, the samples and the results.

import { address, get, upload } from "./api.js";
import { chosenPaintings, choosePaintings, comparesPaintings } from "./axes.js";
import { find } from "./dom.js";
import { capital } from "./format.js";
import { offer } from "./recipe.js";
import { announce, calm, complain, guarded } from "./say.js";
import { same, state, update, watch } from "./state.js";
import { text } from "./strings.js";
import { task } from "./tabs.js";

const isPicture = (file) => file.type.startsWith("image/") || /\.(jpe?g|png|webp|tiff?|bmp|gif|avif)$/i.test(file.name);

// Send files to the server; return the pictures that it has taken.
export async function sendFiles(files) {
  const pictures = [];
  for (const file of files.filter(isPicture)) {
    const limit = state.about?.limits.body_bytes;
    if (limit && file.size > limit) throw new Error(text.errors.tooLarge(file.name, Math.round(limit / 1e6)));
    announce(text.said.sending(file.name));
    document.body.classList.add("sending");
    try {
      pictures.push(await upload(file, file.name || text.pasted));
    } finally {
      document.body.classList.remove("sending");
    }
  }
  if (!pictures.length) throw new Error(text.errors.noPicture);
  update({ uploads: [...pictures.reverse(), ...state.uploads] });
  return pictures;
}

// Use a picture as "photo", "painting", "inset" or "mask".
export function takePicture(kind, picture) {
  calm();
  const { source, name, width, height, notices } = picture;
  const taken = { source, name, width, height, notices };
  if (kind === "photo") {
    const regions = same(state.photo?.source, source) ? state.regions : [];
    update({ photo: taken, photos: [...new Set([...state.photos, source])], regions, shown: { kind: "photo" } });
  }
  if (kind === "inset") update({ inset: taken, insetMask: null });
  if (kind === "painting") choosePainting(taken);
  if (picture.recipe && kind === "photo") offer(picture);
}

// Several paintings are mixed, or compared by a sweep.
const takesSeveral = () => (state.tab === "sweep" ? comparesPaintings() : state.mixing);

// Make a painting the only one, or, where several can be chosen, one more or one less.
export function choosePainting({ source, name, width, height }) {
  calm();
  const [chosen, painting] = [chosenPaintings(), { source, name, width, height, share: 1 }];
  const others = chosen.filter((other) => other.source !== source);
  choosePaintings(!takesSeveral() ? [painting] : others.length < chosen.length ? others : [...others, painting]);
  update({
    style: null,
    ...(task() === "texture" && { shown: { kind: "painting", picture: painting } }),
  });
}

export const takeFiles = guarded(async (kind, files) => {
  if (!files.length) return;
  const pictures = await sendFiles(files);
  for (const picture of kind === "painting" && takesSeveral() ? pictures : pictures.slice(0, 1))
    takePicture(kind, picture);
});

export const sample = (name) => ({ source: `sample:${name}`, name: capital(name) });

// The size of a picture, from the picture itself where the server has not told it.
async function measure(picture) {
  const image = new Image();
  image.src = address(picture.source);
  await image.decode();
  return { ...picture, width: image.naturalWidth, height: image.naturalHeight };
}

// Complete the size of a chosen picture of the store.
function complete(key) {
  watch(key, () => {
    const picture = state[key];
    if (!picture || picture.width) return;
    measure(picture).then(
      (whole) => state[key]?.source === picture.source && update({ [key]: whole }),
      () => {
        complain(new Error(text.errors.gone(picture.name)));
        update({ [key]: null });
      },
    );
  });
}

function completePainting() {
  const first = state.paintings[0];
  if (task() !== "texture" || !first) return;
  const shown = (picture) =>
    ["nothing", "photo", "quick"].includes(state.shown.kind) && { shown: { kind: "painting", picture } };
  if (first.width) return update({ ...shown(first) });
  measure(first).then((whole) => {
    if (state.paintings[0]?.source !== first.source) return;
    update({ paintings: [whole, ...state.paintings.slice(1)], ...shown(whole) });
  }, complain);
}

const kindAt = (target) =>
  target?.closest?.("[data-takes]")?.dataset.takes ?? (task() === "texture" ? "painting" : "photo");

function listenDrops() {
  const mark = (target) => {
    for (const place of document.querySelectorAll(".over")) place.classList.remove("over");
    const place = target?.closest?.("[data-takes]") ?? (target && find("#viewer"));
    place?.classList.add("over");
  };
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(event.target);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || mark(null));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    takeFiles(kindAt(event.target), [...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) takeFiles(kindAt(document.activeElement), files);
  });
}

// The axes of sweeps, without paintings that are gone.
function withoutMissing(gone) {
  const axes = Object.entries(state.sweep.axes).map(([task, list]) => [
    task,
    list.map((axis) =>
      axis.paintings ? { ...axis, paintings: axis.paintings.filter((painting) => !gone(painting)) } : axis,
    ),
  ]);
  return { ...state.sweep, axes: Object.fromEntries(axes) };
}

// Drop choices of an earlier visit whose pictures the server has deleted.
function forgetMissing(there) {
  const gone = (picture) => picture && picture.source.startsWith("picture:") && !there.has(picture.source);
  const lost = ["photo", "inset", "insetMask", "init"].filter((key) => gone(state[key]));
  const paintings = state.paintings.filter((painting) => !gone(painting));
  if (lost.includes("photo")) complain(new Error(text.errors.gone(state.photo.name)));
  const regions = state.regions
    .filter(({ mask }) => !gone(mask) && !lost.includes("photo"))
    .map((region) => (gone(region.painting) ? { ...region, painting: null } : region));
  update({ ...Object.fromEntries(lost.map((key) => [key, null])), paintings, regions, sweep: withoutMissing(gone) });
}

export async function start() {
  complete("photo");
  complete("inset");
  watch("paintings tab sweep", completePainting);
  listenDrops();
  const pictures = await get("/pictures");
  forgetMissing(new Set(pictures.map(({ source }) => source)));
  update({ uploads: pictures.filter(({ kind }) => kind === "upload").sort((a, b) => b.created - a.created) });
}
