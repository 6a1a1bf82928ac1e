// Short ways to build and find elements.

export const find = (selector) => document.querySelector(selector);

// Return a new element. h("button.quiet#save", { onclick, "aria-label": "…" }, "text", element, null)
export function h(selector, properties = {}, ...children) {
  const [, tag, rest] = /^(\w*)(.*)$/.exec(selector);
  const element = document.createElement(tag || "div");
  for (const part of rest.match(/[.#][\w-]+/g) ?? []) {
    if (part[0] === "#") element.id = part.slice(1);
    else element.classList.add(part.slice(1));
  }
  for (const [name, value] of Object.entries(properties)) setProperty(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function setProperty(element, name, value) {
  if (value === undefined || value === null) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name in element && !name.startsWith("aria")) element[name] = value;
  else if (value !== false || name.startsWith("aria-"))
    element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
}

// Delay calls of `work` until none has come for `milliseconds`.
export function debounce(work, milliseconds) {
  let timer;
  return (...inputs) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...inputs), milliseconds);
  };
}

// Join calls of `work` to one in each frame.
export function framed(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

// Draw `canvas` at the resolution of the screen; return its context, scaled to CSS pixels, and its size in them.
export function sharp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
