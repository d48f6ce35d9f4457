"""WebVTT subtitles (https://www.w3.org/TR/webvtt1/): times always with hours, speakers as voice tags."""

from html import escape

from pipeline.options import CaptionOptions
from pipeline.render import speakers
from pipeline.render.cues import USUAL, Cue, clock, cues
from pipeline.values import Transcript


def to_vtt(transcript: Transcript, captions: CaptionOptions = USUAL) -> str:
    """WebVTT; each cue carries its speaker in `<v ...>` if several channels were recorded."""
    labelled = speakers.are_labelled(transcript)
    prefixes = [""] * len(transcript.utterances)
    blocks = [_block(cue, labelled=labelled) for cue in cues(transcript.utterances, prefixes, captions)]
    return "\n".join(("WEBVTT\n", *blocks))


def _block(cue: Cue, *, labelled: bool) -> str:
    voice = f"<v {escape(speakers.label_of(cue.utterance), quote=False)}>" if labelled else ""
    text = voice + escape("\n".join(cue.lines), quote=False)
    return f"{clock(cue.start_s, '.')} --> {clock(cue.end_s, '.')}\n{text}\n"
