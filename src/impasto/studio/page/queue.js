// The other runs that are on or wait, one line each.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { followed } from "./progress.js";
import { active, cancel, show, titleOf } from "./runs.js";
import { guarded } from "./say.js";
import { watch } from "./state.js";
import { text } from "./strings.js";

function line(run) {
  const name = titleOf(run);
  const { step } = run;
  const part =
    run.state === "running" && step?.total
      ? `${Math.round((100 * step.index) / step.total)} %`
      : run.place
        ? text.progress.place(run.place)
        : text.states[run.state];
  return h(
    "li",
    { "data-testid": `queue-${run.id}` },
    h("button.plain", { type: "button", onclick: () => show(run.id) }, h("span", {}, name), h("small", {}, part)),
    h(
      "button.plain",
      {
        type: "button",
        "aria-label": text.progress.cancel(name),
        title: text.progress.cancel(name),
        onclick: guarded(() => cancel(run.id)),
      },
      icon("close"),
    ),
  );
}

export function queue() {
  const list = h("ul.queue#queue", { "aria-label": text.progress.queue, hidden: true });
  let drawn = "";
  watch("runs shown", () => {
    const one = followed();
    const others = active().filter((run) => run.id !== one?.id);
    const key = JSON.stringify(others.map(({ id, state, place, step }) => [id, state, place, step?.index]));
    if (key === drawn) return;
    drawn = key;
    list.hidden = !others.length;
    list.replaceChildren(...others.map(line));
  });
  return list;
}
