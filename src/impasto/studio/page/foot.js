// The foot of the panel: progress, queue, the plan, and the main button.

import { find, h } from "./dom.js";
import { planLine } from "./plan.js";
import { progress } from "./progress.js";
import { queue } from "./queue.js";
import { request } from "./request.js";
import { active, startRun } from "./runs.js";
import { guarded, setState } from "./say.js";
import { state, watch } from "./state.js";
import { text } from "./strings.js";

let sending = false;
const paint = h("button.main#paint", { type: "button" });

export const startPainting = guarded(async () => {
  if (sending || !planLine().ready) return;
  sending = true;
  setState("painting");
  refresh();
  try {
    await startRun(request());
  } finally {
    sending = false;
    refresh();
  }
});

const line = h("p#plan");
const notes = h("p.small#plan-notes", { hidden: true });

function refresh() {
  const { ready, words, wrong, notices = [] } = planLine();
  line.textContent = find("#trouble").textContent === words ? "" : words;
  line.classList.toggle("wrong", wrong);
  notes.textContent = notices.join(" · ");
  notes.hidden = !notices.length;
  paint.disabled = !ready || sending;
  paint.classList.toggle("main", !active().length);
  find("#foot").classList.toggle("busy", active().length > 0);
  paint.textContent = sending ? text.starting : active().length ? text.acts.next : text.acts[state.tab];
}

export function start() {
  paint.addEventListener("click", startPainting);
  new ResizeObserver(([entry]) =>
    document.documentElement.style.setProperty("--foot", `${Math.ceil(entry.borderBoxSize[0].blockSize)}px`),
  ).observe(find("#foot"));
  paint.setAttribute("aria-describedby", "plan");
  find("#foot").append(progress(), queue(), h("p.trouble#trouble", { role: "alert" }), line, notes, paint);
  watch("plan tab photo paintings style settings regions init inset insetMask sweep runs", refresh);
}
