// The network at work, beside the page, which stays responsive: pictures and codes in, pictures out.

const VERSION = "1.30.0";
const PLACES = [
  "node_modules/onnxruntime-web/dist/", // npm install, in this folder: no other server is asked then
  `https://cdn.jsdelivr.net/npm/onnxruntime-web@${VERSION}/dist/`,
];
const SCRIPT = "ort.wasm.bundle.min.mjs";
const BINARY = "ort-wasm-simd-threaded.wasm";
const HASHES = {
  [SCRIPT]: "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
  [BINARY]: "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
};

let ort, transformer, coder;

// A file of the runtime, from the first place that has these very bytes.
async function runtimeFile(name) {
  for (const place of PLACES) {
    try {
      const answer = await fetch(new URL(place + name, self.location), { integrity: HASHES[name] });
      if (answer.ok) return await answer.blob();
    } catch {
      continue; // not there, or other bytes
    }
  }
  throw new Error(`onnxruntime-web ${VERSION} is not to be had: ${name} is neither here nor at its CDN`);
}

async function loadRuntime() {
  const [script, binary] = await Promise.all([runtimeFile(SCRIPT), runtimeFile(BINARY)]);
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.wasmBinary = await binary.arrayBuffer();
  ort.env.wasm.numThreads = 1; // more need a server that isolates the page by its headers
}

async function session(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  return ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), { executionProviders: ["wasm"] });
}

// RGBA bytes, row by row, as the three planes that networks take.
function planes({ data, width, height }) {
  const count = width * height;
  const values = new Float32Array(3 * count);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < count; i++) values[c * count + i] = data[4 * i + c] / 255;
  }
  return new ort.Tensor("float32", values, [1, 3, height, width]);
}

const luma = (r, g, b) => 0.299 * r + 0.587 * g + 0.114 * b;

// The planes as RGBA bytes; of the photo's colours under the painting's light, and of the photo itself, what is asked.
function bytes(painted, photo, strength, colours) {
  const count = photo.width * photo.height;
  const data = new Uint8ClampedArray(4 * count);
  for (let i = 0; i < count; i++) {
    const own = [0, 1, 2].map((c) => photo.data[4 * i + c] / 255);
    let made = [0, 1, 2].map((c) => painted[c * count + i]);
    if (colours) {
      const change = luma(...made) - luma(...own);
      const kept = Math.min(Math.max(change, -Math.min(...own)), 1 - Math.max(...own)); // no colour is cut off
      made = own.map((value) => value + kept);
    }
    for (let c = 0; c < 3; c++) data[4 * i + c] = Math.round(255 * (own[c] + strength * (made[c] - own[c])));
    data[4 * i + 3] = photo.data[4 * i + 3];
  }
  return data;
}

const tasks = {
  async load({ model, painter }) {
    await loadRuntime();
    transformer = await session(model);
    coder = painter ? await session(painter) : undefined;
    return {};
  },

  async paint({ photo, code, strength, colours }) {
    const began = performance.now();
    const codes = new ort.Tensor("float32", code, [1, code.length]);
    const { result } = await transformer.run({ image: planes(photo), code: codes });
    const seconds = (performance.now() - began) / 1000;
    const data = bytes(result.data, photo, strength, colours);
    return { picture: new ImageData(data, photo.width, photo.height), seconds };
  },

  async read({ painting }) {
    const { code } = await coder.run({ painting: planes(painting) });
    return { code: Array.from(code.data) };
  },
};

self.onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    self.postMessage({ id, ...(await tasks[task](given)) });
  } catch (error) {
    self.postMessage({ id, error: error.message ?? String(error) });
  }
};
