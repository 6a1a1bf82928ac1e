// A button with a menu: the browser's popover, with arrow keys.

import { clamp, h } from "./dom.js";

let count = 0;

// `items` is a function that returns a list of { label, href, download, work, hint }, or "line".
export function menu(id, content, label, items) {
  const list = h(`div.menu#${id}-menu`, { popover: "auto", role: "menu", "aria-label": label });
  const button = h(
    `button#${id}`,
    { type: "button", "aria-label": label, title: label, "aria-haspopup": "menu", "aria-expanded": "false" },
    ...content,
  );
  button.style.anchorName = `--menu-${++count}`;
  button.popoverTargetElement = list;
  list.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    list.style.visibility = "hidden"; // until it has its place
    list.replaceChildren(...items().map(item));
  });
  list.addEventListener("toggle", (event) => {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", open);
    if (!open) return;
    put(list, button);
    list.querySelector("[role=menuitem]")?.focus();
  });
  list.addEventListener("keydown", (event) => walk(list, event));
  const whole = h("div.opens", {}, button, list);
  return whole;
}

function item(entry) {
  if (entry === "line") return h("hr");
  const hint = entry.hint ? h("small", {}, entry.hint) : null;
  if (entry.href)
    return h(
      "a",
      { role: "menuitem", href: entry.href, download: entry.download ?? "", tabIndex: -1, onclick: hide },
      entry.label,
      hint,
    );
  const work = (event) => {
    hide(event);
    entry.work();
  };
  return h(
    "button",
    { type: "button", role: "menuitem", tabIndex: -1, onclick: work, "data-testid": entry.id },
    entry.label,
    hint,
  );
}

const hide = (event) => event.currentTarget.closest("[popover]").hidePopover();

// Place the menu above its button, or under it where there is no room, and within the window.
function put(list, button) {
  list.style.visibility = "";
  const from = button.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  list.style.left = `${clamp(from.right - width, 8, innerWidth - width - 8)}px`;
  list.style.top = `${from.top - height - 6 > 8 ? from.top - height - 6 : Math.min(from.bottom + 6, innerHeight - height - 8)}px`;
}

function walk(list, event) {
  const entries = [...list.querySelectorAll("[role=menuitem]")];
  const here = entries.indexOf(document.activeElement);
  const target = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  entries.at(target % entries.length).focus();
}
