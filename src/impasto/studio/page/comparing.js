// The before/after slider, on or off; its button in the bar follows.

import { find } from "./dom.js";
import * as viewer from "./viewer.js";

let chosen = false; // the visitor has used the button

export function toggleComparing() {
  chosen = true;
  setComparing(!viewer.isComparing());
}

// Show the slider at the end of a run, unless the visitor has chosen otherwise.
export function offerComparing() {
  if (!chosen) setComparing(true);
}

export function setComparing(on) {
  viewer.compare(on);
  find("#compare").setAttribute("aria-pressed", on);
}
