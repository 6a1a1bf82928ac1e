// A select with a search: a button that opens a list of named groups.

import { clamp, h } from "./dom.js";
import { text } from "./strings.js";

const GAP = 4; // pixels between button and list
const LEAST = 8; // pixels to the edges of the window

// `groups` is a function that returns [{ title, options: [{ value, label, words }] }]; `choose` takes a value.
export function chooser(id, label, groups, choose) {
  const value = h("span");
  const button = h(
    `button.chooser#${id}`,
    { type: "button", "aria-haspopup": "listbox", "aria-expanded": "false" },
    h("span.unseen", {}, `${label}: `),
    value,
  );
  const search = h("input", {
    id: `${id}-search`,
    type: "search",
    role: "combobox",
    placeholder: text.advanced.search,
    autocomplete: "off",
    spellcheck: false,
    "aria-label": text.advanced.search,
    "aria-expanded": "true",
    "aria-autocomplete": "list",
    "aria-controls": `${id}-list`,
  });
  const list = h("div.options", { id: `${id}-list`, role: "listbox", "aria-label": label });
  const none = h("p.small", { hidden: true }, text.advanced.none);
  const box = h(`div.menu.choices#${id}-choices`, { popover: "auto" }, search, list, none);
  button.popoverTargetElement = box;

  const shown = () => [...list.querySelectorAll("[role=option]")];

  function mark(option) {
    for (const other of shown()) other.classList.toggle("marked", other === option);
    search.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  }

  function take(name) {
    box.hidePopover();
    button.focus();
    choose(name);
  }

  const optionOf = ({ value: name, label: words }) =>
    h(
      "div.option",
      {
        id: `${id}-option-${name}`,
        role: "option",
        "aria-selected": String(words === value.textContent),
        "data-value": name,
        onclick: () => take(name),
      },
      words,
    );

  function draw() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (words) => wanted.every((word) => words.includes(word));
    const named = ({ label: words }) => Number(fits(words.toLowerCase()));
    const found = groups()
      .map(({ title, options }) => ({
        title,
        options: options.filter(({ words }) => fits(words)).sort((a, b) => named(b) - named(a)),
      }))
      .filter(({ options }) => options.length);
    list.replaceChildren(
      ...found.map(({ title, options }) =>
        h(
          "div",
          { role: "group", "aria-label": title },
          h("small", { "aria-hidden": "true" }, title),
          options.map(optionOf),
        ),
      ),
    );
    none.hidden = found.length > 0;
    mark(wanted.length ? shown()[0] : (shown().find((option) => option.ariaSelected === "true") ?? shown()[0]));
  }

  // Under the button, or above it where there is more room.
  function put() {
    const from = button.getBoundingClientRect();
    const [above, below] = [from.top, innerHeight - from.bottom].map((room) => room - GAP - LEAST);
    box.style.width = `${from.width}px`;
    box.style.maxHeight = `${Math.min(360, Math.max(above, below))}px`;
    const { height } = box.getBoundingClientRect();
    box.style.left = `${from.left}px`;
    box.style.top = `${clamp(below >= height ? from.bottom + GAP : from.top - GAP - height, LEAST, innerHeight - LEAST - height)}px`;
  }

  box.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    search.value = "";
    search.autofocus = true; // the browser moves the focus when it opens the list
    draw();
  });
  box.addEventListener("toggle", (event) => {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", open);
    for (const [target, kind] of [
      [window, "scroll"],
      [window, "resize"],
    ])
      target[open ? "addEventListener" : "removeEventListener"](kind, put, true);
    search.autofocus = false;
    if (!open) return;
    put();
    mark(list.querySelector(".marked"));
  });
  search.addEventListener("input", () => (draw(), put()));
  search.addEventListener("keydown", (event) => {
    const options = shown();
    const here = options.findIndex((option) => option.classList.contains("marked"));
    const target = { ArrowDown: here + 1, ArrowUp: here - 1 }[event.key];
    if (target !== undefined && options.length) mark(options.at(target % options.length));
    else if (event.key === "Enter" && here >= 0) take(options[here].dataset.value);
    else return;
    event.preventDefault();
  });
  return { element: h("div.opens", {}, button, box), button, show: (words) => (value.textContent = words) };
}
