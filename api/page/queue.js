/** The queue, live: every job, its steps, how far it is and when it will be done. */

import { ask, listen } from "/page/api.js";
import { acting, h, tell, toast, write } from "/page/dom.js";
import { stepBars } from "/page/steps.js";
import { audioRate, moment, percent, span } from "/page/times.js";
import { dropZone } from "/page/uploads.js";

const STATES = ["queued", "running", "completed", "failed", "canceled", "expired"];
export const isFinal = (job) => job.status !== "queued" && job.status !== "running";
const AT_REST_MS = 30000;
const AT_WORK_MS = 1000;

/** Show the queue until `signal` ends it; returns the title. */
export async function showQueue(view, signal) {
  const list = new JobList(signal);
  view.append(dropZone(() => list.refresh()), list.element);
  listen("/v1/events", () => list.refresh(), signal);
  await list.refresh();
  return "Queue";
}

class JobList {
  constructor(signal) {
    this.signal = signal;
    this.rows = new Map();
    this.cursors = [null];
    this.states = new Map();
    this.isBusy = false;
    this.figures = h("dl", { class: "figures" });
    this.list = h("ul", { class: "jobs", "aria-label": "Jobs" });
    this.filter = h("select", { id: "state" }, h("option", { value: "" }, "All"), ...STATES.map((each) => h("option", {}, each)));
    this.filter.addEventListener("change", () => this.turn([null]));
    this.empty = h("p", { class: "empty", hidden: true });
    this.newer = h("button", { type: "button", onclick: () => this.turn(this.cursors.slice(0, -1)) }, "Newer");
    this.older = h("button", { type: "button", onclick: () => this.turn([...this.cursors, this.next]) }, "Older");
    this.element = h(
      "section",
      { class: "card", "aria-label": "Jobs" },
      h("div", { class: "row" }, h("h1", {}, "Queue"), h("span", { class: "spring" }), h("label", { class: "small" }, "Show ", this.filter)),
      this.figures,
      this.list,
      this.empty,
      h("div", { class: "row" }, this.newer, this.older),
    );
  }

  turn(cursors) {
    this.cursors = cursors;
    this.refresh();
  }

  /** Ask again soon; many wishes at once become one question, and those that come while it is asked one more. */
  refresh() {
    if (this.asked) {
      this.isStale = true;
      return this.asked;
    }
    this.asked = this.look().finally(() => {
      this.asked = null;
      if (!this.isStale) return;
      this.isStale = false;
      this.refresh();
    });
    return this.asked;
  }

  async look() {
    clearTimeout(this.timer);
    const query = new URLSearchParams({ limit: 50 });
    if (this.filter.value) query.set("status", this.filter.value);
    if (this.cursors.at(-1)) query.set("cursor", this.cursors.at(-1));
    try {
      const [page, load] = await Promise.all([`/v1/jobs?${query}`, "/v1/queue"].map((path) => ask("GET", path, { signal: this.signal })));
      this.show(page);
      this.tellLoad(load);
    } catch (error) {
      if (this.signal.aborted) return;
      if (error.status !== 401) toast(error.message);
    }
    if (!this.signal.aborted) this.timer = setTimeout(() => this.refresh(), this.isBusy ? AT_WORK_MS : AT_REST_MS);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  show(page) {
    this.next = page.next_cursor;
    this.newer.disabled = this.cursors.length < 2;
    this.older.disabled = !this.next;
    this.newer.parentElement.hidden = this.newer.disabled && this.older.disabled;
    const ids = new Set(page.jobs.map((job) => job.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) this.forget(id, row);
    page.jobs.forEach((job, index) => this.place(job, index));
    this.empty.hidden = page.jobs.length > 0;
    write(this.empty, this.filter.value ? `No job is ${this.filter.value}.` : "No recordings yet. Drop one above, and its transcript appears here.");
  }

  forget(id, row) {
    row.element.remove();
    this.rows.delete(id);
  }

  place(job, index) {
    const row = this.rows.get(job.id) ?? new JobRow(job, () => this.refresh());
    this.rows.set(job.id, row);
    row.show(job);
    if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null);
    const before = this.states.get(job.id);
    if (before && before !== job.status && isFinal(job)) tell(`${job.file_name}: ${job.status}`);
    this.states.set(job.id, job.status);
  }

  /** Of all jobs, whatever the list shows. While audio was done of late the rate still falls, so it is asked for again. */
  tellLoad(load) {
    this.isBusy = load.queued + load.running + load.audio_s_per_s > 0;
    const figures = [
      ["waiting", load.queued, "Jobs that nobody works on yet"],
      ["running", load.running, "Jobs that are worked on"],
      ["throughput", audioRate(load.audio_s_per_s), "Seconds of audio transcribed in each second of the last minute"],
    ];
    this.figures.replaceChildren(...figures.map(([name, value, title]) => h("div", { title }, h("dt", {}, name), h("dd", {}, String(value)))));
  }
}

class JobRow {
  constructor(job, changed) {
    this.changed = changed;
    this.chip = h("span", {});
    this.detail = h("span", { class: "faint small" });
    this.steps = stepBars(job);
    this.why = h("div", { class: "why small", hidden: true });
    this.actions = h("div", { class: "actions" });
    this.element = h(
      "li",
      { class: "job", "data-job": job.id },
      h("div", { class: "row" }, h("span", { class: "name" }, h("a", { href: `#/jobs/${job.id}` }, job.file_name)), this.chip, this.detail),
      this.actions,
      this.steps.element,
      this.why,
    );
  }

  show(job) {
    if (job.status !== this.job?.status) this.actions.replaceChildren(...jobActions(job, this.changed));
    this.job = job;
    this.chip.className = `chip ${job.status}`;
    write(this.chip, job.status);
    write(this.detail, describe(job));
    this.steps.element.hidden = job.status === "completed";
    this.steps.show(job);
    this.why.hidden = !job.error;
    write(this.why, job.error ? `${job.error.code}: ${job.error.message}` : "");
  }
}

/** How long it is, and when it was made or how far it is. */
export function describe(job) {
  const parts = [job.duration_s ? span(job.duration_s) : null, isFinal(job) ? moment(job.created_at) : percent(job.progress)];
  if (job.queue_position) parts.push(`no. ${job.queue_position} in the queue`);
  if (!isFinal(job) && job.eta_s !== null) parts.push(`done in about ${span(job.eta_s)}`);
  return parts.filter(Boolean).join(" · ");
}

/** Buttons of what can be done with a job now. */
export function jobActions(job, changed) {
  const button = (name, act, kind = "quiet") =>
    h("button", { type: "button", class: kind, "aria-label": `${name} ${job.file_name}`, onclick: acting(act) }, name);
  const post = (verb) => async () => {
    await ask("POST", `/v1/jobs/${job.id}/${verb}`);
    changed();
  };
  const remove = async () => {
    if (!window.confirm(`Delete ${job.file_name}, its audio and its transcript?`)) return;
    await ask("DELETE", `/v1/jobs/${job.id}`);
    changed(true);
  };
  return isFinal(job)
    ? [
        job.status === "completed" ? null : button("Retry", post("retry")),
        button("Delete", remove, "quiet danger"),
      ].filter(Boolean)
    : [button("Cancel", post("cancel"))];
}
