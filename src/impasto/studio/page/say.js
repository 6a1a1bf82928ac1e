// Messages: the page's state, one line near the action, and the live region for screen readers.

import { find, h } from "./dom.js";

let spoken = "";

export function announce(words) {
  if (words === spoken) return;
  spoken = words;
  find("#status").textContent = words;
}

export function setState(name) {
  document.body.dataset.state = name;
}

// Show one line: in the open dialog, or else above the main button.
export function complain(error) {
  if (error?.name === "AbortError") return;
  const words = String(error?.message ?? error).split("\n")[0];
  const place = document.querySelector("dialog[open] .trouble") ?? find("#trouble");
  if (place) place.replaceChildren(h("span", {}, words));
  announce(words);
  setState("error");
}

export function calm() {
  for (const place of document.querySelectorAll(".trouble")) place.replaceChildren();
}

// Return `work` with its errors shown; old ones are cleared first.
export const guarded =
  (work) =>
  async (...inputs) => {
    calm();
    try {
      return await work(...inputs);
    } catch (error) {
      complain(error);
      return undefined;
    }
  };
