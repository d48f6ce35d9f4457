"""Flags of commands that format: how words are written."""

from typing import Annotated, Any

import typer

_PANEL = "Wording"
MaskProfanity = Annotated[
    bool, typer.Option("--mask-profanity", help="Write f*** for strong language.", rich_help_panel=_PANEL)
]
RemoveFillers = Annotated[
    bool, typer.Option("--remove-fillers", help="Leave out um, uh, er, mhm and their like.", rich_help_panel=_PANEL)
]
Replace = Annotated[
    list[str] | None,
    typer.Option("--replace", help="FIND=WRITE, whole words in any case; repeatable.", rich_help_panel=_PANEL),
]


def wording(mask_profanity: bool, remove_fillers: bool, replace: list[str] | None) -> dict[str, Any]:
    """What the flags say, as options of the format step; only what is said."""
    table = dict(_pair(each) for each in replace or ())
    chosen = {
        "profanity": "mask" if mask_profanity else None,
        "fillers": "remove" if remove_fillers else None,
        "replace": table or None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _pair(text: str) -> tuple[str, str]:
    find, sign, write = text.partition("=")
    if not (find.strip() and sign and write.strip()):
        raise typer.BadParameter(f"FIND=WRITE is expected, not {text!r}", param_hint="--replace")
    return find, write
