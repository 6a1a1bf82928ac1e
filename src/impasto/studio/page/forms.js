// Advanced: presets, and all other settings of a task, with a search and resets.

import { control, labelOf } from "./fields.js";
import { h } from "./dom.js";
import { useSettings } from "./recipe.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

// The settings that the panel shows outside of Advanced.
export const FIRST = {
  stylize: ["strength", "style_scale", "quality", "size"],
  apply: ["strength", "size"],
  texture: ["style_scale", "quality", "width", "height", "size", "tileable"],
  reconstruct: ["layers", "quality", "size"],
  blend: ["at", "gradients"],
};

function presetChoice(task) {
  const fitting = state.presets.filter((preset) => preset.tasks[task]);
  if (!fitting.length) return null;
  const about = h("small");
  const select = h(
    "select",
    { id: `${task}-preset` },
    h("option", { value: "" }, text.advanced.noPreset),
    fitting.map(({ name }) => h("option", { value: name }, name)),
  );
  select.addEventListener("change", () => {
    const preset = fitting.find(({ name }) => name === select.value);
    about.textContent = preset?.about ?? "";
    useSettings(task, preset?.tasks[task] ?? {});
  });
  return h(
    "div.field.preset",
    {},
    h("div.caption", {}, h("label", { htmlFor: select.id }, text.advanced.preset)),
    select,
    about,
  );
}

function group(task, section, entries) {
  const fields = entries.map((entry) => {
    const element = control(task, entry.name);
    element.dataset.words =
      `${entry.name} ${labelOf(entry.name)} ${entry.help} ${(entry.choices ?? []).join(" ")}`.toLowerCase();
    return element;
  });
  return fields.length ? h("fieldset", {}, h("legend", {}, text.advanced.sections[section] ?? section), fields) : null;
}

// Hide the fields that do not have all words of the search.
function filter(box, search, none) {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const fieldset of box.querySelectorAll("fieldset")) {
    let here = 0;
    for (const element of fieldset.querySelectorAll(".field")) {
      const fits = words.every((word) => element.dataset.words.includes(word));
      element.hidden = !fits;
      here += fits;
    }
    fieldset.hidden = !here;
    found += here;
  }
  none.hidden = found > 0;
}

export function advanced(task) {
  const entries = (state.forms[task] ?? []).filter(({ name }) => !FIRST[task].includes(name));
  if (!entries.length) return null;
  const groups = ["painting", "computing"].map((section) =>
    group(
      task,
      section,
      entries.filter((entry) => entry.section === section),
    ),
  );
  const box = h("div", {}, groups.filter(Boolean));
  const search = h("input", {
    type: "search",
    id: `${task}-search`,
    placeholder: text.advanced.search,
    "aria-label": text.advanced.search,
    oninput: () => filter(box, search, none),
  });
  const none = h("p.small", { hidden: true }, text.advanced.none);
  const reset = h(
    "button.plain",
    { type: "button", id: `${task}-reset`, onclick: () => update({ settings: { ...state.settings, [task]: {} } }) },
    text.advanced.resetAll,
  );
  const mark = h("span.count");
  watch("settings", () => {
    const count = Object.keys(state.settings[task]).filter((name) => !FIRST[task].includes(name)).length;
    mark.textContent = count ? text.advanced.changed(count) : "";
    reset.disabled = !Object.keys(state.settings[task]).length;
  });
  return h(
    "details.part.advanced",
    { id: `${task}-advanced` },
    h("summary", {}, h("h2", {}, text.advanced.title), mark),
    h("div.row.spread.find", {}, search, reset),
    presetChoice(task),
    box,
    none,
  );
}
