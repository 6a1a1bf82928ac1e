// Computes the networks in a thread of its own, so that the page stays responsive: pictures and codes in, pictures out.

const RUNTIME = "./node_modules/onnxruntime-web/dist/"; // of all files that npm installs, the page uses these two:
const SCRIPT = "ort.wasm.bundle.min.mjs";
const BINARY = "ort-wasm-simd-threaded.wasm";
const MOST_THREADS = 4;

let ort;
const networks = new Map(); // address -> { transformer, coder }
let latest = {}; // the last pass of the network: { key, made }

// --- loading ---

let received = 0;
let expected = 0;

// Return the bytes of a file, and report to the page how many bytes of all files have arrived.
async function download(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  expected += Number(answer.headers.get("Content-Length"));
  const parts = [];
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    received += value.length;
    self.postMessage({ received, expected });
  }
}

async function loadRuntime() {
  if (ort) return;
  try {
    const [script, binary] = await Promise.all([import(RUNTIME + SCRIPT), download(new URL(RUNTIME + BINARY, self.location))]);
    ort = script;
    ort.env.wasm.wasmBinary = binary.buffer;
  } catch {
    throw new Error("the runtime is not here; run: npm ci --prefix docs/browser");
  }
  // Several threads need a page that the headers of its server isolate (README.md).
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
}

async function session(bytes) {
  return ort.InferenceSession.create(await bytes, { executionProviders: ["wasm"] });
}

// --- pictures ---

// Return RGBA bytes, row by row, as the three planes of a network's input.
function planes({ data, width, height }) {
  const count = width * height;
  const values = new Float32Array(3 * count);
  for (let i = 0, k = 0; i < count; i++, k += 4) {
    values[i] = data[k] / 255;
    values[count + i] = data[k + 1] / 255;
    values[2 * count + i] = data[k + 2] / 255;
  }
  return new ort.Tensor("float32", values, [1, 3, height, width]);
}

const luma = (r, g, b) => 0.299 * r + 0.587 * g + 0.114 * b;

// Return the planes as a picture, with the photo's colours under the painted light if `colours`, blended with the photo.
function blended(made, photo, strength, colours) {
  const count = photo.width * photo.height;
  const own = photo.data;
  const data = new Uint8ClampedArray(4 * count); // rounds
  for (let i = 0, k = 0; i < count; i++, k += 4) {
    const [r, g, b] = [own[k] / 255, own[k + 1] / 255, own[k + 2] / 255];
    let [red, green, blue] = [made[i], made[count + i], made[2 * count + i]];
    if (colours) {
      const change = luma(red, green, blue) - luma(r, g, b);
      const kept = Math.min(Math.max(change, -Math.min(r, g, b)), 1 - Math.max(r, g, b)); // so that no colour is clipped
      [red, green, blue] = [r + kept, g + kept, b + kept];
    }
    data[k] = 255 * (r + strength * (red - r));
    data[k + 1] = 255 * (g + strength * (green - g));
    data[k + 2] = 255 * (b + strength * (blue - b));
    data[k + 3] = own[k + 3];
  }
  return new ImageData(data, photo.width, photo.height);
}

// --- requests of the page ---

const tasks = {
  async open({ network, model, painter }) {
    const files = [model, painter].map((address) => address && download(address));
    for (const file of files) file?.catch(() => {}); // reported below, after the runtime
    await loadRuntime();
    networks.set(network, { transformer: await session(files[0]), coder: painter && (await session(files[1])) });
    return {};
  },

  // With a `key`, the worker stores the pass: a request with the same key and another strength, or other colours, is fast.
  async paint({ network, photo, code, strength = 1, colours = false, key }) {
    const began = performance.now();
    let { made } = key && key === latest.key ? latest : {};
    if (!made) {
      const codes = new ort.Tensor("float32", code, [1, code.length]);
      const { result } = await networks.get(network).transformer.run({ image: planes(photo), code: codes });
      made = result.data;
    }
    if (key) latest = { key, made };
    const picture = blended(made, photo, strength, colours);
    return { picture, seconds: (performance.now() - began) / 1000 };
  },

  async read({ network, painting }) {
    const { code } = await networks.get(network).coder.run({ painting: planes(painting) });
    return { code: code.data };
  },
};

let before = Promise.resolve(); // one request at a time: a session must not run twice at the same time

self.onmessage = ({ data: { id, task, ...given } }) => {
  before = before.then(async () => {
    try {
      self.postMessage({ id, ...(await tasks[task](given)) });
    } catch (error) {
      self.postMessage({ id, error: error.message ?? String(error) });
    }
  });
};
