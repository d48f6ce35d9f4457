/** A job: how far it is, and its transcript as soon as there is one. */

import { ask, call, download, listen } from "/page/api.js";
import { acting, h, toast } from "/page/dom.js";
import { Corrections } from "/page/corrections.js";
import { Player } from "/page/player.js";
import { describe, isFinal, jobActions } from "/page/queue.js";
import { searchBar } from "/page/search.js";
import { findings, statistics } from "/page/statistics.js";
import { stepBars, stepsCard } from "/page/steps.js";
import { percent } from "/page/times.js";
import { Words } from "/page/words.js";

const FORMATS = { text: "txt", json: "json", srt: "srt", vtt: "vtt", csv: "csv", ctm: "ctm", rttm: "rttm", markdown: "md", textgrid: "TextGrid" };

/** Show a job until `signal` ends it; returns the title. */
export async function showJob(view, id, signal) {
  let job;
  try {
    job = await ask("GET", `/v1/jobs/${id}`, { signal });
  } catch (error) {
    view.append(h("p", { class: "empty" }, error.message));
    return "Not found";
  }
  const state = h("p", { class: "faint" });
  const steps = stepBars(job);
  const actions = h("div", { class: "row" });
  const body = h("div", {});
  const again = (gone) => (gone ? (location.hash = "#/") : window.dispatchEvent(new HashChangeEvent("hashchange")));
  view.append(
    h("section", { class: "card", "aria-label": "Job" }, h("div", { class: "row" }, h("h1", {}, job.file_name), h("span", { class: "spring" }), actions), state, steps.element),
    body,
  );
  const showState = () => {
    state.textContent = summary(job);
    steps.element.hidden = job.status === "completed";
    steps.show(job);
    actions.replaceChildren(...jobActions(job, again));
  };
  showState();
  if (!isFinal(job)) follow(job, signal, again, (now) => ((job = now), showState()));
  if (job.status === "completed") await showTranscript(body, job, signal);
  else if (isFinal(job)) body.append(...[stepsCard(job)].filter(Boolean));
  return job.file_name;
}

function summary(job) {
  const parts = [job.status, describe(job)];
  if (job.error) parts.push(`${job.error.code}: ${job.error.message}`);
  return [...parts, ...job.tags].filter(Boolean).join(" · ");
}

function follow(job, signal, again, show) {
  const look = async () => {
    const now = await ask("GET", `/v1/jobs/${job.id}`, { signal });
    if (isFinal(now)) again();
    else show(now);
  };
  listen(`/v1/jobs/${job.id}/events`, () => look().catch((error) => signal.aborted || toast(error.message)), signal);
}

/** Show a version of the transcript, as its job wants it shown or, with `whole`, with all that it leaves out. */
async function showTranscript(body, job, signal, { version = job.version, whole = false } = {}) {
  const wanted = `version=${version}${whole ? "&redacted=false" : ""}`;
  const document = await ask("GET", `/v1/jobs/${job.id}/transcript?format=json&${wanted}`, { signal });
  const corrections = await correctionsOf(job, version, document, signal);
  const player = new Player(job, document, signal);
  const show = (other) => showTranscript(body, job, signal, other).then(() => player.audio.pause());
  if (document.redacted) corrections.note.append(h("button", { type: "button", onclick: acting(() => show({ version, whole: true })) }, "Show all"));
  const words = new Words(document, corrections, player);
  player.onTime = (time) => words.light(time);
  player.bar.append(searchBar(words));
  const side = h("aside", {}, statistics(document), findings(document), redecodeCard(job), stepsCard(job));
  const transcript = h("section", { class: "card", "aria-label": "Transcript" }, tools(job, version, corrections, { wanted, show }), doubtful(words), corrections.note, words.element);
  if (!document.segments.length) transcript.append(h("p", { class: "empty" }, "No speech was found in this recording."));
  body.replaceChildren(player.element, h("div", { class: "columns" }, transcript, side));
  keyboard(player, signal);
}

async function correctionsOf(job, version, document, signal) {
  if (document.redacted) return Corrections.none(job.id, "Sensitive words are left out.");
  if (version < job.version) return Corrections.none(job.id, "An earlier version: the newest is the one to correct.");
  return Corrections.of(job.id, signal);
}

function tools(job, version, corrections, { wanted, show }) {
  const format = h("select", { "aria-label": "Format" }, ...Object.keys(FORMATS).map((each) => h("option", {}, each)));
  const path = (kind) => `/v1/jobs/${job.id}/transcript?format=${kind}&${wanted}${corrections.count ? "&corrected=true" : ""}`;
  const stem = job.file_name.replace(/\.[^.]*$/, "");
  const save = acting(() => download(path(format.value), `${stem}.${FORMATS[format.value]}`));
  const copy = acting(async () => {
    const answer = await call("GET", path("text"));
    await navigator.clipboard.writeText(await answer.text());
    toast("Copied", "good");
  });
  return h(
    "div",
    { class: "row" },
    h("h2", {}, "Transcript"),
    job.version > 1 ? versions(job, version, show) : null,
    h("span", { class: "spring" }),
    format,
    h("button", { type: "button", onclick: save }, "Download"),
    h("button", { type: "button", onclick: copy }, "Copy"),
  );
}

function versions(job, version, show) {
  const numbers = Array.from({ length: job.version }, (_, index) => index + 1);
  const select = h("select", { "aria-label": "Version" }, ...numbers.map((each) => h("option", { value: each, selected: each === version }, `version ${each}`)));
  select.addEventListener("change", () => show({ version: Number(select.value) }).catch((error) => toast(error.message)));
  return select;
}

function doubtful(words) {
  const value = h("output", {}, percent(words.threshold));
  const slider = h("input", { id: "threshold", type: "range", min: 0, max: 1, step: 0.05, value: words.threshold });
  slider.addEventListener("input", () => {
    value.textContent = percent(Number(slider.value));
    words.doubt(Number(slider.value));
  });
  return h("p", { class: "row small" }, h("label", { for: "threshold" }, "Mark words of less confidence than"), slider, value);
}

function redecodeCard(job) {
  const input = h("input", { id: "redecode", placeholder: "names, products" });
  const act = acting(async () => {
    const hotwords = input.value.split(",").map((each) => each.trim()).filter(Boolean);
    await ask("POST", `/v1/jobs/${job.id}/redecode`, { body: { hotwords } });
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  });
  return h(
    "section",
    { class: "card", "aria-label": "Decode again" },
    h("h2", {}, "Decode again"),
    h("p", { class: "small faint" }, "Search what the model heard again, with words that are likely in this call. The transcript before is kept."),
    h("label", { class: "small" }, "Hotwords ", input),
    h("p", {}, h("button", { type: "button", onclick: act }, "Decode again")),
  );
}

/** Space plays and pauses, unless something else has the key. */
function keyboard(player, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      const busy = event.target.closest("input, select, textarea, button, a, dialog, [role=slider]");
      if (event.key !== " " || busy) return;
      event.preventDefault();
      player.toggle();
    },
    { signal },
  );
}
