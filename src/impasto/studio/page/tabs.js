// The tabs: a new one is an entry of TABS and its parts in panel.js.

import { comparesPaintings } from "./axes.js";
import { find, h } from "./dom.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

const PARTS = { photo: "photo", painting: "paintings" };

// `needs`: pictures that the task cannot do without. `parts`: names of parts of the panel, from top to bottom.
export const TABS = {
  paint: {
    task: "stylize",
    needs: ["photo", "painting"],
    parts: ["photo", "paintings", "stylize", "start", "regions", "advanced"],
    film: true,
    quick: true,
  },
  onepass: {
    task: "apply",
    needs: ["photo", "style"],
    parts: ["photo", "chosen", "paintings", "apply", "regions", "advanced"],
    film: true,
    quick: true,
  },
  texture: { task: "texture", needs: ["painting"], parts: ["paintings", "texture", "start", "advanced"] },
  reconstruct: { task: "reconstruct", needs: ["photo"], parts: ["photo", "reconstruct", "start", "advanced"] },
  blend: { task: "blend", needs: ["photo", "inset"], parts: ["photo", "inset", "blend", "advanced"] },
  // A sweep has the pictures and the settings of its task. The paintings that it compares are in its own part.
  sweep: {
    get task() {
      return state.sweep.task;
    },
    get needs() {
      return TABS[tabOf(this.task)].needs.filter((need) => need !== "painting" || !comparesPaintings());
    },
    get parts() {
      if (!state.about.sweeps) return ["sweep"];
      const [pictures, controls] = [this.needs.map((need) => PARTS[need]), [this.task, "start", "advanced"]];
      return ["sweep", ...pictures, "axes", ...controls];
    },
  },
};

export const task = () => TABS[state.tab].task;
export const tabOf = (name) => Object.keys(TABS).find((key) => key !== "sweep" && TABS[key].task === name) ?? "paint";
export const tabOfRequest = ({ task: name, axes }) => (axes?.length ? "sweep" : tabOf(name));

const buttons = new Map();

// Open a tab. A run that is on stays in the viewer; a finished one of another task does not.
export function open(name) {
  if (name === state.tab) return;
  const run = state.shown.kind === "run" && state.runs.get(state.shown.id);
  const stays = run && (tabOfRequest(run.request) === name || ["queued", "running", "paused"].includes(run.state));
  update({ tab: name, ...(!stays && { shown: { kind: "photo" } }) });
}

function walk(event) {
  const names = Object.keys(TABS);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = names.at((names.indexOf(state.tab) + step) % names.length);
  open(next);
  buttons.get(next).focus();
  event.preventDefault();
}

export function start() {
  for (const name of Object.keys(TABS)) {
    const button = h(
      `button#tab-${name}`,
      { type: "button", role: "tab", "aria-controls": "panel", onclick: () => open(name) },
      text.tabs[name],
    );
    buttons.set(name, button);
    find("#tabs").append(button);
  }
  find("#tabs").setAttribute("aria-label", text.tabs.name);
  find("#tabs").addEventListener("keydown", walk);
  watch("tab", () => {
    for (const [name, button] of buttons) {
      button.setAttribute("aria-selected", name === state.tab);
      button.tabIndex = name === state.tab ? 0 : -1;
    }
    buttons.get(state.tab).scrollIntoView({ block: "nearest", inline: "nearest" });
    find("#panel").setAttribute("aria-labelledby", `tab-${state.tab}`);
    document.body.dataset.tab = state.tab;
  });
}
