// Blend: the picture to set in, its mask, and its place on the photo, dragged in the viewer or typed.

import { address } from "./api.js";
import { control } from "./fields.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { editMask } from "./masks.js";
import { slot } from "./panel.js";
import { choosePicture } from "./picker.js";
import { field, set, setting, state, update, watch } from "./state.js";
import { text } from "./strings.js";
import * as viewer from "./viewer.js";

export const inset = () =>
  h(
    "section.part",
    { "data-takes": "inset" },
    h("div.heading", {}, h("h2", {}, text.inset.title)),
    slot("inset", "inset", text.inset.title, () => choosePicture("inset")),
  );

const corner = () => {
  const [x, y] = String(setting("blend", "at") ?? "0,0")
    .split(",")
    .map(Number);
  return [x || 0, y || 0];
};
const place = (x, y) => set("blend", "at", `${Math.round(x)},${Math.round(y)}`);

async function mask() {
  const made = await editMask({ picture: state.inset, mask: state.insetMask });
  if (made) update({ insetMask: made });
}

function ghost() {
  const image = h("img", { alt: text.inset.ghost, draggable: false });
  const element = h(
    "div.ghost.still",
    { tabIndex: 0, role: "img", hidden: true, "aria-label": text.inset.ghost },
    image,
  );
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    from = { x: event.clientX, y: event.clientY, corner: corner() };
  });
  element.addEventListener("pointermove", (event) => {
    if (!from) return;
    const { scale } = viewer.geometry();
    place(from.corner[0] + (event.clientX - from.x) / scale, from.corner[1] + (event.clientY - from.y) / scale);
  });
  for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, () => (from = null));
  element.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = corner();
    place(x + move[0], y + move[1]);
  });
  // Show the part alone that the mask chooses.
  const cut = () => {
    const mask = state.insetMask ? `url("${address(state.insetMask.source, 1024)}")` : "";
    if (mask === image.dataset.mask) return;
    image.dataset.mask = mask;
    Object.assign(image.style, { maskImage: mask, maskMode: "luminance", maskSize: "100% 100%" });
  };
  const draw = () => {
    const { scale, left, top } = viewer.geometry();
    const picture = state.inset;
    element.hidden = !(
      state.tab === "blend" &&
      picture?.width &&
      state.photo?.width &&
      state.shown.kind !== "run" &&
      state.shown.kind !== "pair" &&
      !find("#viewer").classList.contains("editing")
    );
    if (element.hidden) return;
    const wanted = address(picture.source, 1024);
    if (image.getAttribute("src") !== wanted) image.src = wanted;
    cut();
    const [x, y] = corner();
    element.style.transform = `translate(${left + x * scale}px, ${top + y * scale}px)`;
    element.style.width = `${picture.width * scale}px`;
    element.style.height = `${picture.height * scale}px`;
  };
  find("#viewer").append(element);
  viewer.onMove(draw);
  watch("tab inset insetMask photo shown settings", draw);
}

export function blend() {
  ghost();
  const [x, y] = [0, 1].map((axis) => {
    const input = h("input", {
      id: `blend-${"xy"[axis]}`,
      type: "number",
      step: 1,
      onchange: () => place(...corner().map((old, k) => (k === axis ? Number(input.value) : old))),
    });
    return input;
  });
  const line = h("p.small");
  const button = h(
    "button",
    { id: "inset-mask", type: "button", onclick: mask },
    icon("mask"),
    h("span", {}, text.inset.mask),
  );
  const clear = h("button.plain", { type: "button", onclick: () => update({ insetMask: null }) }, text.inset.noMask);
  watch("settings", () => {
    [x.value, y.value] = corner();
  });
  watch("inset insetMask", () => {
    button.disabled = !state.inset?.width;
    clear.hidden = !state.insetMask;
    line.textContent = state.insetMask ? text.inset.masked : text.inset.unmasked;
  });
  const where = field("blend", "at")
    ? h(
        "div.pair",
        {},
        h("div.field", {}, h("label", { htmlFor: x.id }, text.inset.x), x),
        h("div.field", {}, h("label", { htmlFor: y.id }, text.inset.y), y),
      )
    : null;
  return h(
    "section.part.controls",
    {},
    h("div.row", {}, button, clear),
    line,
    where,
    h("p.small", {}, text.inset.drag),
    control("blend", "gradients"),
  );
}
