// The two pictures of the viewer as elements: decoded before they are shown, and sharper ones fetched when zoom asks.

import { debounce, h } from "./dom.js";

const FIRST = 1600; // longer side in pixels of the picture that is fetched first

export function layers(world) {
  const parts = { before: layer("before"), after: layer("after") };
  const cover = h("div.repeat", { hidden: true });
  world.append(parts.before.slot, parts.after.slot, cover);
  let strength = 1;

  async function show(view, wanted) {
    await Promise.all(Object.entries(parts).map(([name, part]) => part.show(view[name], view, wanted)));
    parts.before.image?.setAttribute("alt", view.beforeLabel ?? "");
    parts.after.image?.setAttribute("alt", view.label);
    if (!view.after) parts.before.image?.setAttribute("alt", view.label);
    cover.hidden = !view.tiles;
    if (view.tiles) {
      cover.style.backgroundImage = `url("${view.tiles.address}")`;
      cover.style.backgroundSize = `${100 / view.tiles.count}% ${100 / view.tiles.count}%`;
    }
  }

  return {
    show,
    sharpen: debounce((view, wanted) => {
      for (const [name, part] of Object.entries(parts)) part.sharpen(view[name], view, wanted);
    }, 180),
    clear() {
      for (const part of Object.values(parts)) part.clear();
      cover.hidden = true;
    },
    clip(share) {
      parts.after.slot.style.clipPath = share ? `inset(0 0 0 ${100 * share}%)` : "";
    },
    blend(value) {
      strength = value;
      parts.after.slot.style.opacity = strength;
    },
    hold(on) {
      parts.after.slot.style.opacity = on ? 0 : strength;
    },
  };
}

function layer(name) {
  const slot = h(`div.layer.${name}`);
  let turn = 0;
  let shown = { key: undefined, side: 0 };

  async function load(addressOf, key, side) {
    const mine = ++turn;
    const image = h("img", { alt: "", draggable: false, src: addressOf(side) });
    try {
      await image.decode();
    } catch {
      return; // the picture is gone, or a newer one replaced it
    }
    if (mine !== turn) return;
    shown = { key, side: side ?? Infinity };
    slot.replaceChildren(image);
  }

  // `key` tells whether a picture is already shown; addresses of previews have their version in it.
  return {
    slot,
    get image() {
      return slot.firstElementChild;
    },
    async show(addressOf, view, wanted) {
      if (!addressOf) return this.clear();
      const key = addressOf(0);
      if (key === shown.key) return undefined;
      return load(addressOf, key, first(view, wanted));
    },
    sharpen(addressOf, view, wanted) {
      const most = Math.max(view.width, view.height);
      if (!addressOf || shown.key !== addressOf(0) || wanted <= shown.side * 1.1 || shown.side >= most) return;
      load(addressOf, shown.key, undefined);
    },
    clear() {
      turn++;
      shown = { key: undefined, side: 0 };
      slot.replaceChildren();
    },
  };
}

const first = (view, wanted) => (Math.max(view.width, view.height) <= FIRST || wanted > FIRST ? undefined : FIRST);
