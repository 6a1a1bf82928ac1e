// The password, asked for once, where the server needs it.

import { onLogin, post, remove } from "./api.js";
import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { guarded, setState } from "./say.js";
import { text } from "./strings.js";

let asking = null;

function ask() {
  asking ??= new Promise((done) => {
    const input = h("input", {
      id: "password",
      type: "password",
      autocomplete: "current-password",
      required: true,
      autofocus: true,
    });
    const send = guarded(async () => {
      await post("/session", { password: input.value });
      inside = true;
      box.close();
    });
    const form = h(
      "form",
      { onsubmit: (event) => (event.preventDefault(), send()) },
      h("input", { type: "text", autocomplete: "username", value: "studio", hidden: true }),
      h("label.field", {}, h("span", {}, text.login.password), input),
      h("div.row.end", {}, h("button.main#log-in", {}, text.login.enter)),
    );
    let inside = false;
    let box;
    const open = () => {
      box = dialog("login", text.login.title, () => [form], { closed: () => (inside ? leave() : open()) });
      box.querySelector(".close").remove();
    };
    const leave = () => {
      asking = null;
      setState("loading");
      done();
    };
    open();
  });
  return asking;
}

export const logOut = guarded(async () => {
  await remove("/session");
  location.reload();
});

export const start = () => onLogin(ask);
