// The runs of this visit: start, events, and what can be done with each.

import { get, listen, post, remove } from "./api.js";
import { duration, sourceName } from "./format.js";
import { announce, calm, setState } from "./say.js";
import { state, update } from "./state.js";
import { text } from "./strings.js";

export const isActive = (run) => ["queued", "running", "paused"].includes(run.state);
export const isSweep = ({ request }) => Boolean(request.axes?.length);
export const painted = (run) => run.state === "done" || run.state === "stopped";
export const shownRun = () => (state.shown.kind === "run" ? state.runs.get(state.shown.id) : undefined);
export const newestFirst = () => [...state.runs.values()].sort((a, b) => b.created - a.created);
export const active = () => newestFirst().filter(isActive).reverse();

// The number of pictures of a sweep: all, or those that were painted before it was stopped.
const cells = ({ request, state: now, step }) =>
  now === "stopped" && step ? step.index : request.axes.reduce((count, { values }) => count * values.length, 1);

// The name of a run: its styles, or the number of its pictures.
export const titleOf = (run) => {
  if (isSweep(run)) return text.sweep.pictures(cells(run));
  const { request, names, task } = run;
  return request.style.map(({ source }) => sourceName(source, names)).join(" + ") || text.tasks[task];
};

const curves = new Map(); // id -> [[step, loss], …]
export const curveOf = (id) => curves.get(id) ?? [];

// Take in the news of a run: keep its curve, tell the page's state and the live region.
function receive(run) {
  const old = state.runs.get(run.id);
  if (run.curve) curves.set(run.id, run.curve);
  else grow(run);
  state.runs.set(run.id, { ...run, curve: undefined });
  update({ runs: state.runs });
  if (old && old.state !== run.state) speak(run);
  else if (run.state === "running") speakProgress(run);
  if (run.id === state.shown.id) setState(pageState(run));
}

function grow({ id, step, request }) {
  if (!step || request.axes?.length || step.loss === null || step.loss === undefined) return;
  const curve = curves.get(id) ?? [];
  if (!curve.length && step.index > 2) read(id); // its begin was not seen here
  if (!curve.length || curve.at(-1)[0] < step.index) curve.push([step.index, step.loss]);
  curves.set(id, curve);
}

const pageState = (run) => (run.state === "failed" ? "error" : isActive(run) ? "painting" : "done");

function speak(run) {
  const stopped = isSweep(run) ? text.said.sweepStopped : text.said.stopped;
  announce(run.state === "failed" ? text.said.failed(run.error ?? "") : { ...text.said, stopped }[run.state]);
}

const told = new Map();

// Tell the progress at each quarter.
function speakProgress({ id, step }) {
  if (!step?.total || id !== state.shown.id) return;
  const quarter = Math.floor((4 * step.index) / step.total);
  if (quarter < 1 || quarter > 3 || told.get(id) === quarter) return;
  told.set(id, quarter);
  announce(text.said.progress(25 * quarter, step.seconds_left ? duration(step.seconds_left) : ""));
}

function forget(id) {
  curves.delete(id);
  if (!state.runs.delete(id)) return;
  update({ runs: state.runs });
  if (state.shown.id !== id && state.shown.a !== id && state.shown.b !== id) return;
  update({ shown: { kind: state.quick ? "quick" : "photo" } });
  setState("ready");
}

export async function startRun(request) {
  calm();
  const run = await post("/runs", request);
  receive(run);
  show(run.id);
  return run;
}

export function show(id) {
  const run = state.runs.get(id);
  if (!run) return;
  update({ shown: { kind: "run", id } });
  setState(pageState(run));
  if (run.step && !isSweep(run) && curveOf(id).length < 2) read(id);
}

const reading = new Set();

// Read a run with its curve.
async function read(id) {
  if (reading.has(id)) return;
  reading.add(id);
  try {
    receive(await get(`/runs/${id}`));
  } catch {
    // the run is gone, or the server; the events tell
  }
  reading.delete(id);
}

export const pause = async (id) => receive(await post(`/runs/${id}/pause`));
export const resume = async (id) => receive(await post(`/runs/${id}/resume`));
export const stop = async (id) => receive(await post(`/runs/${id}/stop`));

export async function cancel(id) {
  await remove(`/runs/${id}`);
  forget(id);
}

async function readAll() {
  const runs = await get("/runs");
  const known = new Set(runs.map(({ id }) => id));
  for (const id of [...state.runs.keys()]) if (!known.has(id)) forget(id);
  for (const run of runs) receive(run);
}

export async function start() {
  await readAll();
  listen({ onRun: receive, onGone: forget, onBack: () => readAll().catch(() => {}) });
}
