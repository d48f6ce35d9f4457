"""Loops: an attention decoder that lost its place writes the same words again and again."""

import zlib
from collections.abc import Sequence

from pipeline.values import Word

COMPRESSION_RATIO = 2.4
"""Text that deflates further than this is a loop (Radford 2022, section 4.5); speech, also of digits, stays below."""
_LONGEST_LOOP = 20


def compression_ratio(text: str) -> float:
    """Bytes of `text` in UTF-8 per byte deflated; 0 for no text."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) if content else 0.0


def without_loops(words: Sequence[Word]) -> tuple[Word, ...]:
    """`words`, each run that is said over and over kept once, if they deflate as only loops do; else as they are."""
    if compression_ratio(" ".join(word.text for word in words)) <= COMPRESSION_RATIO:
        return tuple(words)
    # Only now: people do say "no no no", and digits twice.
    kept: list[Word] = []
    rest = list(words)
    while rest:
        length, times = _loop_at_start([word.text.casefold() for word in rest])
        kept += rest[:length]
        rest = rest[length * times :]
    return tuple(kept)


def _loop_at_start(texts: Sequence[str]) -> tuple[int, int]:
    """Length and number of repeats of the loop that covers most of the start; (1, 1) if there is none."""
    loops = [(length, _repeats(texts, length)) for length in range(1, min(_LONGEST_LOOP, len(texts)) + 1)]
    # Of loops that cover as much, the shortest: "a b a b" is "a b" twice, not itself once.
    return max(loops, key=lambda loop: (loop[0] * loop[1] if loop[1] > 1 else 1, -loop[0]))


def _repeats(texts: Sequence[str], length: int) -> int:
    """How often the first `length` texts are said in a row."""
    times = 1
    while texts[times * length : (times + 1) * length] == texts[:length]:
        times += 1
    return times
