// The choices of this window, kept over a reload.

import { state, update, watch } from "./state.js";

const NAME = "impasto-studio";
const KEPT = [
  "tab",
  "photo",
  "photos",
  "paintings",
  "mixing",
  "style",
  "settings",
  "init",
  "inset",
  "insetMask",
  "regions",
  "sweep",
];

// A mask without its strokes, which can be many: its picture is what an editor starts from.
const flat = (mask) => mask && { source: mask.source, strokes: [], feather: 0, base: mask.source };
const SHORT = {
  insetMask: flat,
  regions: (regions) => regions.map((region) => ({ ...region, mask: flat(region.mask) })),
};
const kept = (key) => (SHORT[key] ?? ((value) => value))(state[key]);

export function restore() {
  try {
    const found = JSON.parse(sessionStorage.getItem(NAME) ?? "{}");
    const values = Object.fromEntries(KEPT.filter((key) => key in found).map((key) => [key, found[key]]));
    if (values.settings) values.settings = { ...state.settings, ...values.settings };
    update({ ...values, ...(values.photo && { shown: { kind: "photo" } }) });
  } catch {
    sessionStorage.removeItem(NAME);
  }
}

export function start() {
  let leaving = false; // a reload breaks off the loading of pictures, which then count as missing
  window.addEventListener("beforeunload", () => {
    leaving = true;
    setTimeout(() => (leaving = false), 1000); // the visitor stayed
  });
  watch(KEPT.join(" "), () => {
    if (leaving) return;
    try {
      sessionStorage.setItem(NAME, JSON.stringify(Object.fromEntries(KEPT.map((key) => [key, kept(key)]))));
    } catch {
      // a window without memory works all the same
    }
  });
}
