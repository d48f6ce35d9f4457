"""Flags of commands that print transcripts: how captions look."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pipeline.options import CaptionOptions
from workers.details import invalid

_PANEL = "Captions (SRT and WebVTT)"
LineCharacters = Annotated[
    int | None, typer.Option("--line-characters", help="Longest line, 16 to 120; else 42.", rich_help_panel=_PANEL)
]
Lines = Annotated[int | None, typer.Option("--lines", help="Most lines, 1 to 4; else 2.", rich_help_panel=_PANEL)]
CharactersPerS = Annotated[
    float | None,
    typer.Option("--characters-per-s", help="How fast readers read, 5 to 60; else 20.", rich_help_panel=_PANEL),
]


def caption_options(line_characters: int | None, lines: int | None, characters_per_s: float | None) -> CaptionOptions:
    """What the flags say.

    Raises:
        InvalidOptions: out of range.
    """
    flags: dict[str, Any] = {
        "line_characters": line_characters,
        "lines": lines,
        "characters_per_s": characters_per_s,
    }
    try:
        return CaptionOptions(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise invalid(error) from error
