/** Drop, choose or record: what comes in goes up at once, several at a time. */

import { upload } from "/page/api.js";
import { acting, h, tell, toast } from "/page/dom.js";
import { canRecord, record } from "/page/recorder.js";
import { clock, percent } from "/page/times.js";

const AT_ONCE = 3;

/** The place for recordings; `onJob` hears of each job that was made. */
export function dropZone(onJob) {
  const going = h("ul", { class: "uploads", "aria-label": "Uploads" });
  const roles = h("input", { id: "roles", placeholder: "agent, customer", size: 18 });
  const hotwords = h("input", { id: "hotwords", placeholder: "names, products", size: 22 });
  const files = h("input", { type: "file", multiple: true, hidden: true, accept: "audio/*,video/*,.gsm,.amr,.wav,.ulaw,.alaw,.g729" });
  const send = queueOf(going, () => config(roles.value, hotwords.value), onJob);
  files.addEventListener("change", () => {
    send([...files.files].map((file) => ({ file, name: file.name })));
    files.value = "";
  });
  const zone = h(
    "section",
    { class: "drop", "aria-label": "Hand in recordings" },
    h("p", {}, "Drop recordings of calls here"),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "main", onclick: () => files.click() }, "Choose files"),
      canRecord() ? recordButton(send) : null,
      h("label", { class: "small" }, "Roles by channel ", roles),
      h("label", { class: "small" }, "Hotwords ", hotwords),
    ),
    files,
    going,
  );
  receiveDrops(zone, send);
  return zone;
}

function config(roles, hotwords) {
  const listed = (text) => text.split(",").map((each) => each.trim());
  return {
    ...(roles.trim() ? { roles: listed(roles).map((role) => role || null) } : {}),
    ...(hotwords.trim() ? { hotwords: listed(hotwords).filter(Boolean) } : {}),
  };
}

function receiveDrops(zone, send) {
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    send([...event.dataTransfer.files].map((file) => ({ file, name: file.name })));
  });
}

function queueOf(list, makeConfig, onJob) {
  const waiting = [];
  let running = 0;
  const next = async () => {
    if (running >= AT_ONCE || !waiting.length) return;
    running += 1;
    await sendOne(waiting.shift(), onJob);
    running -= 1;
    next();
  };
  return (recordings) => {
    for (const recording of recordings) {
      const bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${recording.name}` });
      const row = h("li", { class: "row" }, h("span", {}, recording.name), bar);
      list.append(row);
      waiting.push({ ...recording, config: makeConfig(), bar, row });
      next();
    }
  };
}

async function sendOne({ file, name, config, bar, row }, onJob) {
  try {
    const job = await upload(file, name, config, (share) => {
      bar.value = share;
      bar.title = percent(share);
    });
    tell(`${name} was handed in`);
    onJob(job);
  } catch (error) {
    toast(`${name}: ${error.message}`);
  }
  row.remove();
}

function recordButton(send) {
  let stop = null;
  let timer = 0;
  const clockFace = h("span", { class: "recording", "aria-live": "off" });
  const button = h("button", { type: "button" }, "Record");
  button.addEventListener(
    "click",
    acting(async () => {
      if (stop) {
        clearInterval(timer);
        const recording = await stop();
        stop = null;
        clockFace.textContent = "";
        button.textContent = "Record";
        send([recording]);
        return;
      }
      stop = await record();
      const since = Date.now();
      timer = setInterval(() => (clockFace.textContent = `● ${clock((Date.now() - since) / 1000)}`), 250);
      button.textContent = "Stop and send";
    }),
  );
  return h("span", { class: "row" }, button, clockFace);
}
