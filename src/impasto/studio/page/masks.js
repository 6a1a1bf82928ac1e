// The mask editor: its toolbar above the viewer, and the mask that the server makes of the strokes.

import { post } from "./api.js";
import { overlay } from "./brush.js";
import { clamp, find, h } from "./dom.js";
import { fileButton } from "./files.js";
import { icon } from "./icons.js";
import { sendFiles } from "./pictures.js";
import { guarded } from "./say.js";
import { edit, viewOf } from "./stage.js";
import { plain, strokesOf } from "./strokes.js";
import { text } from "./strings.js";

const TOOLS = ["brush", "eraser", "polygon", "flood"];

let open = null; // the editor in use: { finish, keys }

export const isOpen = () => Boolean(open);
export const key = (event) => open?.key(event) ?? false;

// Let the visitor draw a mask on a picture. Resolves to the mask with its strokes, or to null.
export function editMask({ picture, mask }) {
  if (open) open.finish(null);
  return new Promise((done) => {
    const { width, height } = picture;
    const tool = { name: "brush", erase: false, radius: 0.045 * Math.max(width, height), tolerance: 0.08 };
    const model = strokesOf(mask, () => refresh());
    edit({ ...viewOf(picture), caption: text.masks.caption });
    const layer = overlay(picture, model, tool);
    const bar = toolbar({ picture, tool, model, layer, finish });
    find("#editor").replaceChildren(...bar.parts);
    find("#editor").setAttribute("aria-label", text.masks.toolbar);
    find("#editor").hidden = false;
    document.body.classList.add("masking");

    function refresh() {
      bar.refresh();
      layer.draw();
    }

    async function finish(kept) {
      const made = kept ? await save() : null;
      if (kept && !made) return;
      layer.remove();
      open = null;
      find("#editor").hidden = true;
      document.body.classList.remove("masking");
      edit(null);
      done(made);
    }

    const save = guarded(async () => {
      if (model.empty) throw new Error(text.masks.empty);
      const { strokes, feather, base } = model;
      const made = await post("/masks", { photo: picture.source, strokes: strokes.map(plain), feather, base });
      return { ...made, strokes, feather, base };
    });

    open = { finish, key: keys({ tool, model, layer, bar, finish }) };
    refresh();
    layer.focus();
  });
}

// Return a function that takes a key of the editor, and tells whether it was one.
function keys({ tool, model, layer, bar, finish }) {
  return (event) => {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "z") event.shiftKey ? model.redo() : model.undo();
    else if (command && event.key.toLowerCase() === "y") model.redo();
    else if (command || event.altKey) return false;
    else if (event.key === "[" || event.key === "]") bar.radius(tool.radius * (event.key === "]" ? 1.2 : 1 / 1.2));
    else if (event.key === "Escape") layer.abandon() || finish(null);
    else return false;
    return true;
  };
}

function range(id, label, values, change) {
  const input = h("input", { id, type: "range", ...values });
  const output = h("output");
  input.addEventListener("input", () => change(Number(input.value)));
  return { element: h("label.tool-range", {}, h("span", {}, label), input, output), input, output };
}

function toolbar({ picture, tool, model, layer, finish }) {
  const most = Math.max(picture.width, picture.height);
  const button = (id, name, work) =>
    h(
      `button.plain#mask-${id}`,
      { type: "button", title: text.masks[id], "aria-label": text.masks[id], onclick: work },
      icon(name),
    );
  const tools = TOOLS.map((id) =>
    button(id, id, () => {
      layer.abandon();
      Object.assign(tool, { name: id === "eraser" ? "brush" : id, erase: id === "eraser" });
      refresh();
    }),
  );
  const radius = range("mask-radius", text.masks.radius, { min: 0, max: 1, step: 0.01 }, (value) =>
    setRadius(toRadius(value)),
  );
  const tolerance = range(
    "mask-tolerance",
    text.masks.tolerance,
    { min: 0, max: 0.4, step: 0.005, value: tool.tolerance },
    (value) => {
      tool.tolerance = value;
      refresh();
    },
  );
  const feather = range(
    "mask-feather",
    text.masks.feather,
    { min: 0, max: Math.min(1000, Math.round(most / 24)), step: 1, value: model.feather },
    (value) => model.set({ feather: value }),
  );
  const toRadius = (value) => 2 * (most / 4) ** value;
  const setRadius = (value) => {
    tool.radius = clamp(value, 2, most / 2);
    refresh();
  };
  const whole = (name, erase) => () => model.add({ tool: name, erase, points: [] });
  const undo = button("undo", "undo", model.undo);
  const redo = button("redo", "redo", model.redo);
  const load = guarded(async (files) => {
    const [base] = await sendFiles(files);
    model.set({ base: base.source });
    await layer.readBase();
  });

  function refresh() {
    const now = tool.name === "brush" && tool.erase ? "eraser" : tool.name;
    tools.forEach((element, index) => element.setAttribute("aria-pressed", TOOLS[index] === now));
    radius.element.hidden = tool.name !== "brush";
    tolerance.element.hidden = tool.name !== "flood";
    radius.input.value = Math.log(tool.radius / 2) / Math.log(most / 4);
    radius.output.textContent = `${Math.round(tool.radius)} px`;
    tolerance.output.textContent = tool.tolerance.toFixed(3);
    feather.output.textContent = `${model.feather} px`;
    undo.disabled = !model.canUndo;
    redo.disabled = !model.canRedo;
    layer.draw();
  }

  const group = (...parts) => h("div.group", {}, ...parts);
  const parts = [
    group(...tools),
    radius.element,
    tolerance.element,
    feather.element,
    group(
      button("all", "all", whole("all", false)),
      button("clear", "none", whole("all", true)),
      button("invert", "invert", whole("invert")),
    ),
    fileButton("mask-file", icon("mask"), load, { look: "plain", label: text.masks.file }),
    group(undo, redo),
    h(
      "div.group.acts",
      {},
      h("button#mask-cancel", { type: "button", onclick: () => finish(null) }, text.cancel),
      h("button.main#mask-done", { type: "button", onclick: () => finish(true) }, text.masks.done),
    ),
  ];
  return { parts, refresh, radius: setRadius };
}
