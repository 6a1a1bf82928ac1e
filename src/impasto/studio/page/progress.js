// The run in the viewer: progress, loss curve, time left, pause and stop.

import { drawCurve } from "./curve.js";
import { h } from "./dom.js";
import { duration, short, size } from "./format.js";
import { icon } from "./icons.js";
import { active, cancel, curveOf, isActive, isSweep, pause, resume, shownRun, stop, titleOf } from "./runs.js";
import { guarded } from "./say.js";
import { watch } from "./state.js";
import { text } from "./strings.js";

// The run of the card: the one in the viewer, or else the one that paints.
export const followed = () => {
  const shown = shownRun();
  if (shown && (isActive(shown) || shown.state === "failed")) return shown;
  return active().find((run) => run.state === "running") ?? active()[0];
};

const percentOf = ({ step }) => Math.round((100 * step.index) / step.total);

function headline(run) {
  const { step, wait_seconds: wait, place } = run;
  if (run.state === "queued")
    return [text.states.queued, place && text.progress.place(place), wait && text.progress.wait(duration(wait))]
      .filter(Boolean)
      .join(", ");
  if (run.state === "failed") return run.error ?? text.states.failed;
  if (!step?.total) return text.states[run.state];
  const left =
    run.state === "running" && step.seconds_left !== null
      ? text.progress.left(duration(step.seconds_left))
      : text.states[run.state];
  return `${percentOf(run)} %, ${left}`;
}

function detail(run) {
  const { step } = run;
  if (!step?.total) return isSweep(run) ? titleOf(run) : "";
  if (isSweep(run)) return text.progress.picture(step.index, step.total);
  const loss = step.loss === null || step.loss === undefined ? null : text.progress.loss(short(step.loss));
  return [text.progress.step(step.index, step.total), size(step.width, step.height), loss].filter(Boolean).join(" · ");
}

const button = (id, name, label, work) =>
  h(
    `button#${id}`,
    { type: "button", "aria-label": label, title: label, onclick: work },
    icon(name),
    h("span", {}, label),
  );

export function progress() {
  const run = (work) => guarded(() => work(followed().id));
  const title = h("strong");
  const about = h("small");
  const bar = h("progress#progress", { "aria-label": text.progress.name });
  const curve = h("canvas.curve", { role: "img", "aria-label": text.progress.curve });
  const acts = {
    pause: button("pause", "pause", text.progress.pause, run(pause)),
    resume: button("resume", "play", text.progress.resume, run(resume)),
    stop: button("stop", "stop", text.progress.stop, run(stop)),
    cancel: button("cancel", "close", text.cancel, run(cancel)),
  };
  const card = h(
    "section.progress",
    { hidden: true, "aria-label": text.progress.title },
    h("div.words", {}, title, about),
    curve,
    bar,
    h("div.row", {}, Object.values(acts)),
  );
  watch("runs shown", () => {
    const run = followed();
    card.hidden = !run;
    document.title = run?.state === "running" && run.step?.total ? text.progress.titled(percentOf(run)) : text.title;
    if (!run) return;
    card.dataset.state = run.state;
    title.textContent = headline(run);
    about.textContent = detail(run);
    const { step } = run;
    bar.hidden = run.state === "failed";
    if (step?.total) Object.assign(bar, { max: step.total, value: step.index });
    else if (run.state === "running") bar.removeAttribute("value");
    else Object.assign(bar, { max: 1, value: 0 });
    acts.pause.hidden = !["running", "queued"].includes(run.state);
    acts.resume.hidden = run.state !== "paused";
    acts.stop.hidden = !(run.state === "running" || (run.state === "paused" && run.step));
    acts.cancel.hidden = !["queued", "failed"].includes(run.state) && !(run.state === "paused" && !run.step);
    curve.hidden = curveOf(run.id).length < 2;
    if (!curve.hidden) drawCurve(curve, curveOf(run.id), step?.total);
  });
  return card;
}
