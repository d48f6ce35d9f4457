/** The steps of a job: bars while it runs, and afterwards what each took. */

import { h } from "/page/dom.js";
import { percent, precise } from "/page/times.js";

/** A bar for each step; `show` takes the job as it is now. */
export function stepBars(job) {
  const bars = job.steps.map((step) => stepBar(step));
  const element = h("div", { class: "steps" }, ...bars.map((bar) => bar.element));
  const show = (now) => now.steps.forEach((step, index) => bars[index].show(step));
  show(job);
  return { element, show };
}

function stepBar(step) {
  const fill = h("b");
  const bar = h("i", { role: "progressbar", "aria-label": step.name, "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  const element = h("div", {}, bar, step.name);
  const show = (now) => {
    const share = now.status === "done" ? 1 : now.progress;
    element.className = `step ${now.status}`;
    fill.style.width = percent(share).replace(" ", "");
    bar.setAttribute("aria-valuenow", Math.round(share * 100));
    bar.setAttribute("aria-valuetext", now.status);
  };
  return { element, show };
}

/** The card that tells how long each step waited and ran, in which attempt and where. */
export function stepsCard(job) {
  const ran = job.steps.filter((step) => step.started_at);
  if (!ran.length) return null;
  const head = ["step", "waited", "ran", "attempt"].map((each) => h("th", { scope: "col" }, each));
  return h("section", { class: "card", "aria-label": "Steps" }, h("h2", {}, "Steps"), h("table", { class: "timeline" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...ran.map(row))));
}

function row(step) {
  const cells = [between(step.queued_at, step.started_at), between(step.started_at, step.ended_at), step.attempt];
  const why = step.error ? `${step.error.code}: ${step.error.message}` : step.status;
  return h("tr", { title: `${why} · ${step.worker ?? ""}` }, h("th", { scope: "row" }, step.name), ...cells.map((each) => h("td", {}, String(each))));
}

function between(start, end) {
  return start && end ? precise(Math.max(0, (Date.parse(end) - Date.parse(start)) / 1000)) : "–";
}
