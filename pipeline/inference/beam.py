"""Beam search over the tokens of Whisper, timestamps among them, in several windows at once.

Hypotheses of one window differ in their text. Those that differ in timestamps alone fill most of a beam elsewhere, for
the times of a sentence are unsure by some steps of 20 ms; here only the likeliest of them goes on. So a beam of three
finds what one of five does.

The rules for timestamps are OpenAI's (`ApplyTimestampRules` in `whisper/decoding.py`): the first token is one of the
first second; they come in pairs, or one before the end; they do not go back; and one is next where all of them
together are likelier than any other token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.decoder import NEVER, Decoder, Scores, Steps
from pipeline.inference.networks import Array
from pipeline.inference.timestamps import Reading
from pipeline.spec import AttentionVocabulary

_LATEST_FIRST_TIMESTAMP = 50
_LONGEST_READING = 224
# What goes on when a hypothesis has ended is seldom better in the end: never on 4,000 words where it was behind so far.
_HOPELESSLY_BEHIND = 4.0

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Alive:
    """A hypothesis that goes on: its log-probability, its tokens, and the row of the last step that it continues."""

    log_prob: float
    tokens: Tokens
    parent: int


@dataclass(slots=True)
class _Beam:
    """The hypotheses of one window; of those that ended log-probabilities and tokens by their text."""

    alive: list[_Alive]
    ended: dict[Tokens, tuple[float, Tokens]] = field(default_factory=dict)
    no_speech_prob: float = 0.0

    def is_done(self, kept: int) -> bool:
        """Whether enough have ended, or what goes on is not worth it."""
        if not self.ended or not self.alive:
            return not self.alive
        best = max(log_prob for log_prob, _ in self.ended.values())
        return len(self.ended) >= kept or self.alive[0].log_prob < best - _HOPELESSLY_BEHIND


class BeamSearch:
    """A search with a decoder; several threads may use it at once."""

    def __init__(self, decoder: Decoder, vocabulary: AttentionVocabulary) -> None:
        self._decoder = decoder
        self._prompt = vocabulary.prompt
        self._end = vocabulary.end
        self._first_timestamp = vocabulary.no_timestamps + 1
        self._no_speech = vocabulary.no_speech - self._end

    def __call__(self, windows: Sequence[Array], beam_size: int, kept: int) -> list[Reading]:
        """At most so many readings of each window, best first; of each what the encoder made of it (1, n, width)."""
        steps = self._decoder.begin(windows)
        pending = beams = [_Beam([_Alive(0.0, (), row)]) for row in range(len(windows))]
        scores = self._prompted(steps, beams, 2 * beam_size)
        for length in range(1, _LONGEST_READING + 1):
            self._extend(pending, scores, beam_size)
            going = [index for index, beam in enumerate(pending) if not beam.is_done(kept)]
            if not going or length == _LONGEST_READING:
                break
            if len(going) < len(pending):
                steps.keep(going)
                pending = [pending[index] for index in going]
            rows = _rows(pending)
            scores = steps.step([each.tokens[-1] for each in rows], [each.parent for each in rows], 2 * beam_size)
        return [_reading(beam, kept) for beam in beams]

    def _prompted(self, steps: Steps, beams: Sequence[_Beam], candidates: int) -> Scores:
        """What follows the prompt."""
        rows = range(len(beams))
        found = [steps.step([token] * len(beams), rows, candidates) for token in self._prompt]
        # The first token of a prompt begins the transcript: there the model says whether anybody speaks.
        first = found[0]
        totals = np.logaddexp(first.text_total[:, 0], np.logaddexp.reduce(first.specials, axis=1))
        for beam, logits, total in zip(beams, first.specials, totals, strict=True):
            beam.no_speech_prob = float(np.exp(logits[self._no_speech] - total))
        return found[-1]

    def _extend(self, beams: Sequence[_Beam], scores: Scores, beam_size: int) -> None:
        """Let the best of what may follow take the place of what is alive; what ends among the best has ended."""
        rows = _rows(beams)
        log_probs, tokens = self._followers(scores, [each.tokens for each in rows], 2 * beam_size)
        log_probs += np.array([each.log_prob for each in rows])[:, None]
        width = len(rows) // len(beams)
        for beam, first in zip(beams, range(0, len(rows), width), strict=True):
            alive: dict[Tokens, _Alive] = {}
            ended = 0
            best = np.argsort(-log_probs[first : first + width], axis=None, kind="stable")
            for row, column in zip(*np.unravel_index(best, (width, log_probs.shape[1])), strict=True):
                log_prob, token = float(log_probs[first + row, column]), int(tokens[first + row, column])
                before = rows[first + row].tokens
                if len(alive) == beam_size or log_prob <= NEVER / 2:
                    break
                if token != self._end:
                    found = (*before, token)
                    alive.setdefault(self._text(found), _Alive(log_prob, found, first + int(row)))
                elif len(alive) + ended < beam_size:
                    ended += 1
                    text = self._text(before)
                    beam.ended[text] = max(beam.ended.get(text, (NEVER, ())), (log_prob, before))
            beam.alive = list(alive.values())

    def _text(self, tokens: Tokens) -> Tokens:
        """The tokens with any timestamp in place of each."""
        return tuple(min(each, self._first_timestamp) for each in tokens)

    def _followers(
        self, scores: Scores, sequences: Sequence[Tokens], candidates: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The likeliest tokens after each sequence that the rules allow, and their log-probabilities, one a column."""
        first = self._first_timestamp
        end, timestamps = scores.specials[:, 0], scores.specials[:, first - self._end :].copy()
        numbers = np.arange(timestamps.shape[1])
        if sequences[0]:
            latest = [max((token - first for token in each if token >= first), default=0) for each in sequences]
            timestamps[numbers < np.array(latest)[:, None]] = NEVER
        else:
            timestamps[:, _LATEST_FIRST_TIMESTAMP + 1 :] = NEVER
        likeliest = np.argpartition(-timestamps, min(candidates, len(numbers) - 1), axis=1)[:, :candidates]
        highest = timestamps.max(axis=1)
        timestamp_total = highest + np.log(np.exp(timestamps - highest[:, None]).sum(axis=1))

        may_be_text, may_end, may_be_timestamp = self._allowed(sequences)
        likeliest_other = np.where(may_be_text, np.maximum(scores.text[:, 0], end), end)
        is_timestamp = may_be_timestamp & ((timestamp_total > likeliest_other) | ~may_end)
        kinds = (
            (scores.text, scores.text_tokens, scores.text_total[:, 0], may_be_text & ~is_timestamp),
            (end[:, None], np.full((len(end), 1), self._end), end, ~is_timestamp),
            (np.take_along_axis(timestamps, likeliest, axis=1), likeliest + first, timestamp_total, may_be_timestamp),
        )
        total = np.logaddexp.reduce([np.where(is_allowed, of_all, NEVER) for _, _, of_all, is_allowed in kinds])
        log_probs = [np.where(is_allowed[:, None], logits, NEVER) for logits, _, _, is_allowed in kinds]
        tokens = np.concatenate([each for _, each, _, _ in kinds], axis=1)
        return np.concatenate(log_probs, axis=1).astype(np.float64) - total[:, None], tokens

    def _allowed(self, sequences: Sequence[Tokens]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """After which of the sequences text, the end, and a timestamp may come."""
        first = self._first_timestamp
        has_begun = np.array([bool(each) for each in sequences])
        # The first timestamp is as good as a pair.
        last, before = (np.array([len(each) < back or each[-back] >= first for each in sequences]) for back in (1, 2))
        return has_begun & (~last | before), has_begun, ~has_begun | ~last | ~before


def _rows(beams: Sequence[_Beam]) -> list[_Alive]:
    """The hypotheses of all beams, as many of each: where there are fewer, some that cannot win."""
    width = max(len(beam.alive) for beam in beams)
    return [
        each
        for beam in beams
        for each in (*beam.alive, *[replace(beam.alive[0], log_prob=NEVER)] * (width - len(beam.alive)))
    ]


def _reading(beam: _Beam, kept: int) -> Reading:
    """Those that ended, or those that go on where none came to an end in time, best first by their mean."""
    found = list(beam.ended.values()) or [(each.log_prob, each.tokens) for each in beam.alive]
    best = sorted(found, key=lambda each: each[0] / max(1, len(each[1])), reverse=True)[:kept]
    # OpenAI's mean, to which the thresholds belong, counts the end token too.
    log_probs = tuple(log_prob / (len(tokens) + 1) for log_prob, tokens in best)
    return Reading(tuple(tokens for _, tokens in best), log_probs, beam.no_speech_prob)
