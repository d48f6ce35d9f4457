"""A transcript as people and programs read it: text, Markdown, SRT, WebVTT, JSON, CTM, RTTM, CSV and TextGrid."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from pipeline.options import CaptionOptions
from pipeline.render.cues import USUAL
from pipeline.render.document import from_json, to_json
from pipeline.render.markdown import to_markdown
from pipeline.render.nist import to_ctm, to_rttm
from pipeline.render.sheet import to_csv
from pipeline.render.srt import to_srt
from pipeline.render.text import to_text
from pipeline.render.textgrid import to_textgrid
from pipeline.render.vtt import to_vtt
from pipeline.values import Transcript

__all__ = [
    "OUTPUT_FORMATS",
    "RENDERERS",
    "OutputFormat",
    "from_json",
    "render",
    "to_csv",
    "to_ctm",
    "to_json",
    "to_markdown",
    "to_rttm",
    "to_srt",
    "to_text",
    "to_textgrid",
    "to_vtt",
]

OutputFormat = Literal["json", "text", "srt", "vtt", "csv", "ctm", "rttm", "markdown", "textgrid"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)

_WRITERS: dict[OutputFormat, Callable[[Transcript], str]] = {
    "json": to_json,
    "text": to_text,
    "srt": to_srt,
    "vtt": to_vtt,
    "csv": to_csv,
    "ctm": to_ctm,
    "rttm": to_rttm,
    "markdown": to_markdown,
    "textgrid": to_textgrid,
}
RENDERERS: Mapping[OutputFormat, Callable[[Transcript], str]] = MappingProxyType(_WRITERS)


def render(transcript: Transcript, output_format: OutputFormat, captions: CaptionOptions = USUAL) -> str:
    """`transcript` in one of the formats, ending with a newline unless there is nothing to write.

    `captions` are how SRT and WebVTT look; to other formats they mean nothing.
    """
    if output_format == "srt":
        return to_srt(transcript, captions)
    if output_format == "vtt":
        return to_vtt(transcript, captions)
    return RENDERERS[output_format](transcript)
