// The strip under the picture: styles on the visitor's photo, or the results of this visit.

import { find, h } from "./dom.js";
import { results } from "./history.js";
import { state, watch } from "./state.js";
import { strip } from "./strip.js";
import { text } from "./strings.js";
import { TABS } from "./tabs.js";

const boxes = {};
const inputs = {};

function choose(name) {
  for (const [key, box] of Object.entries(boxes)) box.hidden = key !== name;
  if (inputs[name]) inputs[name].checked = true;
}

export function start() {
  Object.assign(boxes, { styles: strip(), results: results() });
  const labels = Object.keys(boxes).map((name) => {
    inputs[name] = h("input.unseen", { type: "radio", name: "film", id: `film-${name}`, onchange: () => choose(name) });
    return h("label", {}, inputs[name], h("span", {}, text.film[name]));
  });
  find("#film").append(
    h("fieldset.plain-set", {}, h("legend.unseen", {}, text.film.name), h("div.segments.small", {}, labels)),
    ...Object.values(boxes),
  );
  choose("styles");
  let had = false; // the strip of styles was there
  watch("tab photo runs", () => {
    const styles = Boolean(TABS[state.tab].film && state.photo && state.styles.length);
    const some = state.runs.size > 0;
    find("#film").hidden = !styles && !some;
    inputs.styles.parentElement.hidden = !styles;
    inputs.results.parentElement.hidden = !some;
    find("#film fieldset").classList.toggle("lone", !(styles && some));
    inputs.results.nextElementSibling.textContent = text.film.counted(state.runs.size);
    if (!styles && some) choose("results");
    if (styles && (!had || !some)) choose("styles");
    had = styles;
  });
}
