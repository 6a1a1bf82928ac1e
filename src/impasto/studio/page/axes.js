// The axes of a sweep in the store: one setting or two, each with its values.
//
// An axis is { name, words } for numbers and texts, { name, picked } for choices, or { name: "style", paintings }.

import { labelOf } from "./fields.js";
import { field, state, update } from "./state.js";
import { text } from "./strings.js";
import { choicesOf, formed, proposed, typed } from "./values.js";

export const TASKS = ["stylize", "texture", "reconstruct"];
export const MOST_AXES = 2;
const MOST_VALUES = 16;
const MOST_PICTURES = 48;
const STYLE = "style"; // the axis of paintings; all others are fields of the form

// The settings that are compared most often; the first one is there at the start.
const USEFUL = {
  stylize: ["strength", "style_scale", STYLE, "quality", "content_weight", "style_loss", "seed", "init", "size"],
  texture: ["style_scale", STYLE, "quality", "style_loss", "layers", "seed", "size"],
  reconstruct: ["layers", "content_loss", "quality", "seed", "size"],
};

const paintings = { name: STYLE, type: STYLE, help: text.sweep.styleHelp, choices: null, section: "painting" };

// The field of the form of an axis.
export const entryOf = (name) => (name === STYLE ? paintings : field(state.sweep.task, name));

// All settings that can be an axis: the useful ones, and the others.
export function settingsOfAxes() {
  const { task } = state.sweep;
  const useful = USEFUL[task].map(entryOf).filter(Boolean);
  return { useful, others: (state.forms[task] ?? []).filter(({ name }) => !USEFUL[task].includes(name)) };
}

export const newAxis = (name) =>
  name === STYLE ? { name, paintings: state.paintings } : { name, ...proposed(entryOf(name)) };

// The axes of the chosen task.
export function axes() {
  const { task } = state.sweep;
  const known = (state.sweep.axes[task] ?? []).filter(({ name }) => entryOf(name));
  return known.length || !entryOf(USEFUL[task][0]) ? known : [newAxis(USEFUL[task][0])];
}

export const setAxes = (list) =>
  update({ sweep: { ...state.sweep, axes: { ...state.sweep.axes, [state.sweep.task]: list } } });

export const changeAxis = (index, values) =>
  setAxes(axes().map((axis, place) => (place === index ? { ...axis, ...values } : axis)));

const styleAxis = () => (state.tab === "sweep" ? axes().find(({ name }) => name === STYLE) : undefined);
export const comparesPaintings = () => Boolean(styleAxis());

// The paintings that are chosen: those of the axis, or else those of all tasks.
export const chosenPaintings = () => styleAxis()?.paintings ?? state.paintings;

export function choosePaintings(list) {
  if (styleAxis()) setAxes(axes().map((axis) => (axis.name === STYLE ? { ...axis, paintings: list } : axis)));
  else update({ paintings: list });
}

// Return { values } of an axis, or { wrong }: one line that says what to change.
export function valuesOf({ name, paintings: list, picked, words }) {
  const entry = entryOf(name);
  const choices = choicesOf(entry).map(({ value }) => value);
  if (list && !list.length) return { wrong: text.sweep.noPaintings };
  const found = list
    ? { values: list.map(({ source }) => source) }
    : picked
      ? { values: choices.filter((value) => picked.includes(value)) }
      : typed(words, entry);
  if (found.wrong) return found;
  const values = [...new Set(found.values)];
  if (!values.length) return { wrong: text.sweep.noValues };
  return values.length > MOST_VALUES ? { wrong: text.sweep.tooManyValues(MOST_VALUES) } : { values };
}

// The number of pictures; 0 where an axis is wrong.
export const pictures = () => axes().reduce((count, axis) => count * (valuesOf(axis).values?.length ?? 0), 1);

// Return one line that says why the sweep cannot start, or null.
export function trouble() {
  if (!state.about.sweeps) return text.sweep.install;
  for (const axis of axes()) {
    const { wrong } = valuesOf(axis);
    if (wrong) return text.sweep.wrongAxis(labelOf(axis.name), wrong);
  }
  return pictures() > MOST_PICTURES ? text.sweep.tooMany(pictures(), MOST_PICTURES) : null;
}

// The axes of a request. Call it only where `trouble()` is null.
export const requested = () => axes().map((axis) => ({ name: axis.name, values: valuesOf(axis).values }));

// Axes of a request as those of the form; `named` makes a painting of a source.
export const recalled = (task, list, named) =>
  list
    .filter(({ name }) => name === STYLE || field(task, name))
    .map(({ name, values }) =>
      name === STYLE
        ? { name, paintings: values.map((source) => ({ ...named(source), share: 1 })) }
        : { name, ...formed(field(task, name), values) },
    );
