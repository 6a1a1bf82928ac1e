// The preview in one pass: painted at once after each choice, and again while the first controls move.

import { paintQuickly } from "./api.js";
import { debounce } from "./dom.js";
import { stem } from "./format.js";
import { quickRequest, quickStyle } from "./request.js";
import { announce, complain, setState } from "./say.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";
import { TABS } from "./tabs.js";

const SIDE = { paint: 768, onepass: 1024 };

let work = null; // the request in work, to abort
let key = "";

const wanted = () => TABS[state.tab].quick && state.photo?.width && quickStyle();

// Paint the preview, and show it.
export async function preview() {
  if (!wanted()) return;
  const ask = quickRequest(SIDE[state.tab]);
  const mine = JSON.stringify(ask);
  if (mine === key) {
    if (state.quick?.key === mine) update({ shown: { kind: "quick" } }); // or else it is being painted
    return;
  }
  key = mine;
  work?.abort();
  work = new AbortController();
  setState("previewing");
  document.body.classList.add("waiting");
  try {
    const { blob, seconds } = await paintQuickly(ask, { signal: work.signal });
    if (key !== mine) return;
    keep({ key: mine, blob, seconds, url: URL.createObjectURL(blob), photo: state.photo, label: label() });
  } catch (error) {
    if (key !== mine) return;
    key = "";
    complain(error);
  }
  document.body.classList.remove("waiting");
}

function keep(quick) {
  const old = state.quick;
  update({ quick, shown: { kind: "quick" } });
  if (old) setTimeout(() => URL.revokeObjectURL(old.url), 5000);
  announce(text.viewer.previewOf(quick.label));
  setState("ready");
}

function label() {
  if (state.tab === "onepass" && state.style)
    return state.styles.find(({ name }) => name === state.style)?.title ?? state.style;
  return state.paintings.map(({ name }) => stem(name)).join(" + ");
}

const sourcesOf = (style) => (Array.isArray(style) ? style.map(({ source }) => source) : style);

const later = debounce(() => state.shown.kind === "quick" && preview(), 220);

// `quietly`: do not paint the choices that are there already, since the viewer shows a run.
export function start(quietly) {
  const choice = () => JSON.stringify([state.photo?.source, sourcesOf(quickStyle()), Boolean(state.photo?.width)]);
  let chosen = quietly ? choice() : "";
  let tab = quietly ? state.tab : "";
  watch("photo paintings style tab", () => {
    const now = choice();
    const [fresh, moved] = [now !== chosen, state.tab !== tab];
    [chosen, tab] = [now, state.tab];
    if (wanted() && (fresh || (moved && state.shown.kind !== "run"))) preview();
  });
  watch("settings paintings", later); // the shares of a mixture are in the paintings
}
