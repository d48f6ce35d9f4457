/** Figures of a call as small charts, and what preflight found. */

import { h, svg } from "/page/dom.js";
import { clock, percent, span } from "/page/times.js";

const TIMELINE = { width: 260, lane: 14 };

/** The card with the statistics of a call, or nothing where the document has none. */
export function statistics(document) {
  const found = document.call_statistics;
  if (!found) return null;
  const voices = new Map(document.channels.map((channel) => [channel.role ?? `channel_${channel.index}`, channel.index]));
  const shares = [...Object.entries(found.talk_time.details_by_participant)].map(([name, time]) => [name, time.share, percent(time.share)]);
  const silence = found.non_talk_time.total_time_millis / Math.max(1, found.total_conversation_duration_millis);
  const speeds = Object.entries(found.talk_speed.details_by_participant).map(([name, speed]) => [
    name,
    speed.average_words_per_minute / 250,
    `${speed.average_words_per_minute} wpm`,
  ]);
  return h(
    "section",
    { class: "card", "aria-label": "Call statistics" },
    h("h2", {}, "Call statistics"),
    timeline(document, voices),
    bars("Talk time", [...shares, ["silence", silence, percent(silence)]], voices),
    bars("Speed", speeds, voices),
    h("dl", { class: "figures" }, ...figures(found)),
  );
}

function figures(found) {
  const longest = Object.values(found.turns?.details_by_participant ?? {}).map((turns) => turns.longest_monologue.duration_millis);
  return [
    ["turns", found.turns?.total_count],
    ["longest monologue", longest.length ? span(Math.max(...longest) / 1000) : undefined],
    ["interruptions", found.interruptions?.total_count],
    ["overlaps", found.overlaps ? span(found.overlaps.total_time_millis / 1000) : undefined],
  ]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))));
}

function bars(title, rows, voices) {
  const cells = rows.flatMap(([name, share, value]) => [
    h("span", { class: voices.has(name) ? `voice-${voices.get(name) % 4}` : "faint" }, name),
    h("meter", { class: voices.has(name) ? `voice-${voices.get(name) % 4}` : "faint", min: 0, max: 1, value: Math.min(1, share), "aria-label": `${title}: ${name}, ${value}` }),
    h("span", { class: "value" }, value),
  ]);
  return h("div", {}, h("h3", { class: "small" }, title), h("div", { class: "bars" }, ...cells));
}

/** Who talks when: a lane for each channel. */
function timeline(document, voices) {
  const { width, lane } = TIMELINE;
  const x = (time) => (time / Math.max(document.duration_s, 0.001)) * width;
  const talk = document.segments.map((segment) =>
    svg("rect", {
      x: x(segment.start_s),
      y: lane * document.channels.findIndex((channel) => channel.index === segment.channel) + 2,
      width: Math.max(0.5, x(segment.end_s) - x(segment.start_s)),
      height: lane - 4,
      class: `voice-${segment.channel % 4}`,
      fill: "currentColor",
    }),
  );
  const height = lane * voices.size;
  return h(
    "figure",
    { class: "timeline" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": `Who talks when, from 0:00 to ${clock(document.duration_s)}` }, ...talk),
  );
}

/** The card with what is wrong with the recording, or nothing. */
export function findings(document) {
  const found = document.preflight?.findings ?? [];
  if (!found.length) return null;
  const where = (finding) => (finding.channel === null ? "" : ` (channel ${finding.channel})`);
  return h(
    "section",
    { class: "card", "aria-label": "Recording" },
    h("h2", {}, "About the recording"),
    h("ul", { class: "findings" }, ...found.map((finding) => h("li", {}, `${finding.advice}${where(finding)} `, h("span", { class: "faint small" }, finding.code)))),
  );
}
