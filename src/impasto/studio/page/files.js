// Buttons that open the browser's choice of files.

import { h } from "./dom.js";
import { icon } from "./icons.js";

// Return a label that looks like a button and holds the input of files.
export function fileButton(id, content, work, { multiple = false, folder = false, look = "", label } = {}) {
  const input = h("input.unseen", {
    id,
    type: "file",
    accept: "image/*",
    multiple: multiple || folder,
    "aria-label": label,
  });
  if (folder) input.webkitdirectory = true;
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    work(files);
  });
  return h("label.button", { className: `button ${look}`, title: label }, content, input);
}

export const withIcon = (name, words) => [icon(name), h("span", {}, words)];
