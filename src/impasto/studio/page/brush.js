// The overlay of the mask editor: strokes drawn at the resolution of the screen, in pixels of the photo.

import { address } from "./api.js";
import { clamp, find, framed, h, sharp } from "./dom.js";
import { flood, tint } from "./flood.js";
import { drawStroke, trace } from "./strokes.js";
import { text } from "./strings.js";
import * as viewer from "./viewer.js";

const COLOUR = [214, 68, 30];
const COPY = 640; // longer side of the photo's copy for floods

// Open the overlay on `picture`. `tool` is the state of the toolbar: { name, erase, radius, tolerance }.
export function overlay(picture, model, tool) {
  const { width, height } = picture;
  const canvas = h("canvas.overlay", { tabIndex: 0, role: "img", "aria-label": text.masks.canvas });
  const ring = h("div.ring", { hidden: true });
  const place = find("#viewer");
  let live = null; // the stroke in work
  let cursor = [width / 2, height / 2];
  let baseArea = null;

  const draw = framed(() => {
    const { context } = sharp(canvas);
    const { scale, left, top } = viewer.geometry();
    const colour = `rgb(${COLOUR.join(" ")})`;
    context.save();
    context.beginPath();
    context.rect(left, top, width * scale, height * scale);
    context.clip();
    context.translate(left, top);
    context.scale(scale, scale);
    Object.assign(context, { fillStyle: colour, strokeStyle: colour });
    if (baseArea) context.drawImage(baseArea, 0, 0, width, height);
    for (const stroke of model.strokes) drawStroke(context, stroke, width, height);
    if (live) drawLive(context, scale);
    context.restore();
    canvas.style.filter = model.feather ? `blur(${model.feather * scale}px)` : "";
    placeRing();
  });

  function drawLive(context, scale) {
    if (live.tool !== "polygon") return drawStroke(context, live, width, height);
    trace(context, [...live.points, cursor]);
    for (const [colour, width] of [
      ["#000", 5],
      ["#fff", 2.5],
    ]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: width / scale, lineJoin: "round" });
      context.stroke();
    }
    context.beginPath();
    context.arc(...live.points[0], 5 / scale, 0, 7);
    return context.fill();
  }

  function placeRing() {
    const { scale, left, top } = viewer.geometry();
    const radius = tool.name === "brush" ? Math.max(2, tool.radius * scale) : 4;
    ring.style.width = ring.style.height = `${2 * radius}px`;
    ring.style.transform = `translate(${left + cursor[0] * scale - radius}px, ${top + cursor[1] * scale - radius}px)`;
  }

  const point = ({ clientX, clientY }) => {
    const { left, top } = place.getBoundingClientRect();
    const [x, y] = viewer.toPicture(clientX - left, clientY - top);
    return [clamp(x, 0, width), clamp(y, 0, height)];
  };
  const stroke = (points) => ({
    tool: tool.name,
    erase: tool.erase,
    radius: tool.radius,
    tolerance: tool.tolerance,
    points,
  });

  async function pour(at) {
    const made = stroke([at.map((value, axis) => Math.min(value, [width, height][axis] - 1))]);
    made.area = await flood(address(picture.source, COPY), at[0] / width, at[1] / height, tool.tolerance, COLOUR);
    model.add(made);
  }

  function corner(at) {
    const { scale } = viewer.geometry();
    if (!live) live = stroke([at]);
    else if (live.points.length > 2 && Math.hypot(at[0] - live.points[0][0], at[1] - live.points[0][1]) * scale < 12)
      return close();
    else live.points.push(at);
    return draw();
  }

  function close() {
    const made = live;
    live = null;
    if (made?.points.length > 2) model.add(made);
    draw();
  }

  function abandon() {
    const had = Boolean(live);
    live = null;
    draw();
    return had;
  }

  function use(at) {
    if (tool.name === "flood") pour(at);
    else if (tool.name === "polygon") corner(at);
    else live = stroke([at]);
    draw();
  }

  const touches = new Set();
  canvas.addEventListener("pointerdown", (event) => {
    touches.add(event.pointerId);
    if (event.button > 0) return;
    cursor = point(event);
    if (touches.size > 1) return void (live?.tool === "brush" && abandon());
    if (tool.name === "brush") canvas.setPointerCapture(event.pointerId);
    use(cursor);
  });
  canvas.addEventListener("pointermove", (event) => {
    ring.hidden = event.pointerType === "touch";
    if (live?.tool === "brush" && touches.size === 1) {
      for (const part of event.getCoalescedEvents?.() ?? [event]) live.points.push(point(part));
    }
    cursor = point(event);
    if (live) draw();
    else placeRing();
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => {
      touches.delete(event.pointerId);
      if (live?.tool !== "brush") return;
      const made = live;
      live = null;
      model.add(made);
    });
  }
  canvas.addEventListener("pointerleave", () => (ring.hidden = true));
  canvas.addEventListener("dblclick", () => live?.tool === "polygon" && close());

  // The keyboard moves the brush, and Space paints where it is.
  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 4 * tool.radius : tool.radius / 2;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) cursor = [clamp(cursor[0] + move[0], 0, width), clamp(cursor[1] + move[1], 0, height)];
    else if (event.key === " ") tool.name === "brush" ? model.add(stroke([cursor])) : use(cursor);
    else if (event.key === "Enter" && live) close();
    else if (event.key === "Backspace" && live) live.points.length > 1 ? live.points.pop() : abandon();
    else return;
    ring.hidden = false;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });

  async function readBase() {
    baseArea = model.base ? await tint(address(model.base, COPY), COLOUR) : null;
    draw();
  }

  place.append(canvas, ring);
  place.classList.add("editing");
  const unfollow = viewer.onMove(draw);
  readBase();
  return {
    draw,
    readBase,
    abandon,
    focus: () => canvas.focus(),
    remove() {
      unfollow();
      place.classList.remove("editing");
      canvas.remove();
      ring.remove();
    },
  };
}
