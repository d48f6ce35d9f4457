"""Cues: what subtitles show at a time, short enough to be read, after the usual rules of broadcasters.

As many lines and characters as the reader wants, and 7 seconds; a sentence that ends on the last line ends its cue.
"""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.options import CaptionOptions
from pipeline.values import Utterance, Word
from pipeline.writing import ends_sentence

USUAL = CaptionOptions()
"""What most broadcasters ask for."""
LONGEST_S = 7.0
SHORTEST_S = 1.0
"""A cue stays that long, and until it can be read, or the next one of its channel comes."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together, and the utterance that they are a part of."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    utterance: Utterance


def cues(utterances: Iterable[Utterance], prefixes: Iterable[str], captions: CaptionOptions = USUAL) -> Iterator[Cue]:
    """The cues of all utterances in their order; each utterance's first cue starts with its prefix (may be empty).

    Those of one channel never overlap.
    """
    made = list(_cues(utterances, prefixes, captions))
    nexts_s: dict[int, float] = {}
    ends_s: list[float] = []
    for cue in reversed(made):
        characters = sum(map(len, cue.lines))
        read_s = cue.start_s + max(SHORTEST_S, characters / captions.characters_per_s)
        latest_s = min(cue.start_s + LONGEST_S, nexts_s.get(cue.utterance.channel, math.inf))
        ends_s.append(min(max(cue.end_s, read_s), latest_s))
        nexts_s[cue.utterance.channel] = cue.start_s
    return (replace(cue, end_s=end_s) for cue, end_s in zip(made, reversed(ends_s), strict=True))


def _cues(utterances: Iterable[Utterance], prefixes: Iterable[str], captions: CaptionOptions) -> Iterator[Cue]:
    for utterance, prefix in zip(utterances, prefixes, strict=True):
        before = prefix
        for words in _packed(utterance.words, prefix, captions):
            yield from _shown(words, _wrapped(before, words, captions), utterance, captions.lines)
            before = ""


def _shown(words: Sequence[Word], lines: Sequence[str], utterance: Utterance, most: int) -> Iterator[Cue]:
    """The cue of a run of words; several, one after the other, if one word takes more lines than there are."""
    blocks = [tuple(lines[at : at + most]) for at in range(0, len(lines), most)]
    start_s, end_s = words[0].start_s, words[-1].end_s
    each_s = (end_s - start_s) / len(blocks)
    for place, block in enumerate(blocks, start=1):
        until_s = end_s if place == len(blocks) else start_s + each_s
        yield Cue(start_s, until_s, block, utterance)
        start_s = until_s


def clock(time_s: float, decimal_mark: str) -> str:
    """`HH:MM:SS` and milliseconds after `decimal_mark`."""
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal_mark}{milliseconds:03}"


def _packed(words: Sequence[Word], prefix: str, captions: CaptionOptions) -> Iterator[list[Word]]:
    """`words` in runs that each fit a cue."""
    run: list[Word] = []
    for word in words:
        before = prefix if not run or run[0] is words[0] else ""
        if run and (_is_full(run, before, captions) or not _fits([*run, word], before, captions)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _is_full(run: Sequence[Word], before: str, captions: CaptionOptions) -> bool:
    return ends_sentence(run[-1].text) and len(_wrapped(before, run, captions)) == captions.lines


def _fits(run: Sequence[Word], before: str, captions: CaptionOptions) -> bool:
    return run[-1].end_s - run[0].start_s <= LONGEST_S and len(_wrapped(before, run, captions)) <= captions.lines


def _wrapped(before: str, words: Sequence[Word], captions: CaptionOptions) -> list[str]:
    # Hyphenated words stay whole: a wrapped half reads like a word of its own.
    text = before + " ".join(word.text for word in words)
    return textwrap.wrap(text, captions.line_characters, break_on_hyphens=False)
