// The choices of this window, kept over a reload.

import { state, update, watch } from "./state.js";

const NAME = "impasto-studio";
const KEPT = ["tab", "photo", "photos", "paintings", "mixing", "style", "settings", "init", "inset", "sweep"];

export function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "{}");
    const values = Object.fromEntries(KEPT.filter((key) => key in kept).map((key) => [key, kept[key]]));
    if (values.settings) values.settings = { ...state.settings, ...values.settings };
    update({ ...values, ...(values.photo && { shown: { kind: "photo" } }) });
  } catch {
    sessionStorage.removeItem(NAME);
  }
}

export function start() {
  watch(KEPT.join(" "), () => {
    try {
      sessionStorage.setItem(NAME, JSON.stringify(Object.fromEntries(KEPT.map((key) => [key, state[key]]))));
    } catch {
      // a window without memory works all the same
    }
  });
}
