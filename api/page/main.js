/** Which view is shown: the queue at #/, a job at #/jobs/ID. */

import { getKey, setKey } from "/page/api.js";
import { tell } from "/page/dom.js";
import { showJob } from "/page/job.js";
import { showQueue } from "/page/queue.js";

const view = document.getElementById("view");
let leave = new AbortController();

async function route() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  try {
    await show(signal);
  } catch (error) {
    // Who has gone on to another view waits for nothing of this one.
    if (!signal.aborted) throw error;
  }
}

async function show(signal) {
  const job = location.hash.match(/^#\/jobs\/([\w-]+)$/);
  view.replaceChildren();
  const title = await (job ? showJob(view, job[1], signal) : showQueue(view, signal));
  if (signal.aborted) return;
  document.title = title ? `${title} · Voxqueue` : "Voxqueue";
  tell(document.title);
}

const dialog = document.getElementById("key-dialog");
const input = document.getElementById("key-input");

function askForKey() {
  if (dialog.open) return;
  input.value = getKey();
  dialog.returnValue = "";
  dialog.showModal();
  input.select();
}

dialog.addEventListener("close", () => {
  if (dialog.returnValue === "") return;
  setKey(dialog.returnValue === "use" ? input.value.trim() : "");
  route();
});
document.getElementById("key").addEventListener("click", askForKey);
window.addEventListener("voxqueue:key", askForKey);
window.addEventListener("hashchange", () => {
  route();
  view.focus();
});
route();
