// A dialog of the browser, built when it opens and removed when it closes.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { text } from "./strings.js";

// `content` is a function of the dialog that returns its elements. Returns the dialog.
export function dialog(id, title, content, { wide = false, closed } = {}) {
  document.getElementById(id)?.remove();
  const box = h(`dialog#${id}`, { "aria-labelledby": `${id}-title`, className: wide ? "wide" : "" });
  const close = h(
    "button.plain.close",
    { type: "button", "aria-label": text.close, title: text.close, onclick: () => box.close() },
    icon("close"),
  );
  const body = h("div.inside", {}, ...content(box));
  box.append(
    h("header", {}, h("h2", { id: `${id}-title`, tabIndex: -1, autofocus: true }, title), close),
    body,
    h("p.trouble", { role: "alert" }),
  );
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.addEventListener("close", () => {
    box.remove();
    closed?.();
  });
  if (body.querySelector("[autofocus]")) box.querySelector("h2").autofocus = false;
  document.body.append(box);
  box.showModal();
  return box;
}
