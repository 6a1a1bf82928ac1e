// The before/after slider, on or off; its button in the bar follows.

import { find } from "./dom.js";
import * as viewer from "./viewer.js";

export function setComparing(on) {
  viewer.compare(on);
  find("#compare").setAttribute("aria-pressed", on);
}
