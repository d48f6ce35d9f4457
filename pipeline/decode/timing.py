"""Word times that a speaker could have kept, from times that an attention model's alignment gave.

Alignment has no word for silence, so the word before a pause, or the first one after it, is stretched over it; and
where it steps over several words at once, all but one of them take no time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.values import Span, Word

# Generous at the slowest rates of speech. A digit may stand for a whole word, as in `7`.
_SHORTEST_LIMIT_S = 0.4
_LETTER_S = 0.12
_DIGIT_S = 0.5
# Of the fastest speakers.
_FAST_LETTER_S = 0.04


def limited(text: str, start_s: float, end_s: float, *, after_pause: bool) -> tuple[float, float]:
    """Start and end, no further apart than saying `text` takes; `after_pause`, the end stays, else the start."""
    limit_s = _SHORTEST_LIMIT_S + sum(_DIGIT_S if character.isdigit() else _LETTER_S for character in text)
    if end_s - start_s <= limit_s:
        return start_s, end_s
    return (end_s - limit_s, end_s) if after_pause else (start_s, start_s + limit_s)


def shared(words: Sequence[Word], span: Span) -> tuple[Word, ...]:
    """`words` of a segment that lasts for `span`, none of which is without length.

    Where the alignment stepped over words they share the time of the one after them, each by its letters; before a
    pause they take a little of that; and at the very end they share the time of the one before.
    """
    blocks: list[_Block] = []
    waiting: list[Word] = []
    for word in words:
        if word.end_s <= word.start_s:
            waiting.append(word)
            continue
        early = [each for each in waiting if each.start_s < word.start_s]
        if early:
            blocks.append(_hurried(early, word.start_s))
        blocks.append(_Block((*waiting[len(early) :], word), word.start_s, word.end_s))
        waiting = []
    if waiting:
        last = _hurried(waiting, span.end_s)
        if last.end_s <= last.start_s and not blocks:
            last = replace(last, start_s=max(span.start_s, last.end_s - _said_fast_s(waiting)))
        elif last.end_s <= last.start_s:
            before = blocks.pop()
            last = replace(before, words=(*before.words, *waiting))
        blocks.append(last)
    return tuple(word for block in blocks for word in block.divided())


@dataclass(frozen=True, slots=True)
class _Block:
    """Words that share a time."""

    words: tuple[Word, ...]
    start_s: float
    end_s: float

    def divided(self) -> Iterator[Word]:
        """Each with its part of the time, by its letters."""
        letters = sum(len(word.text) for word in self.words)
        start_s = self.start_s
        for word in self.words:
            is_last = word is self.words[-1]
            end_s = self.end_s if is_last else start_s + (self.end_s - self.start_s) * len(word.text) / letters
            yield replace(word, start_s=start_s, end_s=end_s)
            start_s = end_s


def _hurried(words: Sequence[Word], until_s: float) -> _Block:
    """Words without length in the time that saying them fast takes, if there is as much before `until_s`."""
    start_s = words[0].start_s
    end_s = max(start_s + _said_fast_s(words), words[-1].start_s)
    return _Block(tuple(words), start_s, max(start_s, min(until_s, end_s)))


def _said_fast_s(words: Sequence[Word]) -> float:
    return _FAST_LETTER_S * sum(len(word.text) for word in words)
