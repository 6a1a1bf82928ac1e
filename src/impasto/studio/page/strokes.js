// The strokes of a mask, with undo and redo, and how they are drawn.

// Return the model of a mask; `given` is one that was kept. `changed` is called after each change.
export function strokesOf(given, changed) {
  let done = [...(given?.strokes ?? [])];
  let undone = [];
  const model = {
    base: given?.base ?? null, // source of a mask picture under the strokes
    feather: given?.feather ?? 0, // pixels of the photo
    get strokes() {
      return done;
    },
    get canUndo() {
      return done.length > 0;
    },
    get canRedo() {
      return undone.length > 0;
    },
    get empty() {
      return !done.length && !model.base;
    },
    add(stroke) {
      done = [...done, stroke];
      undone = [];
      changed();
    },
    undo() {
      if (!done.length) return;
      undone = [...undone, done.at(-1)];
      done = done.slice(0, -1);
      changed();
    },
    redo() {
      if (!undone.length) return;
      done = [...done, undone.at(-1)];
      undone = undone.slice(0, -1);
      changed();
    },
    set(values) {
      Object.assign(model, values);
      changed();
    },
  };
  return model;
}

// What the server takes of a stroke.
export const plain = ({ tool, erase, radius, points, tolerance }) => ({
  tool,
  ...(tool !== "invert" && { erase: Boolean(erase) }),
  ...(tool === "brush" && { radius }),
  ...(tool === "flood" && { tolerance }),
  points: points.map((point) => point.map((value) => Math.round(value * 100) / 100)),
});

// Draw a stroke on a context whose unit is a pixel of the photo. `area` of a flood is a picture of it.
export function drawStroke(context, stroke, width, height) {
  const { tool, erase, radius, points, area } = stroke;
  context.globalCompositeOperation = tool === "invert" ? "xor" : erase ? "destination-out" : "source-over";
  if (tool === "all" || tool === "invert") context.fillRect(0, 0, width, height);
  if (tool === "flood" && area) context.drawImage(area, 0, 0, width, height);
  if (tool === "polygon") {
    trace(context, points);
    context.closePath();
    context.fill("evenodd");
  }
  if (tool === "brush") {
    Object.assign(context, { lineWidth: 2 * radius, lineCap: "round", lineJoin: "round" });
    trace(context, points);
    if (points.length === 1) context.lineTo(points[0][0] + 0.01, points[0][1]);
    context.stroke();
  }
  context.globalCompositeOperation = "source-over";
}

export function trace(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
}
