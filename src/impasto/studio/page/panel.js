// The panel beside the picture: the parts of the open tab.

import { address } from "./api.js";
import { blend, inset } from "./inset.js";
import * as controls from "./controls.js";
import { find, h } from "./dom.js";
import { size, stem } from "./format.js";
import { advanced } from "./forms.js";
import { icon } from "./icons.js";
import { paintings } from "./paintings.js";
import { choosePicture } from "./picker.js";
import { regions } from "./regions.js";
import { state, update, watch } from "./state.js";
import { axesPart, sweep } from "./sweep.js";
import { text } from "./strings.js";
import { TABS } from "./tabs.js";

// A chosen picture: thumbnail, name, size, and a button for another one.
export function slot(id, key, title, choose) {
  const image = h("img", { alt: "", hidden: true });
  const name = h("strong");
  const about = h("small");
  const change = h("span.change");
  const button = h(
    "button.slot",
    { id, type: "button", onclick: choose },
    h("span.unseen", {}, `${title}:`),
    h("span.thumb", {}, icon("photo"), image),
    h("span.words", {}, name, about),
    change,
  );
  watch(key, () => {
    const picture = state[key];
    image.hidden = !picture;
    if (picture) image.src = address(picture.source, 160);
    name.textContent = picture ? stem(picture.name) : text.none[key];
    change.textContent = picture ? text.change : text.choose;
    about.textContent = picture?.width ? size(picture.width, picture.height) : "";
  });
  return button;
}

const remarks = () => {
  const line = h("p.small", { hidden: true });
  watch("photo", () => {
    line.textContent = (state.photo?.notices ?? []).join(" · ");
    line.hidden = !line.textContent;
  });
  return line;
};

const photo = () =>
  h(
    "section.part",
    { "data-takes": "photo" },
    h("div.heading", {}, h("h2", {}, text.photo)),
    slot("photo", "photo", text.photo, () => choosePicture("photo")),
    remarks(),
  );

// The style of one pass that was chosen in the strip.
function chosen() {
  const name = h("strong");
  const clear = h(
    "button.plain",
    { type: "button", id: "style-clear", onclick: () => update({ style: null }) },
    text.onepass.none,
  );
  const line = h(
    "section.part",
    {},
    h("div.heading", {}, h("h2", {}, text.onepass.style)),
    h("div.row.spread", {}, name, clear),
  );
  watch("style styles paintings", () => {
    const style = state.styles.find((entry) => entry.name === state.style);
    name.textContent =
      style?.title ?? state.style ?? (state.paintings.length ? text.onepass.painting : text.onepass.choose);
    clear.hidden = !state.style;
  });
  return line;
}

// The picture that the next run starts from, where one was chosen.
function start() {
  const name = h("span");
  const line = h(
    "section.part.init",
    { hidden: true },
    name,
    h(
      "button.plain",
      {
        type: "button",
        id: "init-clear",
        "aria-label": text.init.remove,
        title: text.init.remove,
        onclick: () => update({ init: null }),
      },
      icon("close"),
    ),
  );
  watch("init", () => {
    line.hidden = !state.init;
    name.textContent = state.init ? text.init.from(stem(state.init.name)) : "";
  });
  return line;
}

const once = new Map();

// Return a part of the panel by its name.
export function part(name, task) {
  const key = name === "advanced" ? `advanced ${task}` : name;
  const make = {
    photo,
    paintings,
    chosen,
    start,
    regions,
    inset,
    blend,
    sweep,
    axes: axesPart,
    advanced: () => advanced(task),
    ...controls,
  };
  if (!once.has(key)) once.set(key, make[name]());
  return once.get(key);
}

export function open() {
  let drawn = "";
  watch("tab sweep", () => {
    const { parts, task } = TABS[state.tab];
    const key = [state.tab, task, ...parts].join();
    if (key === drawn) return;
    drawn = key;
    const focused = document.activeElement?.id;
    find("#panel").replaceChildren(...parts.map((name) => part(name, task)).filter(Boolean));
    find("#side").scrollTop = 0;
    if (focused) document.getElementById(focused)?.focus();
  });
}
