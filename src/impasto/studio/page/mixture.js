// Several paintings with shares.

import { h } from "./dom.js";
import { stem } from "./format.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

const setShare = (source, share) =>
  update({
    paintings: state.paintings.map((painting) => (painting.source === source ? { ...painting, share } : painting)),
  });

function row(painting) {
  const { source, name } = painting;
  const words = stem(name);
  const input = h("input", {
    type: "range",
    min: 0.02,
    max: 1,
    step: 0.02,
    value: painting.share,
    "aria-label": text.paintings.share(words),
    oninput: () => setShare(source, Number(input.value)),
  });
  return h("div.line", { "data-source": source }, h("span", {}, words), input, h("output"));
}

export function mixture() {
  const box = h("div.mixture#mixture", { hidden: true });
  let listed = "";
  watch("paintings mixing tab", () => {
    const { paintings } = state;
    box.hidden = !state.mixing || state.tab === "sweep";
    const names = paintings.map(({ source }) => source).join();
    if (names !== listed || !box.childElementCount) {
      listed = names;
      box.replaceChildren(...(paintings.length > 1 ? paintings.map(row) : [h("p.small", {}, text.paintings.mixHint)]));
    }
    if (paintings.length < 2) return;
    const total = paintings.reduce((sum, { share }) => sum + share, 0);
    for (const [index, line] of [...box.children].entries())
      line.lastChild.textContent = `${Math.round((100 * paintings[index].share) / total)} %`;
  });
  return box;
}
