"""Other readings of a window than the best: which of them read the same speech, and when their words were said."""

import math
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from pipeline.inference.timestamps import FRAMES_PER_STEP, Reading, frames_read, text_within
from pipeline.spec import AttentionVocabulary
from pipeline.values import Hypothesis

# Half a second, of feature frames: shorter than most words with the pause around them.
_SAME_END_FRAMES = 50


def alternatives(reading: Reading, best: Hypothesis, vocabulary: AttentionVocabulary) -> Iterator[Hypothesis]:
    """What the other sequences of `reading` say, timed as `best`; `best` itself for one that reads less or more."""
    for tokens, log_prob in zip(reading.sequences[1:], reading.log_probs[1:], strict=True):
        if reads_as_far(tokens, reading.sequences[0], vocabulary):
            text = text_within(tokens, frames_read(tokens, vocabulary), vocabulary)
            yield timed_as(best, Hypothesis(text, log_prob))
        else:
            yield best


def reads_as_far(tokens: Sequence[int], best: Sequence[int], vocabulary: AttentionVocabulary) -> bool:
    """Whether a reading of a window goes on from where the `best` one does, and closes its last sentence there as well.

    One that does not is no other reading of the same speech: joined with what is read from there, words would be
    missing or said twice.
    """
    stops = [frames_read(each, vocabulary) for each in (tokens, best)]
    closed = [_last_closed(each, vocabulary) for each in (tokens, best)]
    return (stops[0] is None) == (stops[1] is None) and abs(closed[0] - closed[1]) <= _SAME_END_FRAMES


def _last_closed(tokens: Sequence[int], vocabulary: AttentionVocabulary) -> int:
    """Feature frames up to the last timestamp of a reading; 0 without one."""
    first = vocabulary.no_timestamps + 1
    last = next((token for token in reversed(tokens) if token >= first), first)
    return (last - first) * FRAMES_PER_STEP


def timed_as(best: Hypothesis, other: Hypothesis) -> Hypothesis:
    """`other` with the times and probabilities that `best` has for the tokens of both.

    Tokens of its own share the time of those in their place, and are as probable as the mean of all. Aligning every
    reading would take longer than finding them did, for some letters of difference.
    """
    edges_s: list[float] = []
    probs: list[float] = []
    starts_s, ends_s = best.token_start_s, best.token_end_s
    matcher = SequenceMatcher(None, best.tokens, other.tokens, autojunk=False)
    for kind, first, last, own_first, own_last in matcher.get_opcodes():
        count = own_last - own_first
        if kind == "equal":
            edges_s += starts_s[first:last]
            probs += best.token_probs[first:last]
        elif count:
            start_s = starts_s[first] if first < len(starts_s) else ends_s[-1] if ends_s else 0.0
            end_s = ends_s[last - 1] if last > first else start_s
            edges_s += [start_s + (end_s - start_s) * place / count for place in range(count)]
            probs += [math.exp(other.log_prob)] * count
    end_s = ends_s[-1] if ends_s else 0.0
    return Hypothesis(other.tokens, other.log_prob, tuple(edges_s), (*edges_s[1:], end_s)[: len(edges_s)], tuple(probs))
