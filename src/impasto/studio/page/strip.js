// The shipped styles, painted on the visitor's own photo one after the other. Choosing one opens One pass.

import { paintQuickly } from "./api.js";
import { h } from "./dom.js";
import { capital } from "./format.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

const SIDE = 160; // pixels

const tiles = new Map(); // name -> { button, image, url, source }
let painting = false;
let visible = new Set();

function choose(name) {
  update({ style: name, tab: "onepass" });
}

function tile({ name, title }) {
  const image = h("img", { alt: "", hidden: true, decoding: "async" });
  const button = h(
    "button.tile",
    {
      type: "button",
      title,
      "aria-pressed": "false",
      "data-testid": `style-${name}`,
      "data-style": name,
      onclick: () => choose(name),
    },
    h("span.picture", {}, image),
    h("span", {}, capital(name)),
  );
  tiles.set(name, { button, image, url: null, source: null });
  return button;
}

// Paint the tiles that can be seen, until all of them show the current photo.
async function paint() {
  if (painting || !state.photo) return;
  painting = true;
  try {
    for (let next = outdated(); next; next = outdated()) await paintOne(next);
  } finally {
    painting = false;
  }
}

const outdated = () =>
  document.hidden ? null : [...visible].find((name) => tiles.get(name).source !== state.photo?.source && state.photo);

// Without a server, or with too many requests, the tile waits.
async function later(tile) {
  await new Promise((done) => setTimeout(done, 4000));
  tile.source = null;
}

async function paintOne(name) {
  const tile = tiles.get(name);
  const { source } = state.photo;
  tile.source = source;
  tile.button.classList.add("waiting");
  try {
    const { blob } = await paintQuickly({ content: source, style: name, size: SIDE, settings: {} });
    if (state.photo?.source !== source) return;
    const old = tile.url;
    tile.url = URL.createObjectURL(blob);
    tile.image.src = tile.url;
    await tile.image.decode();
    tile.image.hidden = false;
    if (old) URL.revokeObjectURL(old);
  } catch (error) {
    tile.image.hidden = true; // the tile keeps its name, and the style can be chosen all the same
    if (error.status === 0 || error.status === 429) return later(tile);
  }
  tile.button.classList.remove("waiting");
}

export function strip() {
  const box = h("div.strip#styles", { role: "group", "aria-label": text.film.styles });
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries)
        visible[isIntersecting ? "add" : "delete"](target.dataset.style);
      visible = new Set([...tiles.keys()].filter((name) => visible.has(name))); // from left to right
      paint();
    },
    { root: box, rootMargin: "0px 200px" },
  );
  watch("styles", () => {
    observer.disconnect();
    tiles.clear();
    box.replaceChildren(...state.styles.map(tile));
    for (const button of box.children) observer.observe(button);
  });
  watch("photo", () => {
    for (const { button } of tiles.values()) button.classList.toggle("stale", Boolean(state.photo));
    paint();
  });
  watch("style tab", () => {
    for (const [name, { button }] of tiles)
      button.setAttribute("aria-pressed", state.tab === "onepass" && name === state.style);
  });
  document.addEventListener("visibilitychange", paint);
  return box;
}
