// Downloads of a result, and everything else that can be done with a run.

import { get, runAddress } from "./api.js";
import { details } from "./details.js";
import { stem, sourceName } from "./format.js";
import { chooseOther } from "./compare.js";
import { takePicture } from "./pictures.js";
import { recall } from "./recipe.js";
import { cancel, isSweep, resume, startRun } from "./runs.js";
import { announce, guarded } from "./say.js";
import { pageOf } from "./sheet.js";
import { update } from "./state.js";
import { text } from "./strings.js";

const FORMATS = [
  { label: "PNG", format: "png" },
  { label: "PNG", format: "png", bits: 16 },
  { label: "JPEG", format: "jpg" },
  { label: "WebP", format: "webp" },
  { label: "TIFF", format: "tif", bits: 16 },
];

function fileName(run) {
  const { content, style } = run.request;
  const parts = [content, style[0]?.source].filter(Boolean).map((source) => stem(sourceName(source, run.names)));
  return (
    parts
      .join("-")
      .replace(/[^\w.-]+/g, "-")
      .toLowerCase() || run.task
  );
}

// The entries of the download menu.
export function downloads(run, strength) {
  const page = pageOf(run);
  if (page)
    return [{ label: "HTML", hint: text.result.formats.html, href: page, download: `${fileName(run)}-sweep.html` }];
  if (!run?.result) return [];
  const files = FORMATS.map(({ label, format, bits }) => {
    const query = { format, ...(bits && { bits }), ...(strength < 1 && { strength }) };
    const hint = text.result.formats[`${format}${bits ?? ""}`];
    return { label, hint, href: runAddress(run.id, "picture", query), download: `${fileName(run)}.${format}` };
  });
  if (!run.step) return files;
  return [
    ...files,
    "line",
    {
      label: text.result.timelapse,
      hint: "GIF",
      href: runAddress(run.id, "timelapse"),
      download: `${fileName(run)}.gif`,
    },
  ];
}

// The entries of the menu of a run.
export function moreItems(run) {
  if (!run) return [];
  const item = (id, work) => ({ id, label: text.result[id], work: guarded(work) });
  const entries = [item("useSettings", () => recall(run.request, run.names))];
  if (run.result) {
    const picture = { ...run.result, name: `${fileName(run)}.png` };
    if (["stylize", "texture", "reconstruct"].includes(run.task)) {
      entries.push(
        item("moreSteps", () => moreSteps(run)),
        item("startHere", () => startHere(run, picture)),
      );
    }
    if (run.state === "stopped") entries.push(item("resume", () => resume(run.id)));
    entries.push(
      item("asPhoto", () => takePicture("photo", picture)),
      item("asPainting", () => takePicture("painting", picture)),
    );
    entries.push(
      "line",
      item("compareWith", () => chooseOther(run)),
    );
  }
  entries.push(item("details", () => details(run)));
  if (!isSweep(run))
    entries.push(
      item("copyCommand", () => copy(run, "command")),
      item("copyPython", () => copy(run, "python")),
    );
  entries.push(
    "line",
    item("remove", () => cancel(run.id)),
  );
  return entries;
}

// Go on from the result with as many steps as the quality has at the full size.
async function moreSteps(run) {
  const steps = run.plan?.sizes?.at(-1)?.steps || 50;
  await startRun({ ...run.request, init: run.result.source, settings: { ...run.request.settings, steps, scales: 1 } });
}

async function startHere(run, picture) {
  recall(run.request, run.names);
  update({ init: { source: picture.source, name: picture.name } });
}

async function copy(run, kind) {
  if (!navigator.clipboard) return details(run); // a page over http, not from localhost: the texts can be selected there
  const texts = await get(`/runs/${run.id}/command`);
  await navigator.clipboard.writeText(texts[kind]);
  return announce(text.said.copied);
}
