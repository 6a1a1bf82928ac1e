// The settings of an earlier run, or of a picture that Impasto made, back into the controls.

import { recalled } from "./axes.js";
import { find, h } from "./dom.js";
import { sourceName } from "./format.js";
import { announce } from "./say.js";
import { field, same, state, update } from "./state.js";
import { text } from "./strings.js";
import { tabOfRequest, task as openTask, tabOf } from "./tabs.js";

// Take the settings of a task that the forms know; all others of the task go back to their default. A tab of another
// task is left.
export function useSettings(task, values) {
  const known = Object.entries(values).filter(
    ([name, value]) => field(task, name) && !same(value, field(task, name).default),
  );
  update({
    settings: { ...state.settings, [task]: Object.fromEntries(known) },
    tab: openTask() === task ? state.tab : tabOf(task),
  });
}

// Take the inputs and the settings of a request.
export function recall(request, names = {}) {
  const { task, content, style, settings, axes } = request;
  const named = (source) => ({ source, name: sourceName(source, names) });
  const changes = { init: null };
  if (content && content !== state.photo?.source) changes.photo = named(content);
  const shipped = style.length === 1 && !style[0].source.includes(":");
  if (task === "apply") changes.style = shipped ? style[0].source : null;
  if (task === "blend" && style[0]) changes.inset = named(style[0].source);
  else if (!shipped && style.length) {
    changes.paintings = style.map(({ source, share }) => ({ ...named(source), share }));
    changes.mixing = style.length > 1;
  }
  if (axes?.length) changes.sweep = { task, axes: { ...state.sweep.axes, [task]: recalled(task, axes, named) } };
  update({ ...changes, tab: tabOfRequest(request) });
  useSettings(task, settings);
  announce(text.said.recalled);
}

// Offer the settings of a picture that Impasto made.
export function offer(picture) {
  const notice = find("#notice");
  const close = () => {
    notice.hidden = true;
  };
  const use = () => {
    close();
    useSettings(picture.recipe.task, picture.recipe.settings);
    announce(text.said.recalled);
  };
  notice.replaceChildren(
    h("p", {}, text.recipe.offer(picture.name)),
    h("button#use-recipe", { type: "button", onclick: use }, text.recipe.use),
    h("button.plain", { type: "button", onclick: close }, text.recipe.no),
  );
  notice.hidden = false;
}
