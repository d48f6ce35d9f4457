/** The HTTP API, as docs/api.md has it. */

const KEPT = "voxqueue.key";

/** What the server refused, and its code. */
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem.code ?? "";
  }
}

export const getKey = () => sessionStorage.getItem(KEPT) ?? "";
export function setKey(key) {
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
}

const withKey = (headers = {}) => (getKey() ? { ...headers, Authorization: `Bearer ${getKey()}` } : headers);

/** Ask, and get the answer or a Problem. An object as `body` is sent as JSON. */
export async function call(method, path, { body, headers, signal } = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const kind = body === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(path, { method, signal, headers: withKey({ ...kind, ...headers }), ...sent });
  if (answer.ok) return answer;
  throw await problemOf(answer.status, await answer.text());
}

/** The same, read as JSON. */
export async function ask(method, path, options) {
  const answer = await call(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

function problemOf(status, text) {
  if (status === 401) window.dispatchEvent(new Event("voxqueue:key"));
  try {
    return new Problem(status, JSON.parse(text));
  } catch {
    return new Problem(status, {});
  }
}

/** Hand in a recording; `onProgress` hears the share that is sent. fetch() can't tell how much of a body is on its way. */
export function upload(file, name, config, onProgress) {
  const form = new FormData();
  form.append("config", JSON.stringify(config));
  form.append("file", file, name);
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () =>
      request.status < 300 ? resolve(JSON.parse(request.responseText)) : reject(problemOf(request.status, request.responseText));
    request.onerror = () => reject(new Problem(0, { detail: "The server does not answer." }));
    request.open("POST", "/v1/jobs");
    for (const [header, value] of Object.entries(withKey())) request.setRequestHeader(header, value);
    request.send(form);
  });
}

/** Hear server-sent events until `signal` ends it; comes back after a break where it was. EventSource can send no key. */
export async function listen(path, onEvent, signal) {
  let last = null;
  for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 15000)) {
    try {
      const answer = await call("GET", path, { signal, headers: last === null ? {} : { "Last-Event-ID": last } });
      if (answer.status === 204) return;
      for await (const event of messages(answer.body)) {
        wait = 500;
        last = event.id ?? last;
        onEvent(event);
      }
    } catch (error) {
      if (signal.aborted || error.status === 401 || error.status === 404) return;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (held + value).split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").filter((line) => !line.startsWith(":")).map(field));
      if (fields.data) yield { id: fields.id, kind: fields.event ?? "message", data: JSON.parse(fields.data) };
    }
  }
}

function field(line) {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
}

/** Save what a path answers as a file. */
export async function download(path, name) {
  const blob = await (await call("GET", path)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
