"""Flags of commands that hand in recordings: what readers of the transcript are not shown."""

from typing import Annotated

import typer

from pipeline.options import ENTITIES, Entity, JobOptions, RedactionOptions, Style

_PANEL = "Redaction"
Redact = Annotated[
    str | None,
    typer.Option(
        "--redact",
        help=f"What readers are not shown: `all`, or of {','.join(Entity)}. Names are guesses, and not in `all`.",
        rich_help_panel=_PANEL,
    ),
]
RedactStyle = Annotated[Style, typer.Option("--redact-style", help="What stands in its place.", rich_help_panel=_PANEL)]
RedactAudio = Annotated[
    bool,
    typer.Option("--redact-audio", help="Keys without the scope unredacted may hear the rest.", rich_help_panel=_PANEL),
]
Unredacted = Annotated[bool, typer.Option("--unredacted", help="Also what the job was told to leave out.")]


def with_redaction(options: JobOptions, redact: str | None, style: Style, *, audio: bool) -> JobOptions:
    """`options` with what the flags say; without `--redact` as they are."""
    if redact is None:
        return options
    names = [name.strip() for name in redact.split(",") if name.strip()]
    unknown = [name for name in names if name != "all" and name not in set(Entity)]
    if unknown or not names:
        raise typer.BadParameter(f"not one of all, {', '.join(Entity)}: {redact}", param_hint="--redact")
    chosen = [entity for name in names for entity in (ENTITIES if name == "all" else (Entity(name),))]
    redaction = RedactionOptions(entities=tuple(dict.fromkeys(chosen)), style=style, audio=audio)
    return options.model_copy(update={"redaction": redaction})
