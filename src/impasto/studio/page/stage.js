// The picture that the viewer shows: the photo, a painting, a preview, a run, or two results side by side.

import { address, runAddress } from "./api.js";
import { isActive, isSweep, painted, titleOf } from "./runs.js";
import { state, update, watch } from "./state.js";
import { exact, size, sourceName, stem } from "./format.js";
import { text } from "./strings.js";
import { task } from "./tabs.js";
import * as viewer from "./viewer.js";

let editing = null; // a view that an editor needs, instead of all others
let tiled = false;

const at = (source) => (side) => address(source, side);

// The view of the store, or null.
function current() {
  const { shown } = state;
  if (editing) return editing;
  if (shown.kind === "quick" && state.quick) return quickView(state.quick);
  if (shown.kind === "run" && state.runs.has(shown.id)) return runView(state.runs.get(shown.id));
  if (shown.kind === "pair") return pairView(shown);
  if (shown.kind === "painting" && shown.picture?.width) return plainView(shown.picture);
  const picture = task() === "texture" ? null : state.photo;
  return picture?.width ? plainView(picture) : null;
}

function plainView(picture) {
  const { source, width, height, name } = picture;
  return {
    key: source,
    width,
    height,
    label: name,
    before: at(source),
    after: null,
    caption: `${stem(name)} · ${size(width, height)}`,
  };
}

function quickView(quick) {
  const { photo, url, seconds, label } = quick;
  const caption = [text.viewer.preview, label, seconds && exact(seconds)].filter(Boolean).join(" · ");
  const { source, width, height } = photo;
  return {
    key: source,
    width,
    height,
    label: caption,
    before: at(source),
    beforeLabel: photo.name,
    after: () => url,
    caption,
  };
}

function runView(run) {
  const { request, plan } = run;
  const whole = (painted(run) && run.result) || plan || state.photo;
  const base = request.content ?? null;
  const after = afterOf(run);
  const caption = runCaption(run, whole);
  const key = base ?? run.id;
  if (tiled && run.task === "texture" && run.result) return tiledView(run, whole, caption);
  const before = base ? at(base) : null;
  if (!after && !before) return null;
  return {
    key,
    width: whole.width,
    height: whole.height,
    label: caption,
    before,
    beforeLabel: sourceName(base ?? "", run.names),
    after,
    caption,
  };
}

function afterOf(run) {
  if (run.result && painted(run)) return at(run.result.source);
  if (run.preview) return () => runAddress(run.id, "preview", { version: run.preview });
  return null;
}

function tiledView(run, whole, caption) {
  const tiles = { count: 3, address: address(run.result.source, 1024) };
  return {
    key: `${run.id} tiled`,
    width: 3 * whole.width,
    height: 3 * whole.height,
    label: text.viewer.tiled,
    before: null,
    after: null,
    tiles,
    caption,
  };
}

function runCaption(run, whole) {
  const title = isSweep(run) ? text.sweep.named(titleOf(run)) : text.tasks[run.task];
  const kind = isActive(run) ? text.states[run.state] : title;
  const seconds = run.state === "done" && run.seconds ? exact(run.seconds) : null;
  return [kind, size(whole.width, whole.height), seconds].filter(Boolean).join(" · ");
}

function pairView({ a, b }) {
  const [first, second] = [state.runs.get(a), state.runs.get(b)];
  if (!first?.result || !second?.result) return null;
  const { width, height } = first.result;
  const caption = text.compare.caption(titleOf(first), titleOf(second));
  return {
    key: `${a} ${b}`,
    width,
    height,
    label: caption,
    before: at(first.result.source),
    beforeLabel: text.compare.left,
    after: at(second.result.source),
    caption,
  };
}

let last = "";

async function refresh() {
  const view = current();
  document.body.classList.toggle("bare", !view);
  update({ view });
  if (!view) {
    last = "";
    viewer.clear();
    return;
  }
  const mark = [view.key, view.width, view.height, view.before?.(0), view.after?.(0), view.tiles?.address].join("|");
  if (mark === last) return;
  last = mark;
  await viewer.show(view);
}

// Show `view` until `edit(null)`.
export function edit(view) {
  editing = view;
  return refresh();
}

export function setTiled(on) {
  tiled = on;
  refresh();
}

export const isTiled = () => tiled;
export const viewOf = plainView;

export function start() {
  watch("shown quick runs photo tab sweep", refresh);
}
