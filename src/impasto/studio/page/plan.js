// The plan of the next run: size, time and memory, asked for shortly after each change.

import { post } from "./api.js";
import { debounce } from "./dom.js";
import { bytes, duration, size } from "./format.js";
import { missing, request } from "./request.js";
import { calm } from "./say.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

let asking = null; // the request in work, to abort

// Plans of one kind are alike: an older one is shown until the next is there.
const kindOf = ({ task, axes }) => (axes ? `sweep ${task}` : task);

async function ask(wanted, key) {
  asking?.abort();
  asking = new AbortController();
  try {
    const plan = await post("/plan", wanted, { signal: asking.signal });
    if (state.plan && !state.plan.key) calm(); // the server is back
    update({ plan: { key, kind: kindOf(wanted), plan } });
  } catch (error) {
    if (error.name === "AbortError") return;
    update({ plan: { key: error.status ? key : "", kind: kindOf(wanted), error: error.message } });
    if (!error.status) setTimeout(later, 3000); // no server; ask again
  }
}

const later = debounce(() => {
  if (missing()) return;
  const wanted = request();
  const key = JSON.stringify(wanted);
  if (state.plan?.key !== key) ask(wanted, key);
}, 250);

// Return { ready, words, wrong } for the line above the main button.
export function planLine() {
  const lack = missing();
  if (lack) return { ready: false, words: lack, wrong: false };
  if (!state.plan) return { ready: false, words: text.plan.asking, wrong: false };
  const wanted = request();
  const fresh = state.plan.key === JSON.stringify(wanted);
  const { plan, error } = state.plan;
  if (!fresh && state.plan.kind !== kindOf(wanted)) return { ready: false, words: text.plan.asking, wrong: false };
  const told = fresh || !state.plan.key;
  if (error) return { ready: false, words: told ? error : text.plan.asking, wrong: told };
  if (!plan.fits) return { ready: false, words: plan.why ?? text.plan.tooLarge, wrong: true };
  return { ready: true, words: words(plan), wrong: false, notices: plan.notices ?? [] };
}

function words(plan) {
  const whole = size(plan.width, plan.height);
  const parts = state.tab === "sweep" ? [text.sweep.pictures(plan.steps), text.sweep.each(whole)] : [whole];
  if (plan.seconds !== null && plan.seconds !== undefined) parts.push(text.plan.about(duration(plan.seconds)));
  if (plan.peak_bytes) parts.push(bytes(plan.peak_bytes));
  return parts.join(", ");
}

export function start() {
  watch("tab photo paintings style settings regions init inset insetMask sweep forms", later);
}
