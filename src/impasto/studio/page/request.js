// The request of a run, from the store.

import { chosenPaintings, requested, trouble } from "./axes.js";
import { TABS, task } from "./tabs.js";
import { setting, state } from "./state.js";
import { text } from "./strings.js";

// Return one line that says which picture is missing, or null.
export function missing() {
  const has = {
    photo: state.photo,
    painting: state.paintings.length,
    style: state.style || state.paintings.length,
    inset: state.inset,
  };
  const name = TABS[state.tab].needs.find((need) => !has[need]);
  if (state.tab === "sweep" && !state.about.sweeps) return trouble();
  if (name) return text.missing[name];
  return state.tab === "sweep" ? trouble() : null;
}

const shares = () => state.paintings.map(({ source, share }) => ({ source, share }));

// The style of a preview: the name of a shipped style, a painting, a mixture with its shares, or null.
export function quickStyle() {
  if (state.tab === "onepass" && state.style) return state.style;
  return state.paintings.length > 1 ? shares() : (state.paintings[0]?.source ?? null);
}

function styles(name) {
  if (name === "apply" && state.style) return [{ source: state.style, share: 1 }];
  if (name === "blend") return [{ source: state.inset.source, share: 1 }];
  if (name === "reconstruct") return [];
  return shares();
}

function regions(name) {
  if (name !== "stylize" && name !== "apply") return [];
  const most = name === "apply" ? 1 : Infinity;
  const ready = state.regions.filter(({ mask, painting }) => mask && painting);
  return ready.map(({ mask, painting, weight }) => ({
    mask: mask.source,
    style: painting.source,
    weight: Math.min(weight, most),
  }));
}

// Return the request for the open tab. Call it only where `missing()` is null.
export function request() {
  return state.tab === "sweep" ? sweepRequest() : single();
}

function single() {
  const name = task();
  return {
    task: name,
    content: name === "texture" ? null : state.photo.source,
    style: styles(name),
    regions: regions(name),
    init: ["stylize", "texture", "reconstruct"].includes(name) ? (state.init?.source ?? null) : null,
    mask: name === "blend" ? (state.insetMask?.source ?? null) : null,
    settings: { ...state.settings[name] },
  };
}

// A grid of pictures. The values of its axes take the place of settings, and of the picture that it starts from.
function sweepRequest() {
  const [whole, axes] = [single(), requested()];
  const names = axes.map(({ name }) => name);
  const settings = Object.fromEntries(Object.entries(whole.settings).filter(([name]) => !names.includes(name)));
  const style = whole.task === "reconstruct" ? [] : [{ source: chosenPaintings()[0].source, share: 1 }];
  return { ...whole, style, regions: [], init: names.includes("init") ? null : whole.init, settings, axes };
}

// The request of a preview in one pass. The strength of a run of many steps is 0.5 where that of one pass is 1.
export function quickRequest(side) {
  const name = task() === "stylize" ? "stylize" : "apply";
  const { size: _, ...values } = state.settings.apply;
  const settings = name === "apply" ? values : { strength: Math.min(1, 2 * setting(name, "strength")) };
  const keep = setting(name, "keep_color");
  if (keep && keep !== "no") settings.keep_color = keep;
  return { content: state.photo.source, style: quickStyle(), size: side, settings };
}
