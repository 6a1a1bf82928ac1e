// The form of a sweep: its task, and one setting or two with their values.

import {
  MOST_AXES,
  TASKS,
  axes,
  changeAxis,
  entryOf,
  newAxis,
  pictures,
  setAxes,
  settingsOfAxes,
  valuesOf,
} from "./axes.js";
import { chooser } from "./chooser.js";
import { find, h } from "./dom.js";
import { labelOf, sentence } from "./fields.js";
import { icon } from "./icons.js";
import { part } from "./panel.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";
import { choicesOf, isNumber } from "./values.js";

export function sweep() {
  const inputs = TASKS.map((task) =>
    h("input.unseen", {
      type: "radio",
      name: "sweep-task",
      value: task,
      id: `sweep-task-${task}`,
      onchange: () => update({ sweep: { ...state.sweep, task } }),
    }),
  );
  const labels = inputs.map((input) => h("label", {}, input, h("span", {}, text.tasks[input.value])));
  watch("sweep", () => {
    for (const input of inputs) input.checked = input.value === state.sweep.task;
  });
  return h(
    "section.part.controls",
    {},
    h("p.small", {}, text.sweep.about),
    state.about.sweeps
      ? h("fieldset.field.plain-set", {}, h("legend", {}, text.sweep.task), h("div.segments", {}, labels))
      : null,
  );
}

const sideOf = (index, count) => (count > 1 ? text.sweep.sides[index] : text.sweep.setting);

// The groups of the list of settings, without the setting of the other axis.
function groupsFor(index) {
  const taken = axes()
    .filter((_, place) => place !== index)
    .map(({ name }) => name);
  const { useful, others } = settingsOfAxes();
  const optionsOf = (entries) =>
    entries
      .filter(({ name }) => !taken.includes(name))
      .map(({ name, help }) => ({
        value: name,
        label: labelOf(name),
        words: `${name} ${labelOf(name)} ${help}`.toLowerCase(),
      }));
  const sections = Object.entries(text.advanced.sections).map(([section, title]) => ({
    title,
    options: optionsOf(others.filter((entry) => entry.section === section)),
  }));
  return [{ title: text.sweep.useful, options: optionsOf(useful) }, ...sections];
}

const choose = (index) => (name) => {
  if (axes()[index].name !== name) setAxes(axes().map((axis, place) => (place === index ? newAxis(name) : axis)));
};

function textValues(entry, index, id) {
  const help = h("small", { id: `${id}-help` }, isNumber(entry) ? text.sweep.commas : text.sweep.semicolons);
  const input = h("input", {
    id,
    type: "text",
    spellcheck: false,
    autocomplete: "off",
    inputMode: "text",
    "aria-label": text.sweep.valuesOf(labelOf(entry.name)),
    "aria-describedby": help.id,
    oninput: () => changeAxis(index, { words: input.value }),
  });
  const show = ({ words }) => {
    if (document.activeElement !== input) input.value = words;
  };
  return { parts: [input, help], invalid: input, show };
}

function checks(entry, index, id) {
  const boxes = choicesOf(entry).map(({ value, words }) => {
    const change = () => {
      const others = axes()[index].picked.filter((other) => other !== value);
      changeAxis(index, { picked: box.checked ? [...others, value] : others });
    };
    const box = h("input", { type: "checkbox", id: `${id}-${value}`, onchange: change });
    return { value, box, label: h("label.check", {}, box, h("span", {}, words)) };
  });
  const group = h(
    "div.checks",
    { role: "group", "aria-label": text.sweep.valuesOf(labelOf(entry.name)) },
    boxes.map(({ label }) => label),
  );
  const show = ({ picked }) => {
    for (const { value, box } of boxes) box.checked = picked.includes(value);
  };
  return { parts: [group], invalid: null, show };
}

// The part of the paintings, which is in other places on other tabs.
function paintingTiles() {
  const box = h("div");
  const show = () => state.tab === "sweep" && box.append(part("paintings"));
  return { parts: [box], invalid: null, show };
}

function values(axis, index) {
  const [entry, id] = [entryOf(axis.name), `axis-${index + 1}-values`];
  if (axis.paintings) return paintingTiles();
  return choicesOf(entry).length ? checks(entry, index, id) : textValues(entry, index, id);
}

// One axis: { element, show }.
function card(axis, index, list) {
  const [entry, id] = [entryOf(axis.name), `axis-${index + 1}`];
  const side = sideOf(index, list.length);
  const select = chooser(`${id}-setting`, side, () => groupsFor(index), choose(index));
  select.show(labelOf(axis.name));
  const remove = h(
    "button.plain",
    {
      type: "button",
      id: `${id}-remove`,
      "aria-label": text.sweep.remove(labelOf(axis.name)),
      title: text.sweep.remove(labelOf(axis.name)),
      onclick: () => setAxes(axes().filter((_, place) => place !== index)),
    },
    icon("close"),
  );
  const made = values(axis, index);
  const wrong = h("small.wrong", { id: `${id}-wrong`, hidden: true });
  const element = h(
    "fieldset.axis.plain-set",
    { "data-testid": id },
    h("legend", {}, side),
    h("div.row.spread", {}, select.element, list.length > 1 ? remove : null),
    h("small", {}, sentence(entry.help)),
    made.parts,
    wrong,
  );
  const show = (now) => {
    made.show(now);
    wrong.textContent = valuesOf(now).wrong ?? "";
    wrong.hidden = !wrong.textContent;
    made.invalid?.setAttribute("aria-invalid", !wrong.hidden);
  };
  return { element, show };
}

function add() {
  const taken = axes().map(({ name }) => name);
  const { useful, others } = settingsOfAxes();
  const next = [...useful, ...others].find(({ name }) => !taken.includes(name));
  setAxes([...axes(), newAxis(next.name)]);
}

// The settings that the axes decide are not among the other controls.
function hideTaken(names) {
  for (const element of document.querySelectorAll("#panel [data-field]"))
    element.classList.toggle("swept", state.tab === "sweep" && names.includes(element.dataset.field));
}

export function axesPart() {
  const box = h("div.axes");
  const count = h("span.count", { role: "status" });
  const more = h("button#axis-add", { type: "button", onclick: add }, icon("add"), h("span", {}, text.sweep.add));
  let [cards, drawn] = [[], ""];
  watch("sweep tab forms paintings", () => {
    const list = axes();
    more.hidden = list.length >= MOST_AXES;
    const key = [state.sweep.task, ...list.map(({ name }) => name)].join();
    if (key !== drawn) {
      drawn = key;
      const focused = document.activeElement?.id;
      cards = list.map(card);
      box.replaceChildren(...cards.map(({ element }) => element));
      if (focused?.startsWith("axis-")) (document.getElementById(focused) ?? find("#axis-add"))?.focus();
    }
    for (const [index, axis] of list.entries()) cards[index].show(axis);
    count.textContent = pictures() ? text.sweep.pictures(pictures()) : "";
    hideTaken(list.map(({ name }) => name));
  });
  return h("section.part", {}, h("div.heading", {}, h("h2", {}, text.sweep.title), count), box, more);
}
