// Regions of the photo, each with a painting of its own and a strength.

import { address } from "./api.js";
import { h } from "./dom.js";
import { stem } from "./format.js";
import { icon } from "./icons.js";
import { editMask } from "./masks.js";
import { choosePicture } from "./picker.js";
import { state, update, watch } from "./state.js";
import { text } from "./strings.js";

const change = (id, values) =>
  update({ regions: state.regions.map((region) => (region.id === id ? { ...region, ...values } : region)) });

async function draw(region) {
  const mask = await editMask({ picture: state.photo, mask: region?.mask });
  if (!mask) return;
  if (region) change(region.id, { mask });
  else add(mask);
}

// A new region has the second painting where several are chosen, or else none yet.
function add(mask) {
  const id = 1 + Math.max(0, ...state.regions.map((region) => region.id));
  update({ regions: [...state.regions, { id, mask, painting: state.paintings[1] ?? null, weight: 1 }] });
  requestAnimationFrame(() =>
    document.querySelector(`[data-testid="region-${state.regions.length}"]`)?.scrollIntoView({ block: "center" }),
  );
  if (!state.paintings[1]) choosePicture("region", (painting) => change(id, { painting }));
}

function card(region, index) {
  const { id, mask, painting, weight } = region;
  const name = text.regions.name(index + 1);
  const strength = h("input", {
    type: "range",
    id: `region-${id}-weight`,
    min: 0,
    max: 2,
    step: 0.05,
    value: weight,
    "aria-label": `${name}: ${text.regions.strength}`,
  });
  const output = h("output", {}, weight.toFixed(2));
  strength.addEventListener("input", () => (output.textContent = Number(strength.value).toFixed(2)));
  strength.addEventListener("change", () => change(id, { weight: Number(strength.value) }));
  const thumb = (picture, label, work) =>
    h(
      "button.thumb",
      { type: "button", title: label, "aria-label": `${name}: ${label}`, onclick: work },
      picture ? h("img", { src: address(picture.source, 160), alt: "" }) : icon("add"),
    );
  const words = painting ? stem(painting.name) : text.regions.noPainting;
  return h(
    "li.region",
    { "data-testid": `region-${index + 1}` },
    thumb(mask, text.regions.mask, () => draw(region)),
    thumb(painting, text.regions.painting, () => choosePicture("region", (chosen) => change(id, { painting: chosen }))),
    h("div.words", {}, h("strong", {}, words), h("div.line", {}, strength, output)),
    h(
      "button.plain",
      {
        type: "button",
        "aria-label": text.regions.remove(index + 1),
        title: text.regions.remove(index + 1),
        onclick: () => update({ regions: state.regions.filter((other) => other.id !== id) }),
      },
      icon("close"),
    ),
  );
}

export function regions() {
  const list = h("ul.regions");
  const mark = h("span.count");
  const button = h(
    "button#region-add",
    { type: "button", onclick: () => draw(null) },
    icon("brush"),
    h("span", {}, text.regions.add),
  );
  watch("regions", () => {
    const focused = document.activeElement?.id;
    list.replaceChildren(...state.regions.map(card));
    mark.textContent = state.regions.length ? String(state.regions.length) : "";
    if (focused) document.getElementById(focused)?.focus();
  });
  watch("photo", () => {
    button.disabled = !state.photo?.width;
  });
  return h(
    "details.part#regions",
    {},
    h("summary", {}, h("h2", {}, text.regions.title), mark),
    h("p.small", {}, text.regions.about),
    list,
    button,
  );
}
