// The styles of the page. Each has a tile with the painted photo, the name, and a slider for the share.

export const SIDE = 96; // side of the picture of a tile, in pixels
const MOST = 3; // largest number of styles of a surprise

const styles = []; // { network, name, code, button, slider, chip }
let report = () => {};

export function onChange(work) {
  report = work;
}

export function addStyle(place, network, name, code) {
  const [tile, button, words] = ["div", "button", "span"].map((kind) => document.createElement(kind));
  const chip = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: 100, value: 0, name, ariaLabel: `share of ${name}` });
  Object.assign(button, { type: "button", title: `${name} alone`, ariaLabel: `${name} alone` });
  words.textContent = name;
  tile.className = "tile";
  button.append(chip, words);
  tile.append(button, slider);
  place.append(tile);
  const style = { network, name, code, tile, button, slider, chip };
  slider.addEventListener("input", () => set(new Map([...shares(network), [style, Number(slider.value)]])));
  button.addEventListener("click", () => only(style));
  styles.push(style);
  return style;
}

const shares = (network) => styles.filter((style) => style.network === network).map((style) => [style, share(style)]);
const share = ({ slider }) => Number(slider.value);

// Set the shares of all styles, 0 for styles that are not in `newShares`. Codes of two networks do not mix, so only
// styles of one network have shares at the same time.
function set(newShares) {
  for (const style of styles) {
    style.slider.value = newShares.get(style) ?? 0;
    style.slider.ariaValueText = `${style.slider.value} %`;
    style.button.ariaPressed = share(style) > 0;
    style.tile.classList.toggle("used", share(style) > 0);
  }
  report();
}

export function only(style) {
  set(new Map([[style, 100]]));
}

export function reset() {
  if (styles.length) only(styles[0]);
}

// Choose random styles of the first network, with random shares.
export function surprise() {
  if (!styles.length) return;
  const others = shares(styles[0].network).map(([style]) => style);
  const chosen = new Map();
  for (let count = 1 + Math.floor(MOST * Math.random()); count > 0 && others.length; count--) {
    const [style] = others.splice(Math.floor(others.length * Math.random()), 1);
    chosen.set(style, Math.round(20 + 80 * Math.random()));
  }
  set(chosen);
}

// Return the mixture of the sliders, { network, code, name, key }: the mean of the codes by their shares; null if all are 0.
export function mixture() {
  const used = styles.filter(share);
  if (!used.length) return null;
  const total = used.reduce((sum, style) => sum + share(style), 0);
  const code = new Float32Array(used[0].code.length);
  for (const style of used) style.code.forEach((value, i) => (code[i] += (share(style) / total) * value));
  const part = (style) => (used.length > 1 ? ` ${Math.round((100 * share(style)) / total)} %` : "");
  const key = styles.map(share).join();
  return { network: used[0].network, code, key, name: used.map((style) => style.name + part(style)).join(", ") };
}

// Show `photo`, a square of SIDE pixels, in each style. Await `free()` before each style, and stop if it returns false.
export async function showIn(photo, free) {
  for (const { network, code, chip } of [...styles]) {
    if (!(await free())) return false;
    const { picture } = await network.paint({ photo, code: Float32Array.from(code) });
    chip.getContext("2d").putImageData(picture, 0, 0);
  }
  return true;
}
