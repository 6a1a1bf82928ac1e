// A folder of the visitor's own paintings. The browser keeps names, thumbnails and the files or their handles; a painting
// is sent to the server when it is used.

import { get, upload } from "./api.js";
import { choosePainting } from "./pictures.js";
import { guarded } from "./say.js";
import { state, update } from "./state.js";
import * as store from "./store.js";
import { text } from "./strings.js";

const MOST = 300; // pictures of a folder
const SIDE = 160; // pixels of a thumbnail
const PICTURE = /\.(jpe?g|png|webp|avif|tiff?|bmp)$/i;

const sent = new Map(); // id -> Picture on the server

async function thumbnail(file) {
  const bitmap = await createImageBitmap(file, { resizeHeight: SIDE, resizeQuality: "medium" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
}

async function handlesIn(folder, found = []) {
  for await (const entry of folder.values()) {
    if (found.length >= MOST) break;
    if (entry.kind === "directory") await handlesIn(entry, found);
    else if (PICTURE.test(entry.name)) found.push(entry);
  }
  return found;
}

async function add(file, handle) {
  const id = `${file.name} ${file.size} ${file.lastModified}`;
  try {
    const entry = { id, name: file.name, thumb: await thumbnail(file), ...(handle ? { handle } : { file }) };
    await store.put(entry);
    show([...state.library.filter((known) => known.id !== id), entry]);
  } catch {
    return 1; // no picture that this browser can read
  }
  return 0;
}

const urls = new Map();

function show(entries) {
  for (const { id, thumb } of entries) if (!urls.has(id)) urls.set(id, URL.createObjectURL(thumb));
  const library = entries.map(({ id, name }) => ({ id, name, url: urls.get(id) ?? "", thumb: null }));
  const thumbs = new Map(entries.map(({ id, thumb }) => [id, thumb]));
  for (const entry of library) entry.thumb = thumbs.get(entry.id);
  update({ library: library.sort((a, b) => a.name.localeCompare(b.name)) });
}

export const addFiles = guarded(async (files) => {
  const pictures = files.filter(({ name }) => PICTURE.test(name)).slice(0, MOST);
  if (!pictures.length) throw new Error(text.library.empty);
  let failed = 0;
  for (const file of pictures) failed += await add(file, null);
  if (failed) throw new Error(text.library.failed(failed));
});

export const canPick = () => "showDirectoryPicker" in window;

export const pickFolder = guarded(async () => {
  const handles = await handlesIn(await window.showDirectoryPicker({ id: "paintings" }));
  if (!handles.length) throw new Error(text.library.empty);
  for (const handle of handles) await add(await handle.getFile(), handle);
});

async function fileOf({ file, handle, name }) {
  if (!handle) return file;
  if ((await handle.queryPermission({ mode: "read" })) !== "granted") {
    if ((await handle.requestPermission({ mode: "read" })) !== "granted") throw new Error(text.library.refused(name));
  }
  try {
    return await handle.getFile();
  } catch {
    throw new Error(text.library.gone(name));
  }
}

// Send a painting of the folder, unless the server has it already; return its picture.
async function send(id) {
  const known = sent.get(id);
  if (known && (await get(`/pictures/${known.id}`).catch(() => null))) return known;
  const entry = await store.one(id);
  const picture = await upload(await fileOf(entry), entry.name);
  sent.set(id, picture);
  await store.put({ ...entry, sent: picture });
  return picture;
}

export const sourceOf = (id) => sent.get(id)?.source;

export const use = guarded(async (id) => choosePainting(await send(id)));

export const forget = guarded(async (id) => {
  await store.drop(id);
  release(id);
  show(state.library.filter((entry) => entry.id !== id));
});

export const forgetAll = guarded(async () => {
  await store.dropAll();
  for (const { id } of state.library) release(id);
  show([]);
});

function release(id) {
  URL.revokeObjectURL(urls.get(id));
  urls.delete(id);
}

export async function start() {
  try {
    const entries = await store.all();
    for (const entry of entries) if (entry.sent) sent.set(entry.id, entry.sent);
    show(entries);
  } catch {
    update({ library: [] }); // a private window without memory
  }
}
