// The runs of this visit as tiles: the newest first.

import { address, runAddress } from "./api.js";
import { axesOf, settingsOf } from "./details.js";
import { h } from "./dom.js";
import { size } from "./format.js";
import { isActive, isSweep, newestFirst, show, titleOf } from "./runs.js";
import { state, watch } from "./state.js";
import { text } from "./strings.js";

const tiles = new Map(); // id -> elements

function tileOf(run) {
  if (!tiles.has(run.id)) {
    const image = h("img", { alt: "", hidden: true, decoding: "async" });
    const name = h("span");
    const button = h(
      "button.tile",
      { type: "button", "data-testid": `run-${run.id}`, onclick: () => show(run.id) },
      h("span.picture", {}, image),
      name,
    );
    tiles.set(run.id, { button, image, name });
  }
  return tiles.get(run.id);
}

function draw(run) {
  const { button, image, name } = tileOf(run);
  const picture = run.result
    ? address(run.result.source, 256)
    : run.preview
      ? runAddress(run.id, "preview", { version: run.preview - (run.preview % 4) || 1 })
      : null;
  if (picture && image.getAttribute("src") !== picture) {
    image.src = picture;
    image.hidden = false;
  }
  const words = isActive(run) || run.state === "failed" ? text.states[run.state] : titleOf(run);
  if (name.textContent !== words) name.textContent = words;
  const whole = run.result ?? run.plan;
  const kind = isSweep(run) ? text.tabs.sweep : text.tasks[run.task];
  const title = [kind, titleOf(run), axesOf(run), whole && size(whole.width, whole.height), settingsOf(run)]
    .filter(Boolean)
    .join(" · ");
  if (button.title !== title) button.title = title;
  button.classList.toggle("active", isActive(run));
  button.classList.toggle("failed", run.state === "failed");
  button.setAttribute("aria-pressed", [state.shown.id, state.shown.a, state.shown.b].includes(run.id));
  return button;
}

export function results() {
  const box = h("div.strip#results", { role: "group", "aria-label": text.film.results });
  watch("runs shown", () => {
    const buttons = newestFirst().map(draw);
    const same =
      buttons.length === box.childElementCount && buttons.every((button, index) => box.children[index] === button);
    if (!same) box.replaceChildren(...buttons);
    for (const id of [...tiles.keys()]) if (!state.runs.has(id)) tiles.delete(id);
  });
  return box;
}
