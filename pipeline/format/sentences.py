"""Where a stretch of speech is cut into utterances: after sentences, and where it gets too long."""

from collections.abc import Iterator, Sequence

from pipeline.options import FormatOptions
from pipeline.values import Word
from pipeline.writing import ends_sentence


def utterance_cuts(words: Sequence[Word], options: FormatOptions) -> Iterator[Sequence[Word]]:
    """`words` cut into utterances; none is longer than `max_utterance_s`, unless a single word is.

    A sentence that ends before half of `max_pause_s` ends its utterance. One that is still too long is cut after its
    last sentence in time or, without one, at its longest pause.
    """
    start = 0
    for index in range(1, len(words)):
        pause_s = words[index].start_s - words[index - 1].end_s
        if ends_sentence(words[index - 1].text) and pause_s > options.max_pause_s / 2:
            yield from _bounded(words[start:index], options.max_utterance_s)
            start = index
    if words:
        yield from _bounded(words[start:], options.max_utterance_s)


def _bounded(words: Sequence[Word], longest_s: float) -> Iterator[Sequence[Word]]:
    while words[-1].end_s - words[0].start_s > longest_s and len(words) > 1:
        # The first word may be too long by itself; it is cut off alone.
        in_time = [index for index in range(1, len(words)) if words[index - 1].end_s - words[0].start_s <= longest_s]
        cut = _best_cut(words, in_time or [1])
        yield words[:cut]
        words = words[cut:]
    yield words


def _best_cut(words: Sequence[Word], candidates: Sequence[int]) -> int:
    """The candidate after the last sentence; without one, that of the longest pause, the last of equals."""
    sentences = [index for index in candidates if ends_sentence(words[index - 1].text)]
    if sentences:
        return sentences[-1]
    return max(candidates, key=lambda index: (words[index].start_s - words[index - 1].end_s, index))
