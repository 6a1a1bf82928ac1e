// The browser's own memory of the visitor's folder: a table in IndexedDB.

let opened;

function database() {
  opened ??= new Promise((done, fail) => {
    const request = indexedDB.open("impasto-studio", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("paintings", { keyPath: "id" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opened;
}

async function run(mode, work) {
  const table = (await database()).transaction("paintings", mode).objectStore("paintings");
  const request = work(table);
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

export const all = () => run("readonly", (table) => table.getAll());
export const one = (id) => run("readonly", (table) => table.get(id));
export const put = (entry) => run("readwrite", (table) => table.put(entry));
export const drop = (id) => run("readwrite", (table) => table.delete(id));
export const dropAll = () => run("readwrite", (table) => table.clear());
