// The area of similar colour around a point, on a small copy of the photo: a picture for the overlay. The server computes
// the same at the full size of the photo.

const SIDE = 640;
const copies = new Map(); // address -> promise of pixels

async function pixels(url) {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const share = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.max(1, Math.round(length * share)));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

function copyOf(url) {
  if (!copies.has(url)) copies.set(url, pixels(url));
  return copies.get(url);
}

// Return the area as a canvas in `colour`, [r, g, b]. `x` and `y` are shares of width and height.
export async function flood(url, x, y, tolerance, colour) {
  const { data, width, height } = await copyOf(url);
  const start = Math.min(height - 1, Math.floor(y * height)) * width + Math.min(width - 1, Math.floor(x * width));
  const seed = oklab(data, start);
  const near = (index) => Math.hypot(...oklab(data, index).map((value, band) => value - seed[band])) <= tolerance;
  const seen = new Uint8Array(width * height);
  const stack = [start];
  seen[start] = 1;
  const area = new ImageData(width, height);
  while (stack.length) {
    const index = stack.pop();
    area.data.set([...colour, 255], 4 * index);
    const column = index % width;
    for (const next of [
      column > 0 ? index - 1 : -1,
      column < width - 1 ? index + 1 : -1,
      index - width,
      index + width,
    ]) {
      if (next < 0 || next >= seen.length || seen[next] || !near(next)) continue;
      seen[next] = 1;
      stack.push(next);
    }
  }
  return onCanvas(area);
}

const LINEAR = Float64Array.from({ length: 256 }, (_, level) =>
  level <= 10 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4,
);

// The colour of a pixel in OKLab (Ottosson 2020), where the server measures distances as well.
function oklab(data, index) {
  const [r, g, b] = [0, 1, 2].map((band) => LINEAR[data[4 * index + band]]);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function onCanvas(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Return a mask picture, white inside, as a canvas in `colour` whose opacity is its brightness.
export async function tint(url, colour) {
  const { data, width, height } = await copyOf(url);
  const area = new ImageData(width, height);
  for (let index = 0; index < width * height; index++) {
    const light = (data[4 * index] + data[4 * index + 1] + data[4 * index + 2]) / 3;
    area.data.set([...colour, light], 4 * index);
  }
  return onCanvas(area);
}
