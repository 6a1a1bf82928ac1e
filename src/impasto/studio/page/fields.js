// One setting as a control: a checkbox, a choice, a slider with a number, a number or a text.

import { clamp, h } from "./dom.js";
import { capital, label as plain, short } from "./format.js";
import { icon } from "./icons.js";
import { field, same, set, setting, watch } from "./state.js";
import { text } from "./strings.js";

const isNumber = ({ type }) => type === "number" || type === "integer";
const hasBounds = ({ minimum, maximum }) =>
  typeof minimum === "number" && typeof maximum === "number" && maximum - minimum <= 1e7;
export const labelOf = (name) => text.fields[name] ?? capital(plain(name));

// A slider over a range of several powers of ten, such as 0.05 to 8, is logarithmic.
function scaleOf({ type, minimum, maximum }) {
  if (minimum > 0 && maximum / minimum >= 50) {
    return {
      min: 0,
      max: 1,
      step: 0.005,
      to: (value) => Math.log(value / minimum) / Math.log(maximum / minimum),
      from: (place) => Number(short(minimum * (maximum / minimum) ** place)),
    };
  }
  const step = type === "integer" ? 1 : maximum - minimum <= 2 ? 0.01 : 0.1;
  return { min: minimum, max: maximum, step, to: Number, from: (place) => Number(short(place)) };
}

function numberInput(entry, id, change) {
  const input = h("input", {
    id,
    type: "number",
    step: entry.type === "integer" ? 1 : "any",
    inputMode: entry.type === "integer" ? "numeric" : "decimal",
    placeholder: entry.optional ? text.automatic : "",
  });
  const wrong = h("small.wrong", { hidden: true });
  const check = () => {
    const words = input.value.trim();
    const value = Number(words);
    let complaint = "";
    if (!words && !entry.optional) complaint = text.wrong.needed;
    else if (input.validity.badInput || !Number.isFinite(value)) complaint = text.wrong.number;
    else if (words && entry.type === "integer" && !Number.isInteger(value)) complaint = text.wrong.whole;
    else if (words && entry.minimum !== null && value < entry.minimum) complaint = text.wrong.least(entry.minimum);
    else if (words && entry.maximum !== null && value > entry.maximum) complaint = text.wrong.most(entry.maximum);
    wrong.textContent = complaint;
    wrong.hidden = !complaint;
    input.setAttribute("aria-invalid", Boolean(complaint));
    if (!complaint) change(words ? value : null);
  };
  input.addEventListener("change", check);
  const show = (value) => {
    wrong.hidden = true;
    input.removeAttribute("aria-invalid");
    input.value = value ?? "";
  };
  return { input, wrong, show };
}

function slider(entry, id, change, name) {
  const { min, max, step, to, from } = scaleOf(entry);
  const number = numberInput(entry, `${id}-number`, change);
  const range = h("input", { id, type: "range", min, max, step });
  range.addEventListener("input", () => change(from(Number(range.value))));
  number.input.setAttribute("aria-label", text.typed(name));
  const show = (value) => {
    number.show(value === null ? null : Number(short(value)));
    range.value = value === null ? min : clamp(to(value), min, max);
    range.setAttribute("aria-valuetext", value === null ? text.automatic : short(value));
  };
  return { parts: [h("div.slide", {}, range, number.input), number.wrong], show };
}

function select(entry, id, change) {
  const names = [...(entry.optional ? [""] : []), ...entry.choices];
  const box = h(
    "select",
    { id },
    names.map((name) => h("option", { value: name }, name || text.automatic)),
  );
  box.addEventListener("change", () => change(box.value || null));
  return { parts: [box], show: (value) => (box.value = value ?? "") };
}

function words(entry, id, change) {
  const many = entry.type === "texts";
  const input = h("input", {
    id,
    type: "text",
    spellcheck: false,
    autocomplete: "off",
    placeholder: entry.optional || many ? text.notSet : "",
  });
  const read = () => {
    const value = input.value.trim();
    if (many)
      return value
        ? value
            .split(";")
            .map((part) => part.trim())
            .filter(Boolean)
        : [];
    return value || (entry.optional ? null : entry.default);
  };
  input.addEventListener("change", () => change(read()));
  return { parts: [input], show: (value) => (input.value = many ? (value ?? []).join("; ") : (value ?? "")) };
}

function widget(entry, id, change, name) {
  if (entry.choices) return select(entry, id, change);
  if (isNumber(entry) && hasBounds(entry)) return slider(entry, id, change, name);
  if (!isNumber(entry)) return words(entry, id, change);
  const { input, wrong, show } = numberInput(entry, id, change);
  return { parts: [input, wrong], show };
}

export const sentence = (words) => `${capital(words)}.`;

// Return the control of a setting as an element; null where the forms do not have it.
export function control(task, name, { help = true, label = labelOf(name) } = {}) {
  const entry = field(task, name);
  if (!entry) return null;
  const id = `${task}-${name}`;
  const change = (value) => set(task, name, value);
  const reset = h(
    "button.plain.reset",
    {
      type: "button",
      title: text.resetOne(label),
      "aria-label": text.resetOne(label),
      onclick: () => change(entry.default),
    },
    icon("reset"),
  );
  const about = help ? h("small", { id: `${id}-help` }, sentence(entry.help)) : null;
  let show;
  let element;
  if (entry.type === "boolean") {
    const box = h("input", { id, type: "checkbox", onchange: () => change(box.checked) });
    show = (value) => (box.checked = Boolean(value));
    element = h(
      "div.field",
      { "data-field": name },
      h("div.caption", {}, h("label.check", {}, box, h("span", {}, label)), reset),
      about,
    );
  } else {
    const made = widget(entry, id, change, label);
    show = made.show;
    element = h(
      "div.field",
      { "data-field": name },
      h("div.caption", {}, h("label", { htmlFor: id }, label), reset),
      made.parts,
      about,
    );
  }
  if (about) element.querySelector(`#${CSS.escape(id)}`)?.setAttribute("aria-describedby", about.id);
  watch("settings", () => {
    const value = setting(task, name);
    show(value);
    const changed = !same(value, entry.default);
    element.classList.toggle("changed", changed);
    reset.disabled = !changed;
  });
  return element;
}
