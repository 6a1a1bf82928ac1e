// The paintings of the panel: samples, uploads and the visitor's folder as tiles, and the mixture.

import { address } from "./api.js";
import { chosenPaintings, comparesPaintings } from "./axes.js";
import { cropPainting } from "./crop.js";
import { h } from "./dom.js";
import { stem } from "./format.js";
import { fileButton } from "./files.js";
import { icon } from "./icons.js";
import * as library from "./library.js";
import { choosePainting, sample, takeFiles } from "./pictures.js";
import { mixture } from "./mixture.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

function tile({ source, name, url, id }, work) {
  const used = source && chosenPaintings().some((painting) => painting.source === source);
  const image = h("img", {
    src: url ?? address(source, 160),
    alt: "",
    loading: "lazy",
    decoding: "async",
    draggable: false,
  });
  const words = stem(name);
  return h(
    "button.tile",
    {
      type: "button",
      title: words,
      "aria-pressed": Boolean(used && !(state.tab === "onepass" && state.style)),
      onclick: work,
      "data-testid": `painting-${id ?? source}`,
    },
    image,
    h("span.unseen", {}, words),
  );
}

function ownTile(entry) {
  const button = tile({ ...entry, source: library.sourceOf(entry.id) }, () => library.use(entry.id));
  const remove = h(
    "button.remove",
    {
      type: "button",
      "aria-label": text.library.remove(entry.name),
      title: text.library.remove(entry.name),
      onclick: () => library.forget(entry.id),
    },
    icon("close"),
  );
  return h("div.kept", {}, button, remove);
}

function tiles() {
  const chosen = chosenPaintings().filter(
    ({ source }) =>
      !source.startsWith("sample:") &&
      !state.uploads.some((upload) => upload.source === source) &&
      !state.library.some(({ id }) => library.sourceOf(id) === source),
  );
  const folder = new Set(state.library.map(({ id }) => library.sourceOf(id)));
  const uploads = state.uploads.filter(
    ({ source }) =>
      !folder.has(source) &&
      (!state.photos.includes(source) || chosenPaintings().some((painting) => painting.source === source)),
  );
  const listed = [...state.samples.paintings.map(sample), ...chosen, ...uploads.slice(0, 12)];
  return [
    ...listed.map((picture) => tile(picture, () => choosePainting(picture))),
    fileButton("painting-file", icon("add"), (files) => takeFiles("painting", files), {
      multiple: true,
      look: "tile add",
      label: text.paintings.add,
    }),
  ];
}

function folderRow() {
  const work = library.canPick()
    ? h(
        "button.plain",
        { type: "button", id: "folder", onclick: library.pickFolder },
        icon("folder"),
        h("span", {}, text.library.open),
      )
    : fileButton("folder", [icon("folder"), h("span", {}, text.library.open)], library.addFiles, {
        folder: true,
        look: "plain",
        label: text.library.open,
      });
  const clear = state.library.length
    ? h("button.plain", { type: "button", id: "folder-clear", onclick: library.forgetAll }, text.library.removeAll)
    : null;
  return [work, clear];
}

// A sweep takes one painting, or compares several; it has no mixtures.
const listed = () => (state.tab === "sweep" && !comparesPaintings() ? state.paintings.slice(0, 1) : chosenPaintings());

export function paintings() {
  const mix = h("input#mix", {
    type: "checkbox",
    onchange: () =>
      update({ mixing: mix.checked, paintings: mix.checked ? state.paintings : state.paintings.slice(0, 1) }),
  });
  const grid = h("div.tiles#paintings", { role: "group", "aria-label": text.paintings.title });
  const own = h("div.tiles#library", { role: "group", "aria-label": text.library.title, hidden: true });
  const folder = h("div.row.spread");
  const name = h("p.chosen");
  const part = h(
    "button.plain#crop",
    { type: "button", onclick: () => cropPainting(chosenPaintings().at(-1)) },
    icon("crop"),
    h("span", {}, text.paintings.part),
  );
  const line = h("div.row.spread", {}, name, part);
  watch("samples uploads paintings style tab photo library sweep", () => {
    const focused = document.activeElement?.dataset?.testid;
    grid.replaceChildren(...tiles());
    own.replaceChildren(...state.library.map(ownTile));
    own.hidden = !state.library.length;
    folder.replaceChildren(...folderRow().filter(Boolean));
    const shipped = state.tab === "onepass" && state.style;
    line.hidden = !chosenPaintings().length || Boolean(shipped);
    const joint = comparesPaintings() ? ", " : " + ";
    name.textContent = listed()
      .map((painting) => stem(painting.name))
      .join(joint);
    if (focused && !document.activeElement?.dataset?.testid)
      document.querySelector(`#panel [data-testid="${CSS.escape(focused)}"]`)?.focus();
  });
  watch("mixing tab", () => {
    mix.checked = state.mixing;
    mix.parentElement?.toggleAttribute("hidden", ["onepass", "sweep"].includes(state.tab));
  });
  return h(
    "section.part",
    { "data-takes": "painting" },
    h(
      "div.heading",
      {},
      h("h2", {}, text.paintings.title),
      h("label.check", {}, mix, h("span", {}, text.paintings.mix)),
    ),
    grid,
    own,
    line,
    mixture(),
    folder,
  );
}
