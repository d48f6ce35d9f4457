"""Cues: what subtitles show at a time, short enough to be read, after the usual rules of broadcasters.

At most two lines of 42 characters and 7 seconds; a sentence that ends on the second line ends its cue.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.values import Utterance, Word
from pipeline.writing import ends_sentence

LINE_CHARACTERS = 42
LINES = 2
LONGEST_S = 7.0
SHORTEST_S = 0.5
"""A cue is shown at least that long, though its words may be shorter: nobody can read a flash."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together, and the utterance that they are a part of."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    utterance: Utterance


def cues(utterances: Iterable[Utterance], prefixes: Iterable[str]) -> Iterator[Cue]:
    """The cues of all utterances in their order; each utterance's first cue starts with its prefix (may be empty)."""
    for utterance, prefix in zip(utterances, prefixes, strict=True):
        before = prefix
        for words in _packed(utterance.words, prefix):
            start_s = words[0].start_s
            end_s = min(max(words[-1].end_s, start_s + SHORTEST_S), start_s + LONGEST_S)
            yield Cue(start_s, end_s, tuple(_wrapped(before, words)), utterance)
            before = ""


def clock(time_s: float, decimal_mark: str) -> str:
    """`HH:MM:SS` and milliseconds after `decimal_mark`."""
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal_mark}{milliseconds:03}"


def _packed(words: Sequence[Word], prefix: str) -> Iterator[list[Word]]:
    """`words` in runs that each fit a cue."""
    run: list[Word] = []
    for word in words:
        before = prefix if not run or run[0] is words[0] else ""
        if run and (_is_full(run, before) or not _fits([*run, word], before)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _is_full(run: Sequence[Word], before: str) -> bool:
    return ends_sentence(run[-1].text) and len(_wrapped(before, run)) == LINES


def _fits(run: Sequence[Word], before: str) -> bool:
    return run[-1].end_s - run[0].start_s <= LONGEST_S and len(_wrapped(before, run)) <= LINES


def _wrapped(before: str, words: Sequence[Word]) -> list[str]:
    # Hyphenated words stay whole: a wrapped half reads like a word of its own.
    return textwrap.wrap(before + " ".join(word.text for word in words), LINE_CHARACTERS, break_on_hyphens=False)
