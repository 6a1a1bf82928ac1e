// The start of the page.

import { get } from "./api.js";
import * as bar from "./bar.js";
import * as compare from "./compare.js";
import { find, h } from "./dom.js";
import * as film from "./film.js";
import * as foot from "./foot.js";
import { icon } from "./icons.js";
import * as keyboard from "./keyboard.js";
import * as library from "./library.js";
import * as login from "./login.js";
import * as memory from "./memory.js";
import * as panel from "./panel.js";
import * as picker from "./picker.js";
import * as pictures from "./pictures.js";
import * as plan from "./plan.js";
import * as quick from "./quick.js";
import * as runs from "./runs.js";
import { announce, complain, setState } from "./say.js";
import * as sheet from "./sheet.js";
import * as stage from "./stage.js";
import { state, update } from "./state.js";
import { text } from "./strings.js";
import * as tabs from "./tabs.js";
import * as viewer from "./viewer.js";

async function facts() {
  const about = await get("/about");
  update({ about });
  const [samples, styles, presets, forms] = await Promise.all(
    ["/samples", "/styles", "/presets", "/forms"].map((path) => get(path)),
  );
  update({ samples, styles, presets, forms });
}

function tools() {
  const plain = (id, name, label, work) =>
    h(`button.plain#${id}`, { type: "button", title: label, "aria-label": label, onclick: work }, icon(name));
  find("#tools").append(plain("help", "help", text.keys.title, keyboard.help));
  if (state.about.password) find("#tools").append(plain("log-out", "out", text.login.leave, login.logOut));
}

async function start() {
  announce(text.said.loading);
  login.start();
  viewer.start();
  try {
    await facts();
    tools();
    memory.restore();
    tabs.start();
    stage.start();
    sheet.start();
    bar.start();
    compare.start();
    picker.start();
    film.start();
    panel.open();
    plan.start();
    foot.start();
    keyboard.start();
    memory.start();
    await Promise.all([pictures.start(), library.start(), runs.start()]);
    const active = runs.active();
    const first = active.find((run) => run.state === "running") ?? active[0];
    if (first) runs.show(first.id);
    quick.start(Boolean(first));
    if (document.body.dataset.state === "loading") setState("ready");
    document.body.classList.remove("starting");
    announce(text.said.ready);
  } catch (error) {
    document.body.classList.remove("starting");
    if (!find("#trouble")) find("#foot").append(h("p.trouble#trouble", { role: "alert" }));
    complain(error);
  }
}

start();
