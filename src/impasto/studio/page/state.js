// The store: one object, and functions that are called after its parts have changed.

export const state = {
  about: null,
  samples: { photos: [], paintings: [] },
  styles: [],
  presets: [],
  forms: {},
  uploads: [], // pictures that the visitor has sent, newest first
  library: [], // paintings of the visitor's own folder: { id, name, thumb }
  tab: "paint",
  photos: [], // sources that were used as the photo, which are no paintings
  photo: null, // { source, name, width, height }
  paintings: [], // [{ source, name, share }], the first is the main one
  mixing: false,
  style: null, // name of a shipped style; null: one pass uses the painting
  regions: [],
  init: null, // picture that the next run starts from
  inset: null, // blend: the picture to set in, { source, name, width, height }
  insetMask: null,
  sweep: { task: "stylize", axes: {} }, // the task of a sweep, and by task its axes; see axes.js
  settings: { stylize: {}, apply: {}, texture: {}, reconstruct: {}, blend: {} }, // values that differ from the default
  runs: new Map(),
  quick: null, // the last one-pass preview: { url, blob, seconds, label }
  shown: { kind: "nothing" }, // the picture in the viewer: nothing, photo, painting, quick, run (id) or pair (a, b)
  plan: null, // { key, plan } or { key, error }
};

const watchers = [];
let changed = new Set();

// Call `work` now, and after each change of one of the keys.
export function watch(keys, work) {
  watchers.push({ keys: new Set(keys.split(" ")), work });
  work(state);
}

// Change the store. Watchers are called once, after all changes of this turn.
export function update(changes) {
  Object.assign(state, changes);
  if (!changed.size) queueMicrotask(notify);
  for (const key of Object.keys(changes)) changed.add(key);
}

function notify() {
  const keys = changed;
  changed = new Set();
  for (const watcher of watchers) if ([...keys].some((key) => watcher.keys.has(key))) watcher.work(state);
}

export const field = (task, name) => (state.forms[task] ?? []).find((entry) => entry.name === name);

// Return the value of a setting: the visitor's, or else the default.
export const setting = (task, name) => state.settings[task][name] ?? field(task, name)?.default ?? null;

export function set(task, name, value) {
  const values = { ...state.settings[task], [name]: value };
  if (same(value, field(task, name)?.default)) delete values[name];
  update({ settings: { ...state.settings, [task]: values } });
}

export const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
