// The bar under the viewer: caption, blend, comparison, zoom, and the menus of a result.

import { offerComparing, toggleComparing } from "./comparing.js";
import { find, h } from "./dom.js";
import { stem } from "./format.js";
import { icon } from "./icons.js";
import { menu } from "./menu.js";
import { downloads, moreItems } from "./result.js";
import { pageOf } from "./sheet.js";
import { isTiled, setTiled } from "./stage.js";
import { state, watch } from "./state.js";
import { text } from "./strings.js";
import * as viewer from "./viewer.js";

const button = (id, picture, label, work) =>
  h(`button.plain#${id}`, { type: "button", title: label, "aria-label": label, onclick: work }, icon(picture));

const caption = h("p.caption#caption");
const numbers = h("span#numbers");
const compare = button("compare", "compare", text.viewer.compare, toggleComparing);
const tile = button("tile", "tiles", text.viewer.tile, () => {
  setTiled(!isTiled());
  tile.setAttribute("aria-pressed", isTiled());
});
const strength = h("input#blend", {
  type: "range",
  min: 0,
  max: 100,
  value: 100,
  "aria-label": text.viewer.blend,
  title: text.viewer.blend,
});
const blending = h(
  "label.blend",
  { hidden: true },
  h("span", {}, text.viewer.blendShort),
  strength,
  h("output#blend-value", {}, "100 %"),
);
const level = h("button.plain.level#actual", {
  type: "button",
  title: text.viewer.actual,
  onclick: () => (Math.abs(viewer.percent() - 100) < 1 ? viewer.fit() : viewer.actualSize()),
});
const save = menu("save", [icon("save"), h("span", {}, text.result.download)], text.result.download, () =>
  downloads(shownRun(), blendShare()),
);
const quickSave = h(
  "a.button#save-preview",
  { "aria-label": text.result.download, title: text.result.download },
  icon("save"),
  h("span", {}, text.result.download),
);
const openPage = h(
  "a.button#open-page",
  { target: "_blank", rel: "noopener", "aria-label": text.sweep.open, title: text.sweep.open, hidden: true },
  icon("open"),
  h("span", {}, text.sweep.openShort),
);
const more = menu("more", [icon("more")], text.result.more, () => moreItems(shownRun()));

const blendShare = () => Number(strength.value) / 100;
const shownRun = () => (state.shown.kind === "run" ? state.runs.get(state.shown.id) : undefined);

function setBlend(value) {
  strength.value = value;
  find("#blend-value").textContent = `${value} %`;
  viewer.blend(value / 100);
}

let blended = "";
let was = ""; // id and state of the run in the viewer

function refresh() {
  const { view } = state;
  const run = shownRun();
  const both = Boolean(view?.before && view?.after);
  find("#bar").classList.toggle("empty", !view);
  caption.textContent = view?.caption ?? "";
  compare.disabled = !both;
  const finished = Boolean(run?.result);
  blending.hidden = !(finished && both);
  tile.hidden = !(finished && run.task === "texture");
  const page = pageOf(run);
  save.hidden = !finished && !page;
  openPage.hidden = !page;
  if (page) openPage.href = page;
  more.hidden = !run;
  offerPreview();
  const now = run ? `${run.id} ${run.state}` : "";
  if (was === `${run?.id} running` && finished) offerComparing();
  was = now;
  const key = `${state.shown.kind} ${state.shown.id ?? ""}`;
  if (key !== blended) {
    blended = key;
    setBlend(100);
  }
}

function offerPreview() {
  const { quick, shown } = state;
  quickSave.hidden = !(shown.kind === "quick" && quick);
  if (quickSave.hidden) return;
  Object.assign(quickSave, {
    href: quick.url,
    download: `${stem(quick.photo.name).replace(/^sample:/, "")}-${text.result.previewFile}.jpg`,
  });
}

function showLevel() {
  if (!state.view) return;
  level.textContent = `${viewer.percent()} %`;
}

export function start() {
  const zooms = h(
    "div.group",
    {},
    button("zoom-out", "less", text.viewer.zoomOut, () => viewer.zoom(1 / 1.25)),
    level,
    button("zoom-in", "add", text.viewer.zoomIn, () => viewer.zoom(1.25)),
    button("fit", "fit", text.viewer.fit, viewer.fit),
  );
  compare.setAttribute("aria-pressed", "false");
  find("#bar").append(
    h("div.captions", {}, caption, numbers),
    blending,
    h("div.group", {}, tile, compare),
    zooms,
    h("div.group.acts", {}, quickSave, openPage, save, more),
  );
  strength.addEventListener("input", () => setBlend(Number(strength.value)));
  viewer.onMove(showLevel);
  watch("view shown runs quick", refresh);
}
