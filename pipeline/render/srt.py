"""SubRip subtitles: cues count from 1, times have a comma before the milliseconds."""

from pipeline.options import CaptionOptions
from pipeline.render import speakers
from pipeline.render.cues import USUAL, Cue, clock, cues
from pipeline.values import Transcript


def to_srt(transcript: Transcript, captions: CaptionOptions = USUAL) -> str:
    """SubRip; the first cue of an utterance names its speaker if several channels were recorded."""
    labelled = speakers.are_labelled(transcript)
    prefixes = [f"{speakers.label_of(utterance)}: " if labelled else "" for utterance in transcript.utterances]
    numbered = enumerate(cues(transcript.utterances, prefixes, captions), start=1)
    return "\n".join(_block(number, cue) for number, cue in numbered)


def _block(number: int, cue: Cue) -> str:
    # SubRip has no escapes: an arrow in the text would read as a line of times.
    text = "\n".join(cue.lines).replace("-->", "->")
    return f"{number}\n{clock(cue.start_s, ',')} --> {clock(cue.end_s, ',')}\n{text}\n"
