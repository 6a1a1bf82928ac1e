// A dialog with everything about a run: inputs, settings, numbers, its curve, and how to make it again.

import { get } from "./api.js";
import { drawCurve } from "./curve.js";
import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { exact, label, short, size, sourceName } from "./format.js";
import { curveOf, isSweep } from "./runs.js";
import { text } from "./strings.js";

function inputsOf({ request, names }) {
  const { content, style, regions } = request;
  const total = style.reduce((sum, { share }) => sum + share, 0) || 1;
  const styles = style.map(({ source, share }) => {
    const name = sourceName(source, names);
    return style.length > 1 ? text.details.share(name, Math.round((100 * share) / total)) : name;
  });
  return [content && sourceName(content, names), ...styles, regions?.length && text.details.regions(regions.length)]
    .filter(Boolean)
    .join("; ");
}

const shown = (value) =>
  typeof value === "number" ? short(value) : Array.isArray(value) ? value.join(" ") : String(value);

// The axes of a sweep with their values.
export const axesOf = ({ request, names }) =>
  (request.axes ?? [])
    .map(({ name, values }) => {
      const words = values.map((value) => (name === "style" ? sourceName(value, names) : shown(value)));
      return `${label(name)}: ${words.join(", ")}`;
    })
    .join("; ");

export function settingsOf({ request }) {
  return Object.entries(request.settings)
    .map(([name, value]) => `${label(name)} ${shown(value)}`)
    .join(", ");
}

function rowsOf(run) {
  const words = text.details;
  const whole = run.result ?? run.plan;
  return [
    [words.inputs, inputsOf(run)],
    [words.axes, axesOf(run)],
    [words.settings, settingsOf(run) || words.usual],
    [words.size, whole && size(whole.width, whole.height)],
    [isSweep(run) ? words.pictures : words.steps, run.step?.total && `${run.step.index} / ${run.step.total}`],
    [words.time, run.seconds && exact(run.seconds)],
    [words.loss, run.step?.loss && short(run.step.loss)],
    [words.notices, run.notices?.join("; ")],
  ].filter(([, value]) => value);
}

export async function details(run) {
  const [texts, whole] = await Promise.all([
    isSweep(run) ? null : get(`/runs/${run.id}/command`).catch(() => null),
    get(`/runs/${run.id}`),
  ]);
  const points = whole.curve ?? curveOf(run.id);
  const rows = rowsOf(run).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)));
  const curve = h("canvas.curve", { role: "img", "aria-label": text.progress.curve, hidden: points.length < 2 });
  const code = (name, words) => [h("h3", {}, name), h("pre", { tabIndex: 0, "aria-label": name }, words)];
  dialog("details", text.details.title, () => [
    h("table.facts", {}, h("tbody", {}, rows)),
    curve,
    ...(texts ? [...code(text.details.command, texts.command), ...code(text.details.python, texts.python)] : []),
  ]);
  drawCurve(curve, points, run.step?.total);
}
