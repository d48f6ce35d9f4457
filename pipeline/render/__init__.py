"""A transcript as people and programs read it: text, SRT and WebVTT subtitles, the JSON document, CTM, RTTM and CSV."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from pipeline.render.document import from_json, to_json
from pipeline.render.nist import to_ctm, to_rttm
from pipeline.render.sheet import to_csv
from pipeline.render.srt import to_srt
from pipeline.render.text import to_text
from pipeline.render.vtt import to_vtt
from pipeline.values import Transcript

__all__ = [
    "RENDERERS",
    "OutputFormat",
    "from_json",
    "render",
    "to_csv",
    "to_ctm",
    "to_json",
    "to_rttm",
    "to_srt",
    "to_text",
    "to_vtt",
]

OutputFormat = Literal["json", "text", "srt", "vtt", "csv", "ctm", "rttm"]

RENDERERS: Mapping[OutputFormat, Callable[[Transcript], str]] = MappingProxyType(
    {"json": to_json, "text": to_text, "srt": to_srt, "vtt": to_vtt, "csv": to_csv, "ctm": to_ctm, "rttm": to_rttm},
)


def render(transcript: Transcript, output_format: OutputFormat) -> str:
    """`transcript` in one of the formats, ending with a newline unless there is nothing to write."""
    return RENDERERS[output_format](transcript)
