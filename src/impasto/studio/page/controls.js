// The few controls of a task that come first.

import { control, labelOf } from "./fields.js";
import { h } from "./dom.js";
import { size as pixels } from "./format.js";
import { field, set, setting, state, watch } from "./state.js";
import { text } from "./strings.js";

const SIDES = [512, 1024, 2048, 4096];

// A setting with a few choices, as a row of buttons.
function segments(task, name) {
  const entry = field(task, name);
  if (!entry) return null;
  const inputs = entry.choices.map((choice) =>
    h("input.unseen", {
      type: "radio",
      name: `${task}-${name}`,
      value: choice,
      id: `${task}-${name}-${choice}`,
      onchange: () => set(task, name, choice),
    }),
  );
  const labels = inputs.map((input) => h("label", {}, input, h("span", {}, text.choices[input.value] ?? input.value)));
  watch("settings", () => {
    for (const input of inputs) input.checked = input.value === setting(task, name);
  });
  const [legend, row] = [h("legend", {}, labelOf(name)), h("div.segments", {}, labels)];
  return h("fieldset.field.plain-set", { "data-field": name }, legend, row);
}

// The colours of the photo: on or off; the colour space is in Advanced.
function keepColours(task) {
  const entry = field(task, "keep_color");
  if (!entry) return null;
  const box = h("input", {
    type: "checkbox",
    id: `${task}-keep`,
    onchange: () =>
      set(task, "keep_color", box.checked ? (entry.choices.find((name) => name !== "no") ?? "ycbcr") : "no"),
  });
  watch("settings", () => {
    box.checked = setting(task, "keep_color") !== "no";
  });
  return h("label.check.field", { "data-field": "keep_color" }, box, h("span", {}, text.fields.keep_color));
}

// The longer side of the result: a few sizes, the photo's own, or a typed one.
function sizeChoice(task) {
  const entry = field(task, "size");
  if (!entry) return null;
  const select = h("select", { id: `${task}-size` });
  const typed = h("input", {
    type: "number",
    id: `${task}-size-typed`,
    min: 1,
    step: 1,
    inputMode: "numeric",
    "aria-label": text.size.typed,
  });
  let typing = false;
  select.addEventListener("change", () => {
    typing = select.value === "typed";
    if (typing) typed.value = setting(task, "size") || 1024;
    set(task, "size", typing ? Number(typed.value) : select.value === "auto" ? null : Number(select.value));
    draw();
    if (typing) typed.focus();
  });
  typed.addEventListener("change", () => {
    const value = Math.round(Number(typed.value));
    if (value >= 1) set(task, "size", Math.min(value, state.about?.limits.side ?? value));
    draw();
  });
  const draw = () => {
    const value = setting(task, "size");
    const picture = task === "texture" ? state.paintings[0] : state.photo;
    const own = picture?.width ? text.size.ownOf(pixels(picture.width, picture.height)) : text.size.own;
    const sides = SIDES.filter((side) => side <= (state.about?.limits.side ?? 4096));
    const options = [
      ...(entry.optional ? [["auto", text.size.automatic]] : []),
      ...sides.map((side) => [String(side), text.size.side(side)]),
      ["0", own],
      ["typed", text.size.other],
    ];
    const known = options.some(([name]) => name === String(value ?? "auto"));
    select.replaceChildren(...options.map(([name, words]) => h("option", { value: name }, words)));
    select.value = typing || !known ? "typed" : String(value ?? "auto");
    typed.hidden = select.value !== "typed";
    if (!typed.hidden && document.activeElement !== typed) typed.value = value ?? "";
  };
  watch("settings photo paintings about", draw);
  return h(
    "div.field",
    { "data-field": "size" },
    h("div.caption", {}, h("label", { htmlFor: select.id }, text.size.title)),
    h("div.pair", {}, select, typed),
  );
}

const part = (...children) => h("section.part.controls", {}, ...children);
const slim = { help: false };

export const stylize = () =>
  part(
    control("stylize", "strength", slim),
    control("stylize", "style_scale", slim),
    keepColours("stylize"),
    segments("stylize", "quality"),
    sizeChoice("stylize"),
  );

export const apply = () => part(control("apply", "strength", slim), keepColours("apply"), sizeChoice("apply"));

export const texture = () =>
  part(
    control("texture", "style_scale", slim),
    control("texture", "tileable", slim),
    segments("texture", "quality"),
    sizeChoice("texture"),
    h("div.pair", {}, control("texture", "width", slim), control("texture", "height", slim)),
  );

export const reconstruct = () =>
  part(control("reconstruct", "layers"), segments("reconstruct", "quality"), sizeChoice("reconstruct"));
