"""Who speaks when: the words of each channel in order of time, cut where a speaker stops or another one starts."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import pairwise

from pipeline.values import Word, WordSegment

TURN_PAUSE_S = 0.3
"""A speaker who pauses that long while another one starts has ended a turn; shorter gaps lie inside of phrases."""

Timelines = Mapping[int, Sequence[Word]]


def timelines(segments: Iterable[WordSegment], duration_s: float) -> Timelines:
    """The words of each channel, in order, none before the end of the one before it or after `duration_s`."""
    channels: dict[int, list[Word]] = {}
    for segment in segments:
        words = channels.setdefault(segment.span.channel, [])
        for word in segment.words:
            # Segments are padded, so the first words of one may lie before the last ones of its neighbour.
            earliest_s = words[-1].end_s if words else 0.0
            start_s = min(max(word.start_s, earliest_s), duration_s)
            end_s = min(max(word.end_s, start_s), duration_s)
            words.append(replace(word, start_s=start_s, end_s=end_s))
    return channels


def runs_of(channels: Timelines, max_pause_s: float) -> Iterator[tuple[int, Sequence[Word]]]:
    """Each channel's words in runs without a longer pause than `max_pause_s` and without a turn of another speaker."""
    for channel, words in channels.items():
        others = [[word.start_s for word in channels[other]] for other in channels if other != channel]
        others_start_s = list(merge(*others))
        run: list[Word] = list(words[:1])
        for before, word in pairwise(words):
            pause_s = word.start_s - before.end_s
            answered = pause_s >= TURN_PAUSE_S and _any_between(others_start_s, before.end_s, word.start_s)
            if pause_s > max_pause_s or answered:
                yield channel, run
                run = []
            run.append(word)
        if run:
            yield channel, run


def _any_between(sorted_times_s: Sequence[float], start_s: float, end_s: float) -> bool:
    """Whether one of the times lies in [start_s, end_s)."""
    index = bisect_left(sorted_times_s, start_s)
    return index < len(sorted_times_s) and sorted_times_s[index] < end_s
