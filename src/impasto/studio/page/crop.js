// A box on a painting, to choose a part of it.

import { address, post } from "./api.js";
import { chosenPaintings, choosePaintings } from "./axes.js";
import { dialog } from "./dialog.js";
import { clamp, h } from "./dom.js";
import { guarded } from "./say.js";
import { state, update } from "./state.js";
import { text } from "./strings.js";
import { task } from "./tabs.js";

const LEAST = 32; // pixels a side
const CORNERS = ["nw", "ne", "sw", "se"];

// Open the dialog for one of the chosen paintings; the part takes its place.
export const cropPainting = guarded(async (painting) => {
  const image = h("img", { src: address(painting.source), alt: painting.name, draggable: false });
  await image.decode();
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const editor = boxEditor(image, width, height);
  const finish = guarded(async (box) => {
    const part = await post("/crops", { source: painting.source, box: editor.value() });
    const { source, name } = part;
    const paintings = chosenPaintings().map((old) =>
      old.source === painting.source ? { ...part, source, name, share: old.share } : old,
    );
    update({
      uploads: [part, ...state.uploads],
      ...(task() === "texture" && { shown: { kind: "painting", picture: part } }),
    });
    choosePaintings(paintings);
    box.close();
  });
  dialog("crop-dialog", text.crop.title, (box) => [
    editor.element,
    editor.numbers,
    h("div.row.end", {}, h("button.main#crop-done", { type: "button", onclick: () => finish(box) }, text.crop.done)),
  ]);
});

function boxEditor(image, width, height) {
  const frame = h(
    "div.frame",
    {},
    CORNERS.map((name) => h("i", { className: name, "data-corner": name })),
  );
  const element = h("div.cropper", {}, image, frame);
  let box = [0.15 * width, 0.15 * height, 0.7 * width, 0.7 * height].map(Math.round);
  const inputs = [0, 1, 2, 3].map((index) =>
    h("input", {
      type: "number",
      min: 0,
      step: 1,
      onchange: () => change(box.map((old, k) => (k === index ? Number(inputs[index].value) : old))),
    }),
  );
  const numbers = h(
    "div.numbers",
    {},
    inputs.map((input, index) => h("label.small", {}, text.crop.sides[index], input)),
  );

  function change([left, top, wide, high]) {
    const [w, h2] = [clamp(wide, Math.min(LEAST, width), width), clamp(high, Math.min(LEAST, height), height)];
    box = [clamp(left, 0, width - w), clamp(top, 0, height - h2), w, h2].map(Math.round);
    Object.assign(frame.style, {
      left: `${(100 * box[0]) / width}%`,
      top: `${(100 * box[1]) / height}%`,
      width: `${(100 * box[2]) / width}%`,
      height: `${(100 * box[3]) / height}%`,
    });
    box.forEach((value, index) => (inputs[index].value = value));
  }

  let drag = null;
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    const corner = event.target.dataset.corner;
    const inside = event.target.closest(".frame");
    drag = { x, y, box, corner: corner ?? (inside ? "move" : "new") };
  });
  element.addEventListener("pointermove", (event) => drag && change(dragged(drag, ...place(event))));
  for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, () => (drag = null));

  function place({ clientX, clientY }) {
    const area = image.getBoundingClientRect();
    return [((clientX - area.left) / area.width) * width, ((clientY - area.top) / area.height) * height];
  }

  change(box);
  return { element, numbers, value: () => box };
}

function dragged({ x, y, box: [left, top, wide, high], corner }, px, py) {
  const [dx, dy] = [px - x, py - y];
  if (corner === "move") return [left + dx, top + dy, wide, high];
  if (corner === "new") return [Math.min(x, px), Math.min(y, py), Math.abs(dx), Math.abs(dy)];
  const [west, north] = [corner.includes("w"), corner.includes("n")];
  const moved = [west ? Math.min(dx, wide - LEAST) : 0, north ? Math.min(dy, high - LEAST) : 0];
  return [left + moved[0], top + moved[1], west ? wide - moved[0] : wide + dx, north ? high - moved[1] : high + dy];
}
