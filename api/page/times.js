/** Times and sizes as people read them. */

/** 75.4 → "1:15", 3725 → "1:02:05". */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 75.4 → "75 s", 900 → "15 min", 9000 → "2.5 h". */
export function span(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** 0.0532 → "0.05 s", 7.66 → "7.7 s", 75.4 → "75 s". */
export const precise = (seconds) => (seconds < 1 ? `${seconds.toFixed(2)} s` : seconds < 10 ? `${seconds.toFixed(1)} s` : span(seconds));

/** 7.66 → "7.7 s of audio a second". */
export const audioRate = (rate) => (rate < 0.05 ? "–" : `${rate.toFixed(1)} s of audio a second`);

/** 0.5 → "50 %". */
export const percent = (share) => `${Math.round(share * 100)} %`;

/** When it was, in the reader's own time zone. */
export const moment = (text) => new Date(text).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
