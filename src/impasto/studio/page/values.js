// The values of an axis of a sweep: first proposals, and what a visitor has typed or ticked.

import { short } from "./format.js";
import { text } from "./strings.js";

const MOST_TICKED = 5; // choices that are ticked at the start

// First values where those around the default would say little.
const PROPOSALS = {
  strength: "0.2, 0.5, 0.8",
  style_scale: "0.5, 1, 2",
  content_weight: "0.5, 1, 2",
  style_weight: "0.5, 1, 2",
  seed: "0, 1, 2",
  size: "256, 512",
  width: "256, 512",
  height: "256, 512",
  tile: "256, 512",
  steps: "20, 50, 100",
  scales: "1, 2, 3",
  matching: "1, 2, 4",
  rate: "0.003, 0.01, 0.03",
  style_loss: "w2; gram; sliced",
  content_loss: "features; correlation; self-similarity",
  rotations: "90; 180; 90,180,270",
  style_layers: "relu1_1,relu2_1; relu3_1,relu4_1",
  content_layers: "relu3_2; relu4_2",
  layers: "relu1_1; relu2_1; relu3_1; relu4_1",
  patch: "3x3; 5x5",
};

export const isNumber = ({ type }) => type === "number" || type === "integer";

// The values of a setting with choices, as { value, words }; an empty list for all other settings.
export const choicesOf = ({ type, choices }) =>
  type === "boolean"
    ? [false, true].map((value) => ({ value, words: value ? text.sweep.yes : text.sweep.no }))
    : (choices ?? []).map((value) => ({ value, words: text.choices[value] ?? value }));

function proposal(entry) {
  const { name, minimum, maximum, default: usual } = entry;
  if (PROPOSALS[name]) return PROPOSALS[name];
  if (!isNumber(entry)) return usual ?? "";
  const around = usual ? [usual / 2, usual, usual * 2] : usual === 0 ? [0, 1, 10] : [];
  const values = around.map((value) => Math.min(maximum ?? value, Math.max(minimum ?? value, value)));
  return [...new Set(values.map((value) => short(entry.type === "integer" ? Math.round(value) : value)))].join(", ");
}

// The values that an axis starts with.
export function proposed(entry) {
  const choices = choicesOf(entry).map(({ value }) => value);
  return choices.length ? { picked: choices.slice(0, MOST_TICKED) } : { words: proposal(entry) };
}

// Values of a request as those of the form.
export function formed(entry, values) {
  return choicesOf(entry).length ? { picked: values } : { words: values.join(isNumber(entry) ? ", " : "; ") };
}

function numberOf(word, { type, minimum, maximum }) {
  const value = Number(word);
  if (!Number.isFinite(value)) return { wrong: text.wrong.number };
  if (type === "integer" && !Number.isInteger(value)) return { wrong: text.wrong.whole };
  if (minimum !== null && value < minimum) return { wrong: text.wrong.least(minimum) };
  if (maximum !== null && value > maximum) return { wrong: text.wrong.most(maximum) };
  return { value };
}

// Return { values } of a text, or { wrong }. Numbers are between commas; texts, which may have commas, semicolons.
export function typed(words, entry) {
  const parts = words
    .split(isNumber(entry) ? /[\s,;]+/ : ";")
    .map((part) => part.trim())
    .filter(Boolean);
  if (!isNumber(entry)) return { values: parts };
  const numbers = parts.map((part) => numberOf(part, entry));
  const place = numbers.findIndex(({ wrong }) => wrong);
  return place < 0
    ? { values: numbers.map(({ value }) => value) }
    : { wrong: `${parts[place]}: ${numbers[place].wrong}` };
}
