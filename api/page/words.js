/** The transcript: segments whose words become elements when they come near the screen, so that hours of talk stay smooth. */

import { h, tell } from "/page/dom.js";
import { clock, percent } from "/page/times.js";

const NEAR = "800px";
// Laid out and watched together: with each segment by itself, thousands make every frame of scrolling wait.
const TOGETHER = 20;

export class Words {
  constructor(transcript, corrections, player) {
    this.segments = transcript.segments;
    this.corrections = corrections;
    this.player = player;
    this.threshold = 0.5;
    this.found = new Map();
    this.lit = new Map();
    this.rows = [];
    this.element = h("div", { class: "segments", role: "list" });
    this.channels = byChannel(this.segments);
    this.watcher = new IntersectionObserver((seen) => seen.forEach((each) => each.isIntersecting && this.reach(each.target)), { rootMargin: NEAR });
    for (let first = 0; first < this.segments.length; first += TOGETHER) this.element.append(this.stretch(first));
    this.element.addEventListener("click", (event) => this.clicked(event));
    this.element.addEventListener("dblclick", (event) => event.target.dataset.word && this.edit(...this.placeOf(event.target)));
    this.element.addEventListener("keydown", (event) => this.pressed(event));
  }

  /** Some segments, from `first` on. */
  stretch(first) {
    const rows = this.segments.slice(first, first + TOGETHER).map((segment, place) => this.row(segment, first + place));
    const element = h("div", { class: "stretch", role: "presentation" }, ...rows);
    this.watcher.observe(element);
    return element;
  }

  /** A stretch comes near the screen. */
  reach(stretch) {
    this.watcher.unobserve(stretch);
    for (const row of stretch.children) this.open(Number(row.dataset.segment));
  }

  row(segment, index) {
    const name = segment.role ?? `Channel ${segment.channel}`;
    const text = h("p", {}, segment.words.map((word, position) => this.corrections.text(index, position) ?? word.text).join(" "));
    const row = h(
      "div",
      { class: "segment", role: "listitem", tabindex: index ? -1 : 0, "data-segment": index, "aria-label": `${name} at ${clock(segment.start_s)}` },
      h("span", { class: "at" }, clock(segment.start_s)),
      h("span", { class: `who voice-${segment.channel % 4}` }, name),
      text,
    );
    this.rows.push({ row, text, words: null, cursor: 0 });
    return row;
  }

  /** Make elements of the words of a segment. */
  open(index) {
    const kept = this.rows[index];
    if (kept.words) return kept;
    kept.words = this.segments[index].words.map((word, position) => h("span", { class: "word", "data-word": String(position) }));
    kept.text.replaceChildren(...kept.words.flatMap((word, position) => (position ? [" ", word] : [word])));
    kept.words.forEach((_, position) => this.dress(index, position));
    return kept;
  }

  /** Give a word its text and its marks. */
  dress(index, position) {
    const element = this.rows[index].words?.[position];
    if (!element) return;
    const word = this.segments[index].words[position];
    const corrected = this.corrections.text(index, position);
    element.textContent = corrected === "" ? word.text : (corrected ?? word.text);
    element.classList.toggle("corrected", Boolean(corrected));
    element.classList.toggle("gone", corrected === "");
    element.classList.toggle("low", corrected === undefined && word.confidence < this.threshold);
    element.classList.toggle("found", this.found.get(index)?.has(position) ?? false);
    element.title = corrected === undefined ? `${percent(word.confidence)} sure` : `heard: ${word.text}`;
  }

  redress() {
    this.rows.forEach((kept, index) => kept.words?.forEach((_, position) => this.dress(index, position)));
  }

  /** Mark words of less confidence than this. */
  doubt(threshold) {
    this.threshold = threshold;
    this.redress();
  }

  /** Mark what a search found: [segment, first word, one past the last]. */
  mark(matches) {
    this.found = new Map();
    for (const [index, first, end] of matches) {
      const words = this.found.get(index) ?? new Set();
      for (let position = first; position < end; position += 1) words.add(position);
      this.found.set(index, words);
    }
    this.redress();
  }

  /** Bring a word into view and, if wanted, to the ear. */
  show(index, position, { seek = false } = {}) {
    const kept = this.open(index);
    kept.row.scrollIntoView({ block: "center" });
    this.element.querySelector(".here")?.classList.remove("here");
    kept.words[position].classList.add("here");
    if (seek) this.player.seek(this.segments[index].words[position].start_s);
  }

  /** Light the word that is spoken on each channel. */
  light(time) {
    for (const [channel, words] of this.channels) {
      const at = lastStarted(words, time);
      const now = at >= 0 && time < words[at].end + 0.25 ? words[at] : null;
      const before = this.lit.get(channel);
      if (now === before) continue;
      if (before) this.rows[before.segment].words?.[before.position].classList.remove("lit");
      if (now) this.open(now.segment).words[now.position].classList.add("lit");
      if (now && before?.segment !== now.segment && !this.player.audio.paused) this.follow(this.rows[now.segment].row);
      this.lit.set(channel, now);
    }
  }

  follow(row) {
    const box = row.getBoundingClientRect();
    if (box.top < 200 || box.bottom > innerHeight) row.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  placeOf(element) {
    return [Number(element.closest(".segment").dataset.segment), Number(element.dataset.word)];
  }

  clicked(event) {
    if (!event.target.dataset.word) return;
    // Who marks text with the mouse wants to copy it.
    if (!getSelection().isCollapsed) return;
    const [index, position] = this.placeOf(event.target);
    this.player.playFrom(this.segments[index].words[position].start_s);
    this.move(index, position);
  }

  pressed(event) {
    const row = event.target.closest(".segment");
    if (!row || event.target !== row) return;
    const index = Number(row.dataset.segment);
    const cursor = this.rows[index].cursor;
    const acts = {
      ArrowDown: () => this.move(index + 1, 0),
      ArrowUp: () => this.move(index - 1, 0),
      ArrowRight: () => this.move(index, cursor + 1),
      ArrowLeft: () => this.move(index, cursor - 1),
      Enter: () => this.player.playFrom(this.segments[index].words[cursor].start_s),
      F2: () => this.edit(index, cursor),
      e: () => this.edit(index, cursor),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** Move the cursor of the keyboard. */
  move(index, position) {
    const segment = this.segments[index];
    if (!segment?.words.length) return;
    const kept = this.open(index);
    kept.cursor = Math.min(Math.max(position, 0), segment.words.length - 1);
    this.element.querySelector(".cursor")?.classList.remove("cursor");
    this.element.querySelector(".segment[tabindex='0']")?.setAttribute("tabindex", -1);
    kept.words[kept.cursor].classList.add("cursor");
    kept.row.setAttribute("tabindex", 0);
    kept.row.focus({ preventScroll: true });
    kept.row.scrollIntoView({ block: "nearest" });
    const word = segment.words[kept.cursor];
    tell(`${kept.words[kept.cursor].textContent}, ${percent(word.confidence)} sure`);
  }

  /** Correct a word in place: Enter keeps it, Escape leaves it, nothing strikes it out. */
  edit(index, position) {
    if (this.corrections.areShut) return;
    this.player.audio.pause();
    const kept = this.open(index);
    const element = kept.words[position];
    const heard = this.segments[index].words[position].text;
    const input = h("input", { class: "edit", "aria-label": `Instead of ${heard}`, value: element.textContent });
    let isOver = false;
    const end = async (keep) => {
      if (isOver) return;
      isOver = true;
      input.replaceWith(element);
      kept.row.focus({ preventScroll: true });
      if (keep) await this.corrections.put(index, position, input.value.trim(), heard);
      // All of them: somebody else may have corrected more meanwhile.
      this.redress();
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
    });
    input.addEventListener("blur", () => end(false));
    element.replaceWith(input);
    input.focus();
    input.select();
  }
}

/** The words of each channel in the order of their time. */
function byChannel(segments) {
  const channels = new Map();
  segments.forEach((segment, index) => {
    const words = channels.get(segment.channel) ?? [];
    words.push(...segment.words.map((word, position) => ({ start: word.start_s, end: word.end_s, segment: index, position })));
    channels.set(segment.channel, words);
  });
  for (const words of channels.values()) words.sort((a, b) => a.start - b.start);
  return channels;
}

/** Index of the last word that has begun by `time`, or -1: a binary search. */
function lastStarted(words, time) {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
