/** Search in the transcript: all places marked, next and previous with Enter. */

import { h, write } from "/page/dom.js";

const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");

/** The field, its buttons and its count. */
export function searchBar(words) {
  let matches = [];
  let here = -1;
  const count = h("output", { class: "small faint", "aria-live": "polite" });
  const input = h("input", { id: "search", type: "search", placeholder: "Search", "aria-label": "Search in the transcript" });
  const go = (by) => {
    if (!matches.length) return;
    here = (here + by + matches.length) % matches.length;
    words.show(matches[here][0], matches[here][1], { seek: true });
    write(count, `${here + 1} of ${matches.length}`);
  };
  input.addEventListener("input", () => {
    matches = find(words, input.value);
    here = -1;
    words.mark(matches);
    write(count, input.value.trim() ? `${matches.length} found` : "");
    if (matches.length) words.show(matches[0][0], matches[0][1]);
  });
  input.addEventListener("keydown", (event) => event.key === "Enter" && go(event.shiftKey ? -1 : 1));
  return h(
    "div",
    { class: "row search", role: "search" },
    input,
    h("button", { type: "button", "aria-label": "Previous place", onclick: () => go(-1) }, "↑"),
    h("button", { type: "button", "aria-label": "Next place", onclick: () => go(1) }, "↓"),
    count,
  );
}

function find(words, wanted) {
  const needle = plain(wanted.trim());
  if (!needle) return [];
  return words.segments.flatMap((segment, index) => {
    const texts = segment.words.map((word, position) => plain(words.corrections.text(index, position) ?? word.text));
    return places(texts, needle).map(([first, end]) => [index, first, end]);
  });
}

/** Which words a text lies in, wherever it is found in them joined. */
function places(texts, needle) {
  const ends = [];
  texts.reduce((at, text) => (ends.push(at + text.length), at + text.length + 1), 0);
  const joined = texts.join(" ");
  const found = [];
  for (let at = joined.indexOf(needle); at >= 0; at = joined.indexOf(needle, at + needle.length)) {
    const first = ends.findIndex((end) => end > at);
    const last = ends.findIndex((end) => end >= at + needle.length);
    if (first >= 0) found.push([first, last + 1]);
  }
  return found;
}
