// Numbers as text.

import { text } from "./strings.js";

export const size = (width, height) => `${width} × ${height}`;

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 10 && unit ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 1) return text.units.underSecond;
  if (seconds < 90) return text.units.seconds(Math.round(seconds));
  if (seconds < 5400) return text.units.minutes(Math.round(seconds / 60));
  return text.units.hours((seconds / 3600).toFixed(1));
}

export const exact = (seconds) => text.units.seconds(seconds < 10 ? seconds.toFixed(1) : Math.round(seconds));

// Up to three significant digits, without zeros at the end.
export const short = (value) => String(Number(Number(value).toPrecision(3)));

// "painting_scale" as "painting scale"
export const label = (name) => name.replaceAll("_", " ");
export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);
export const stem = (name) => name.replace(/\.[^.]*$/, "");

// The name of a source for people.
export function sourceName(source, names = {}) {
  const sample = source.startsWith("sample:");
  const name = sample ? source.slice(7) : stem(names[source] ?? source);
  return sample || (!source.includes(":") && !names[source]) ? capital(name) : name;
}
