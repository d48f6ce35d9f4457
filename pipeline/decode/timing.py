"""Word times that a speaker could have kept, from times that an attention model's alignment gave.

Alignment has no word for silence, so the word before a pause, or the first one after it, is stretched over it; and
where it steps over several words at once, all but one of them take no time.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.values import Word

# Generous at the slowest rates of speech. A digit may stand for a whole word, as in `7`.
_SHORTEST_LIMIT_S = 0.4
_LETTER_S = 0.12
_DIGIT_S = 0.5


def limited(text: str, start_s: float, end_s: float, *, after_pause: bool) -> tuple[float, float]:
    """Start and end, no further apart than saying `text` takes; `after_pause`, the end stays, else the start."""
    limit_s = _SHORTEST_LIMIT_S + sum(_DIGIT_S if character.isdigit() else _LETTER_S for character in text)
    if end_s - start_s <= limit_s:
        return start_s, end_s
    return (end_s - limit_s, end_s) if after_pause else (start_s, start_s + limit_s)


def shared(words: Sequence[Word]) -> tuple[Word, ...]:
    """`words`, in which words without length share the time of the one after them, each by its letters."""
    timed: list[Word] = []
    waiting: list[Word] = []
    for word in words:
        waiting.append(word)
        if word.end_s > word.start_s:
            timed += _divided(waiting)
            waiting = []
    return (*timed, *waiting)


def _divided(words: Sequence[Word]) -> list[Word]:
    """All but the last of `words` have no length; those that start with the last one get their part of it."""
    last = words[-1]
    sharing = [word for word in words if word.start_s >= last.start_s]
    letters = sum(len(word.text) for word in sharing)
    divided = list(words[: len(words) - len(sharing)])
    start_s = last.start_s
    for word in sharing:
        end_s = last.end_s if word is last else start_s + (last.end_s - last.start_s) * len(word.text) / letters
        divided.append(replace(word, start_s=start_s, end_s=end_s))
        start_s = end_s
    return divided
