// Requests to the server, and its events.

import { text } from "./strings.js";

const ROOT = "/api/v1";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let askPassword = async () => {};
export const onLogin = (work) => {
  askPassword = work;
};

async function send(method, path, { body, type, signal } = {}) {
  const options = { method, body, signal, headers: type ? { "Content-Type": type } : {}, credentials: "same-origin" };
  let response;
  try {
    response = await fetch(ROOT + path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError(0, text.errors.noServer);
  }
  if (response.status === 401 && path !== "/session") {
    await askPassword();
    return send(method, path, { body, type, signal });
  }
  if (!response.ok) throw new ApiError(response.status, await reason(response));
  return response;
}

async function reason(response) {
  try {
    return String((await response.json()).error).split("\n")[0];
  } catch {
    return text.errors.status(response.status);
  }
}

const read = async (response) => (response.status === 204 ? null : response.json());

export const get = async (path, options) => read(await send("GET", path, options));
export const remove = async (path) => read(await send("DELETE", path));

export async function post(path, value, options = {}) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  return read(await send("POST", path, { ...options, body, type: body && "application/json" }));
}

export async function upload(blob, name) {
  return read(
    await send("POST", `/pictures?name=${encodeURIComponent(name)}`, { body: blob, type: "application/octet-stream" }),
  );
}

// Paint in one pass; return the picture as a blob, and the seconds that it took.
export async function paintQuickly(value, options) {
  const response = await send("POST", "/preview", {
    ...options,
    body: JSON.stringify(value),
    type: "application/json",
  });
  return { blob: await response.blob(), seconds: Number(response.headers.get("X-Seconds")) || null };
}

// The address of the picture of a source, with a longer side of at most `side`.
export function address(source, side) {
  const [kind, name] = [source.slice(0, source.indexOf(":")), source.slice(source.indexOf(":") + 1)];
  const query = side ? `?side=${side}` : "";
  return `${ROOT}/${kind === "sample" ? "samples" : "pictures"}/${encodeURIComponent(name)}/image${query}`;
}

export const runAddress = (id, part, query = {}) => {
  const parameters = new URLSearchParams(query).toString();
  return `${ROOT}/runs/${id}/${part}${parameters ? `?${parameters}` : ""}`;
};

// Call `onRun` and `onGone` for the server's events. The browser connects again by itself.
export function listen({ onRun, onGone, onBack }, lost = false) {
  const source = new EventSource(`${ROOT}/events`);
  source.addEventListener("run", ({ data }) => onRun(JSON.parse(data)));
  source.addEventListener("gone", ({ data }) => onGone(JSON.parse(data).id));
  source.addEventListener("error", () => {
    lost = true;
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen({ onRun, onGone, onBack }, true), 3000);
  });
  source.addEventListener("open", () => {
    if (lost) onBack();
    lost = false;
  });
}
