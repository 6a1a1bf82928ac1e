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

export function copyOf(url) {
  if (!copies.has(url)) copies.set(url, pixels(url));
  return copies.get(url);
}

// Return the area as a canvas in `colour`, [r, g, b]. `x` and `y` are shares of width and height.
export async function flood(url, x, y, tolerance, colour) {
  const { data, width, height } = await copyOf(url);
  const start = Math.min(height - 1, Math.floor(y * height)) * width + Math.min(width - 1, Math.floor(x * width));
  const limit = tolerance * 255;
  const near = (index) => {
    for (let band = 0; band < 3; band++) if (Math.abs(data[4 * index + band] - data[4 * start + band]) > limit) return false;
    return true;
  };
  const seen = new Uint8Array(width * height);
  const stack = [start];
  seen[start] = 1;
  const area = new ImageData(width, height);
  while (stack.length) {
    const index = stack.pop();
    area.data.set([...colour, 255], 4 * index);
    const column = index % width;
    for (const next of [column > 0 ? index - 1 : -1, column < width - 1 ? index + 1 : -1, index - width, index + width]) {
      if (next < 0 || next >= seen.length || seen[next] || !near(next)) continue;
      seen[next] = 1;
      stack.push(next);
    }
  }
  return onCanvas(area);
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
