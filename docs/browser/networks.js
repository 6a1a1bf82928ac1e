// Networks, which the worker opens and computes: requests to the worker, and its answers.

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map(); // id of a request -> the functions that settle its promise
const promises = new Map(); // address -> promise of a network
let lastId = 0;
let reportLoading = () => {};

worker.onmessage = ({ data: { id, error, ...answer } }) => {
  if (!id) {
    reportLoading(answer);
    return;
  }
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error));
  else resolve(answer);
};

worker.onerror = ({ message }) => {
  for (const { reject } of waiting.values()) reject(new Error(`worker.js: ${message ?? "it does not start"}`));
  waiting.clear();
};

function request(task, inputs) {
  return new Promise((resolve, reject) => {
    waiting.set(++lastId, { resolve, reject });
    worker.postMessage({ id: lastId, task, ...inputs });
  });
}

// Call `report` with { received, expected }, in bytes, while files are loading.
export function onLoading(report) {
  reportLoading = report;
}

// Return the network of a JSON file of `impasto export` at `address`: { styles, size, paint, read }. `size` is the longer
// side of paintings for the network, undefined for a network of named styles. `missing` is the message without a file.
export function open(address, missing) {
  if (!promises.has(address)) {
    const network = load(address, missing);
    promises.set(address, network);
    network.catch(() => promises.delete(address)); // the next call tries again
  }
  return promises.get(address);
}

async function load(address, missing) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(missing);
  const about = await response.json();
  const beside = (file) => file && new URL(file, new URL(address, location)).href;
  const network = address;
  await request("open", { network, model: beside(about.model), painter: beside(about.painter?.model) });
  return {
    styles: about.styles,
    size: about.painter?.size,
    paint: (inputs) => request("paint", { network, ...inputs }),
    read: async (painting) => (await request("read", { network, painting })).code,
  };
}
