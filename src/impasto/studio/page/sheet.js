// The page of a finished sweep: all its pictures, in a frame in place of the viewer.

import { runAddress } from "./api.js";
import { find, h } from "./dom.js";
import { isSweep, painted, shownRun } from "./runs.js";
import { watch } from "./state.js";
import { text } from "./strings.js";

// The address of the page of a run; null for a run without one.
export const pageOf = (run) => (run && isSweep(run) && painted(run) && run.preview ? runAddress(run.id, "page") : null);

// The frame has an origin of its own, so that the page has no part in the studio.
export function start() {
  const frame = h("iframe#sweep-page", { title: text.sweep.page, sandbox: "allow-scripts", hidden: true });
  find("#viewer").after(frame);
  watch("shown runs", () => {
    const run = shownRun();
    const wanted = pageOf(run);
    const mark = wanted && `${wanted} ${run.state} ${run.preview}`;
    document.body.classList.toggle("sheet", Boolean(wanted));
    frame.hidden = !wanted;
    if (wanted && frame.dataset.mark !== mark) Object.assign(frame, { src: wanted }).dataset.mark = mark;
  });
}
