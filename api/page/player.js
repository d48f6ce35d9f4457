/** The recording: a waveform for each channel, and the sound. */

import { ask, call, getKey } from "/page/api.js";
import { acting, h, toast, write } from "/page/dom.js";
import { clock } from "/page/times.js";

const STEP_S = 5;
const RATES = [0.75, 1, 1.25, 1.5, 2];

export class Player {
  constructor(job, transcript, signal) {
    this.onTime = () => {};
    this.duration = transcript.duration_s;
    this.redacted = Boolean(transcript.redacted);
    this.audio = h("audio", { preload: "metadata" });
    this.play = h("button", { type: "button", class: "main", "aria-label": "Play", onclick: () => this.toggle() }, "▶");
    this.clock = h("span", { class: "clock" });
    this.note = h("span", { class: "faint small", role: "status" }, "Loading the sound …");
    this.rate = h("select", { "aria-label": "Speed" }, ...RATES.map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate}×`)));
    this.rate.addEventListener("change", () => (this.audio.playbackRate = Number(this.rate.value)));
    // What is added here stays in sight while the transcript is scrolled.
    this.bar = h("div", { class: "row" }, this.play, this.clock, this.rate, this.note, h("span", { class: "spring" }));
    this.lanes = transcript.channels.map((channel) => new Lane(channel, transcript));
    this.seeker = h(
      "div",
      { role: "slider", tabindex: 0, "aria-label": "Position in the recording", "aria-valuemin": 0, "aria-valuemax": Math.ceil(this.duration) },
      ...this.lanes.map((lane) => lane.element),
    );
    this.element = h(
      "section",
      { class: "player card", "aria-label": "Recording" },
      this.seeker,
      this.bar,
      this.audio,
    );
    this.listenTo(signal);
    this.load(job, signal)
      .catch((error) => signal.aborted || toast(`No sound: ${error.message}`))
      .finally(() => this.note.remove());
    this.show();
  }

  async load(job, signal) {
    const path = `/v1/jobs/${job.id}/${this.redacted ? "audio/redacted" : "playback"}`;
    // An audio element can send no key, so with one the file is fetched first; without one it is played as it comes.
    this.audio.src = getKey() ? URL.createObjectURL(await (await call("GET", path, { signal })).blob()) : path;
    const { channels } = await ask("GET", `/v1/jobs/${job.id}/waveform`, { signal });
    this.lanes.forEach((lane, index) => lane.hear(channels[index]));
    this.show();
  }

  listenTo(signal) {
    const icon = () => {
      this.play.textContent = this.audio.paused ? "▶" : "❚❚";
      this.play.setAttribute("aria-label", this.audio.paused ? "Play" : "Pause");
      if (!this.audio.paused) requestAnimationFrame(() => this.tick());
    };
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, icon);
    this.audio.addEventListener("seeked", () => this.show());
    this.audio.addEventListener("error", () => this.audio.src && toast("The browser can't play this recording."));
    this.seeker.addEventListener("pointerdown", (event) => this.seek(this.timeAt(event)));
    this.seeker.addEventListener("keydown", (event) => {
      const by = { ArrowRight: STEP_S, ArrowUp: STEP_S, ArrowLeft: -STEP_S, ArrowDown: -STEP_S, Home: -Infinity, End: Infinity }[event.key];
      if (by === undefined && event.key !== " ") return;
      event.preventDefault();
      if (event.key === " ") this.toggle();
      else this.seek(this.audio.currentTime + by);
    });
    new ResizeObserver(() => this.show()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show(), { signal });
    signal.addEventListener("abort", () => {
      this.audio.pause();
      URL.revokeObjectURL(this.audio.src);
    });
  }

  timeAt(event) {
    const box = this.lanes[0].canvas.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.duration;
  }

  toggle() {
    if (this.audio.paused) this.start();
    else this.audio.pause();
  }

  start() {
    // Who pauses before the sound is here has not asked for an error.
    this.audio.play().catch((error) => error.name === "AbortError" || toast(error.message));
  }

  /** Let a time, in seconds, be heard. */
  playFrom(time) {
    this.seek(time);
    this.start();
  }

  /** Go to a time, in seconds. */
  seek(time) {
    this.audio.currentTime = Math.min(Math.max(time, 0), this.duration);
    this.show();
  }

  tick() {
    this.show();
    if (!this.audio.paused) requestAnimationFrame(() => this.tick());
  }

  show() {
    const time = this.audio.currentTime;
    write(this.clock, `${clock(time)} / ${clock(this.duration)}`);
    this.seeker.setAttribute("aria-valuenow", Math.round(time));
    this.seeker.setAttribute("aria-valuetext", clock(time));
    for (const lane of this.lanes) lane.draw(time / this.duration);
    this.onTime(time);
  }
}

class Lane {
  constructor(channel, transcript) {
    this.peaks = [];
    this.spans = transcript.segments
      .filter((segment) => segment.channel === channel.index)
      .map((segment) => [segment.start_s / transcript.duration_s, segment.end_s / transcript.duration_s]);
    this.canvas = h("canvas", { class: `wave voice-${channel.index % 4}`, "aria-hidden": "true" });
    const name = channel.role ?? `Channel ${channel.index}`;
    this.element = h("div", { class: "lane" }, h("span", { class: `who voice-${channel.index % 4}`, title: name }, name), this.canvas);
  }

  /** Take the waveform: pairs of lowest and highest sample, -127 to 127, from start to end. */
  hear(peaks) {
    this.peaks = peaks ?? [];
    this.scale = 127 / Math.max(16, ...this.peaks.map(([low, high]) => Math.max(-low, high)));
  }

  draw(played) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const dense = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * dense)) {
      this.canvas.width = Math.round(width * dense);
      this.canvas.height = Math.round(height * dense);
    }
    const paint = this.canvas.getContext("2d");
    paint.setTransform(dense, 0, 0, dense, 0, 0);
    paint.clearRect(0, 0, width, height);
    paint.fillStyle = getComputedStyle(this.canvas).color;
    paint.globalAlpha = 0.13;
    for (const [start, end] of this.spans) paint.fillRect(start * width, 0, Math.max(1, (end - start) * width), height);
    for (let x = 0; x < width; x += 1) this.column(paint, x, { width, height, played });
    paint.globalAlpha = 1;
    paint.fillRect(played * width, 0, 2, height);
  }

  column(paint, x, { width, height, played }) {
    const from = Math.floor((x / width) * this.peaks.length);
    const [low, high] = this.peaks[from] ?? [0, 0];
    const middle = height / 2;
    const top = (high * this.scale * middle) / 127 || 0;
    const bottom = (low * this.scale * middle) / 127 || 0;
    paint.globalAlpha = x / width < played ? 1 : 0.55;
    paint.fillRect(x, middle - top, 1, Math.max(1, top - bottom));
  }
}
