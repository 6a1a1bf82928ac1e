// Shortcuts, and the dialog that lists them.

import { dialog } from "./dialog.js";
import { find, h } from "./dom.js";
import { startPainting } from "./foot.js";
import * as masks from "./masks.js";
import { newestFirst, show } from "./runs.js";
import { toggleComparing } from "./comparing.js";
import { pageOf } from "./sheet.js";
import { state } from "./state.js";
import { text } from "./strings.js";
import { TABS, open } from "./tabs.js";
import * as viewer from "./viewer.js";

const stepResult = (step) => {
  const runs = newestFirst().filter((run) => run.result || pageOf(run));
  if (!runs.length) return;
  const here = runs.findIndex((run) => run.id === state.shown.id);
  show(runs.at(here < 0 ? 0 : (here + step) % runs.length).id);
};

const KEYS = {
  "?": () => help(),
  0: viewer.fit,
  1: () => viewer.actualSize(),
  "+": () => viewer.zoom(1.25),
  "=": () => viewer.zoom(1.25),
  "-": () => viewer.zoom(1 / 1.25),
  c: toggleComparing,
  o: () => (find("#photo-file")?.offsetParent ? find("#photo-file") : find("#photo"))?.click(),
  p: () => startPainting(),
  n: () => stepResult(-1),
  m: () => stepResult(1),
};

export function help() {
  const rows = text.keys.list.map(([keys, words]) =>
    h(
      "div",
      {},
      h(
        "dt",
        {},
        keys.split(" ").map((key) => h("kbd", {}, key)),
      ),
      h("dd", {}, words),
    ),
  );
  dialog("keys", text.keys.title, () => [h("dl.keys", {}, rows)]);
}

const typing = ({ target }) =>
  target.closest?.("input:not([type=range], [type=checkbox], [type=radio]), select, textarea");

function down(event) {
  if (document.querySelector("dialog[open]") || event.defaultPrevented) return;
  if (typing(event)) return;
  if (masks.key(event)) return event.preventDefault();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return startPainting();
  if (event.ctrlKey || event.metaKey) return undefined;
  if (event.altKey && event.key >= "1" && event.key <= "9") {
    const name = Object.keys(TABS)[event.key - 1];
    if (name) (event.preventDefault(), open(name));
    return undefined;
  }
  if (event.altKey || event.target.closest?.("[popover]")) return undefined;
  if (event.key.toLowerCase() === "b") return viewer.hold(true);
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (event.target.id === "viewer" && moves[event.key] && !viewer.isFitted()) {
    event.preventDefault();
    return viewer.pan(...moves[event.key]);
  }
  const work = KEYS[event.key];
  if (!work || (masks.isOpen() && "pnmo".includes(event.key))) return undefined;
  event.preventDefault();
  return work();
}

export function start() {
  document.addEventListener("keydown", down);
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "b" && viewer.hold(false));
}
