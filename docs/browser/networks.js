// Networks, opened in the worker: what they are told and what they answer.

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map(); // number of a question -> what to do with its answer
const opened = new Map(); // address -> promise of a network
let asked = 0;
let whileLoading = () => {};

worker.onmessage = ({ data: { id, error, ...answer } }) => {
  if (!id) {
    whileLoading(answer);
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

function ask(task, given) {
  return new Promise((resolve, reject) => {
    waiting.set(++asked, { resolve, reject });
    worker.postMessage({ id: asked, task, ...given });
  });
}

// `told`: called with { received, expected }, in bytes, while files come.
export function onLoading(told) {
  whileLoading = told;
}

// The network whose JSON, as `impasto export` writes it, is at `address`: { styles, size, paint, read }; `size` is that
// at which it sees paintings, undefined where it has but styles of its own. `missing` says what to do where none is.
export function open(address, missing) {
  if (!opened.has(address)) {
    const network = load(address, missing);
    opened.set(address, network);
    network.catch(() => opened.delete(address)); // to be tried again
  }
  return opened.get(address);
}

async function load(address, missing) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(missing);
  const about = await answer.json();
  const beside = (file) => file && new URL(file, new URL(address, location)).href;
  const network = address;
  await ask("open", { network, model: beside(about.model), painter: beside(about.painter?.model) });
  return {
    styles: about.styles,
    size: about.painter?.size,
    paint: (given) => ask("paint", { network, ...given }),
    read: async (painting) => (await ask("read", { network, painting })).code,
  };
}
