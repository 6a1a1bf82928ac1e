// Two results side by side: the choice of the other one, and the numbers.

import { address, post } from "./api.js";
import { setComparing } from "./comparing.js";
import { dialog } from "./dialog.js";
import { find, h } from "./dom.js";
import { short, sourceName } from "./format.js";
import { newestFirst } from "./runs.js";
import { announce, guarded } from "./say.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

// Let the visitor choose a result to compare `run` with.
export function chooseOther(run) {
  const others = newestFirst().filter((other) => other.result && other.id !== run.id);
  const choose = guarded(async (other, box) => {
    box.close();
    await compare(run.id, other.id);
  });
  dialog("compare-dialog", text.compare.title, (box) => [
    h("p.small", {}, others.length ? text.compare.choose : text.compare.none),
    h(
      "div.tiles.large",
      {},
      others.map((other) => tile(other, () => choose(other, box))),
    ),
  ]);
}

function tile(run, work) {
  const name = run.request.style[0] ? sourceName(run.request.style[0].source, run.names) : text.tasks[run.task];
  const image = h("img", { src: address(run.result.source, 256), alt: "", loading: "lazy" });
  return h("button.tile", { type: "button", onclick: work }, image, h("span", {}, name));
}

export async function compare(a, b) {
  update({ shown: { kind: "pair", a, b } });
  setComparing(true);
  const [first, second] = [a, b].map((id) => state.runs.get(id).result.source);
  const numbers = await post("/compare", { a: first, b: second });
  if (state.shown.a !== a || state.shown.b !== b) return;
  show(numbers);
}

const mean = (values) =>
  Object.values(values).reduce((sum, value) => sum + value, 0) / Math.max(1, Object.keys(values).length);

function show({ psnr, ssim, style, content }) {
  const words = text.compare.numbers(short(psnr), short(ssim), short(mean(style)), short(mean(content)));
  const rows = (title, values) =>
    Object.entries(values).map(([layer, value]) =>
      h("tr", {}, h("th", { scope: "row" }, title), h("td", {}, layer), h("td", {}, short(value))),
    );
  const table = h(
    "table",
    {},
    h("caption", {}, text.compare.distances),
    h("tbody", {}, rows(text.compare.style, style), rows(text.compare.content, content)),
  );
  const details = () =>
    dialog("numbers-dialog", text.compare.numbersTitle, () => [
      h("p", {}, words),
      table,
      h("p.small", {}, text.compare.about),
    ]);
  find("#numbers").replaceChildren(
    h("button.plain.small", { type: "button", onclick: details, title: text.compare.numbersTitle }, words),
  );
  announce(words);
}

export function start() {
  watch("shown", () => state.shown.kind !== "pair" && find("#numbers")?.replaceChildren());
}
