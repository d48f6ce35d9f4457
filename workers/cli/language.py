"""`voxqueue lm`: language models from text."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.decode.estimate import arpa
from pipeline.decode.language import MIXED_SUFFIX
from pipeline.decode.mixture import packed
from pipeline.errors import InvalidOptions
from workers.cli.tables import write_bytes
from workers.errors import FileNotReadable

app = typer.Typer(no_args_is_help=True, help="Language models for CTC models.")


@app.callback()
def lm() -> None:
    """Language models for CTC models."""


@app.command()
def build(
    texts: Annotated[list[Path], typer.Argument(metavar="TEXT...", help="Text files, a sentence a line.")],
    out: Annotated[Path, typer.Option(help="The file to write: .arpa, or .mix with --mix.")],
    mix: Annotated[bool, typer.Option("--mix", help="Weigh it against the general model of English.")] = False,
    weight: Annotated[float, typer.Option(help="Of your text beside the general model, between 0 and 1.")] = 0.5,
) -> None:
    """Make a language model of the words and turns of phrase of your calls.

    Three words at a time, modified Kneser-Ney. Alone it knows your words only; with --mix it is weighed against the
    general model of English, which is what calls need.

    voxqueue lm build notes.txt faq.txt --mix --out clinic.mix && export VOXQUEUE_LANGUAGE_MODEL=clinic.mix
    """
    wanted = MIXED_SUFFIX if mix else ".arpa"
    if out.suffix != wanted:
        raise InvalidOptions(f"{out.name} must end with {wanted}")
    if not 0 < weight < 1:
        raise InvalidOptions("--weight is between 0 and 1")
    lines = [line for text in texts for line in _read(text).splitlines()]
    try:
        model = arpa(lines)
    except ValueError as error:
        raise InvalidOptions(str(error)) from error
    write_bytes(out, packed(model, weight) if mix else model.encode())
    print(f"{out}: {len(lines)} lines, {out.stat().st_size / 1024:.0f} KiB", file=sys.stderr)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileNotReadable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileNotReadable(f"{path}: no text in UTF-8") from error
