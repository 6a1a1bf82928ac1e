// The viewer: two pictures on top of each other, with zoom, pan and a slider between them.
//
// A view is { key, width, height, label, before, after, tiles }. `before` and `after` are functions from a longer side
// to an address, or null. The pictures are elements that the browser scales, so that zoom and pan redraw nothing here.

import { layers } from "./layers.js";
import { clamp, find, framed, h } from "./dom.js";
import { followPointers } from "./gestures.js";
import { text } from "./strings.js";

const MARGIN = 16; // pixels around a fitted picture
const MOST = 16; // screen pixels per pixel of the picture

let view = null;
let scale = 1; // CSS pixels per pixel of the picture
let [left, top] = [0, 0]; // of the picture in the viewer
let fitted = true;
let split = 0.5; // place of the slider within the visible part of the picture
let comparing = false;
const followers = new Set();

const world = h("div.world", {});
const handle = h(
  "div.handle#split",
  {
    tabIndex: 0,
    role: "slider",
    hidden: true,
    "aria-label": text.viewer.split,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  },
  h("span.grip"),
);
const stack = layers(world);

export const geometry = () => ({ scale, left, top, width: view?.width ?? 0, height: view?.height ?? 0 });
export const toPicture = (x, y) => [(x - left) / scale, (y - top) / scale];
export const isFitted = () => fitted;
export const isComparing = () => comparing;
export const percent = () => Math.round(scale * devicePixelRatio * 100);

// Call `work` after each change of zoom, place or slider.
export const onMove = (work) => {
  followers.add(work);
  return () => followers.delete(work);
};

// Show a view. The zoom stays where the key stays. Resolves when its pictures are there.
export async function show(next) {
  const other = !view || view.key !== next.key;
  const sameShape = view && Math.abs(view.width / view.height - next.width / next.height) < 0.01;
  const ratio = view ? view.width / next.width : 1;
  view = next;
  if (other && !sameShape) fitted = true;
  if (!fitted) scale *= ratio;
  find("#viewer").classList.toggle("tiled", Boolean(view.tiles));
  place();
  await stack.show(view, wantedSide());
}

export function clear() {
  view = null;
  stack.clear();
  place();
}

const wantedSide = () => Math.max(view.width, view.height) * scale * devicePixelRatio;

const box = () => find("#viewer").getBoundingClientRect();

function fitScale() {
  const { width, height } = box();
  const across = (width - 2 * MARGIN) / view.width;
  return Math.max(0.01, Math.min(across, (height - 2 * MARGIN) / view.height, MOST));
}

// Compute the place from the zoom, keep the picture within the viewer, and move the elements.
function place() {
  world.hidden = !view;
  handle.hidden = !view || !comparing || !view.before || !view.after;
  if (view) {
    const { width, height } = box();
    if (fitted) scale = fitScale();
    [left, top] = [inside(left, view.width * scale, width), inside(top, view.height * scale, height)];
    world.style.width = `${view.width * scale}px`;
    world.style.height = `${view.height * scale}px`;
    world.style.transform = `translate(${left}px, ${top}px)`;
    world.classList.toggle("pixels", !fitted && scale * devicePixelRatio >= 4);
    placeSplit(width, height);
    stack.sharpen(view, wantedSide());
  }
  for (const work of followers) work();
}

const move = framed(place);

// A picture smaller than the viewer is centred; a larger one leaves no gap.
function inside(offset, length, room) {
  if (length + 2 * MARGIN <= room || fitted) return (room - length) / 2;
  return clamp(offset, room - length - MARGIN, MARGIN);
}

function placeSplit(width, height) {
  const [start, end] = [Math.max(0, left), Math.min(width, left + view.width * scale)];
  const [above, below] = [Math.max(0, top), Math.min(height, top + view.height * scale)];
  Object.assign(handle.style, { top: `${above}px`, height: `${below - above}px` });
  const x = start + split * (end - start);
  handle.style.transform = `translateX(${x}px)`;
  handle.setAttribute("aria-valuenow", Math.round(split * 100));
  const share = handle.hidden ? 0 : (x - left) / (view.width * scale);
  stack.clip(clamp(share, 0, 1));
}

export function zoom(factor, x, y) {
  if (!view) return;
  const { width, height } = box();
  const [cx, cy] = [x ?? width / 2, y ?? height / 2];
  const smallest = Math.min(fitScale(), 1 / devicePixelRatio);
  const next = clamp(scale * factor, smallest, MOST / devicePixelRatio);
  const change = next / scale;
  fitted = false;
  [left, top, scale] = [cx - (cx - left) * change, cy - (cy - top) * change, next];
  if (next <= fitScale() * 1.001 && factor < 1) fitted = next >= fitScale() * 0.999;
  find("#viewer").classList.toggle("zoomed", !fitted);
  move();
}

export function fit() {
  fitted = true;
  find("#viewer").classList.remove("zoomed");
  move();
}

export const actualSize = (x, y) => zoom(1 / devicePixelRatio / scale, x, y);

export function pan(dx, dy) {
  if (!view || fitted) return;
  [left, top] = [left + dx, top + dy];
  move();
}

export function compare(on) {
  comparing = on;
  move();
}

const setSplit = (value) => {
  split = clamp(value, 0, 1);
  move();
};

// The opacity of the second picture over the first.
export const blend = (strength) => stack.blend(strength);

// Show the first picture alone while `on`.
export const hold = (on) => stack.hold(on);

function listenSplit() {
  handle.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const { left: edge, width } = box();
    const [start, end] = [Math.max(0, left), Math.min(width, left + view.width * scale)];
    setSplit((event.clientX - edge - start) / (end - start));
  });
  handle.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 };
    if (event.key in steps) setSplit(split + steps[event.key]);
    else if (event.key === "Home" || event.key === "End") setSplit(event.key === "Home" ? 0 : 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

export function start() {
  const viewer = find("#viewer");
  Object.assign(viewer, { tabIndex: 0 });
  viewer.setAttribute("role", "group");
  viewer.setAttribute("aria-label", text.viewer.name);
  viewer.prepend(world, handle);
  listenSplit();
  followPointers(viewer, { pan, zoom, toggle: (x, y) => (fitted ? actualSize(x, y) : fit()) });
  new ResizeObserver(move).observe(viewer);
}
