"""TextGrid, the long form of Praat: two tiers a channel, utterances and words, for phoneticians.

https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

from collections.abc import Iterable, Iterator

from pipeline.render import speakers
from pipeline.values import Transcript

_Interval = tuple[float, float, str]


def to_textgrid(transcript: Transcript) -> str:
    """Intervals without a gap from 0 to the end of the recording; where nobody speaks they have no text."""
    end_s = transcript.recording.duration_s
    tiers = [
        (name, list(_filled(intervals, end_s))) for name, intervals in _tiers(transcript) if intervals or end_s > 0
    ]
    head = [
        'File type = "ooTextFile"\nObject class = "TextGrid"\n',
        f"xmin = 0\nxmax = {end_s:.3f}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:",
    ]
    return "\n".join([*head, *(_tier(place, *tier, end_s) for place, tier in enumerate(tiers, start=1))]) + "\n"


def _tiers(transcript: Transcript) -> Iterator[tuple[str, list[_Interval]]]:
    for channel in transcript.recording.channels:
        mine = [each for each in transcript.utterances if each.channel == channel.index]
        name = speakers.name_of(channel.role, channel.index)
        yield name, [(each.start_s, each.end_s, each.text) for each in mine]
        yield f"{name} - words", [(word.start_s, word.end_s, word.text) for each in mine for word in each.words]


def _filled(intervals: Iterable[_Interval], end_s: float) -> Iterator[_Interval]:
    """The intervals that last, and between them those of silence; none reaches into its neighbour."""
    at_s = 0.0
    for start_s, stop_s, text in intervals:
        first_s, last_s = max(round(start_s, 3), at_s), min(round(stop_s, 3), round(end_s, 3))
        if last_s <= first_s:
            continue
        if first_s > at_s:
            yield at_s, first_s, ""
        yield first_s, last_s, text
        at_s = last_s
    if round(end_s, 3) > at_s:
        yield at_s, round(end_s, 3), ""


def _tier(place: int, name: str, intervals: list[_Interval], end_s: float) -> str:
    lines = [
        f"    item [{place}]:",
        '        class = "IntervalTier"',
        f"        name = {_quoted(name)}",
        "        xmin = 0",
        f"        xmax = {end_s:.3f}",
        f"        intervals: size = {len(intervals)}",
    ]
    for number, (start_s, stop_s, text) in enumerate(intervals, start=1):
        lines += [
            f"        intervals [{number}]:",
            f"            xmin = {start_s:.3f}",
            f"            xmax = {stop_s:.3f}",
            f"            text = {_quoted(text)}",
        ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
