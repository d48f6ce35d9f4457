/** What people changed in a transcript: an overlay on the server beside what the machine wrote, with a number for each change. */

import { ask } from "/page/api.js";
import { h, toast, write } from "/page/dom.js";

const keyOf = (segment, position) => `${segment}.${position}`;

export class Corrections {
  /** The corrections of a job. */
  static async of(jobId, signal) {
    try {
      return new Corrections(jobId, await ask("GET", `/v1/jobs/${jobId}/corrections`, { signal }));
    } catch (error) {
      // A key that sees redacted transcripts only can't correct them either.
      if (error.status === 403) return new Corrections(jobId, { revision: 0, words: [] });
      throw error;
    }
  }

  /** For a view whose words are not those that people correct, and why. */
  static none(jobId, why) {
    const none = new Corrections(jobId, { revision: 0, words: [] });
    none.areShut = true;
    write(none.note, `${why} `);
    return none;
  }

  constructor(jobId, answer) {
    this.path = `/v1/jobs/${jobId}/corrections`;
    this.note = h("p", { class: "small faint" });
    this.take(answer);
  }

  take(answer) {
    this.revision = answer.revision;
    this.words = new Map(answer.words.map((word) => [keyOf(word.segment, word.position), word.text]));
    const changed = this.count ? `${this.count} ${this.count === 1 ? "word" : "words"} corrected; the machine's word error rate here is ${(answer.word_error_rate * 100).toFixed(1)} %. ` : "";
    write(this.note, `${changed}Click a word to hear it; double-click it, or press E, to correct it. Space plays and pauses.`);
  }

  get count() {
    return this.words.size;
  }

  /** What stands in place of a word; undefined where nothing was changed, empty where it was struck out. */
  text(segment, position) {
    return this.words.get(keyOf(segment, position));
  }

  /** Keep a correction; the text that was heard takes it back. */
  async put(segment, position, text, heard) {
    if (text === (this.text(segment, position) ?? heard)) return;
    const words = [{ segment, position, text: text === heard ? null : text }];
    try {
      this.take(await ask("PUT", this.path, { body: { base_revision: this.revision, words } }));
    } catch (error) {
      toast(error.status === 409 ? "Somebody else corrected this transcript meanwhile: it was loaded again." : error.message);
      if (error.status === 409) this.take(await ask("GET", this.path));
    }
  }
}
