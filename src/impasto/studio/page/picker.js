// The choice of a picture: the empty viewer at the start, and a dialog later.

import { address } from "./api.js";
import { openCamera } from "./camera.js";
import { dialog } from "./dialog.js";
import { find, h } from "./dom.js";
import { sourceName, stem } from "./format.js";
import { fileButton, withIcon } from "./files.js";
import { icon } from "./icons.js";
import { sample, takeFiles, takePicture } from "./pictures.js";
import { newestFirst } from "./runs.js";
import { state, watch } from "./state.js";
import { text } from "./strings.js";
import { task } from "./tabs.js";

export function tile(picture, work, { side = 256, id } = {}) {
  const image = h("img", { src: address(picture.source, side), alt: "", loading: "lazy", decoding: "async" });
  const name = stem(picture.name);
  return h(
    "button.tile",
    { type: "button", title: name, onclick: () => work(picture), "data-testid": id ?? `pick-${picture.source}` },
    image,
    h("span", {}, name),
  );
}

const cameraButton = (kind, before) =>
  h(
    "button.camera",
    { type: "button", onclick: () => (before?.(), openCamera((file) => takeFiles(kind, [file]))) },
    ...withIcon("camera", text.camera.open),
  );

// Open the dialog for "photo", "painting", "inset" or "region"; `work` takes the picture.
export function choosePicture(kind, work = (picture) => takePicture(kind, picture)) {
  const results = newestFirst()
    .filter((run) => run.result)
    .map(({ result, request, names }) => ({
      ...result,
      name: sourceName(request.style[0]?.source ?? request.content, names),
    }));
  const own = kind === "region" || kind === "painting";
  dialog(
    "picker",
    text.picker[kind],
    (box) => {
      const choose = (picture) => {
        box.close();
        work(picture);
      };
      const send = async (files) => {
        box.close();
        await takeFiles(kind === "region" ? "none" : kind, files);
        if (kind === "region" && state.uploads[0]) work(state.uploads[0]);
      };
      const group = (title, list) =>
        list.length
          ? [
              h("h3", {}, title),
              h(
                "div.tiles.large",
                {},
                list.map((picture) => tile(picture, choose)),
              ),
            ]
          : [];
      return [
        h(
          "div.row",
          {},
          fileButton("picker-file", withIcon("add", text.picker.file), send, { look: "main", label: text.picker.file }),
          own ? null : cameraButton(kind, () => box.close()),
        ),
        ...group(text.picker.yours, state.uploads),
        ...group(text.picker.samples, state.samples[own ? "paintings" : "photos"].map(sample)),
        ...(own ? [] : group(text.picker.paintings, kind === "inset" ? state.samples.paintings.map(sample) : [])),
        ...group(text.picker.results, results),
      ];
    },
    { wide: true },
  );
}

// The empty viewer: a large place to drop a photo, and the samples.
export function start() {
  const empty = h("div#empty.still.scrolls");
  find("#viewer").append(empty);
  let drawn = "";
  watch("samples tab sweep", () => {
    const kind = task() === "texture" ? "painting" : "photo";
    const key = `${kind} ${state.samples.photos.length}`;
    if (key === drawn) return;
    drawn = key;
    const words = text.empty[kind];
    const drop = h(
      "div.drop",
      { "data-takes": kind },
      icon("photo"),
      h("h2", {}, words.title),
      h(
        "div.row",
        {},
        fileButton("photo-file", words.choose, (files) => takeFiles(kind, files), {
          look: "main",
          label: words.choose,
        }),
        cameraButton(kind),
      ),
      h("p.small", {}, words.hint),
    );
    const tiles = state.samples[kind === "photo" ? "photos" : "paintings"].map((name) =>
      tile(sample(name), (picture) => takePicture(kind, picture), { side: 512, id: `sample-${name}` }),
    );
    empty.replaceChildren(drop, h("div.tries", {}, h("p", {}, words.or), h("div.tiles.samples", {}, tiles)));
  });
}
