"""`voxqueue lm`: language models from text."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.decode.estimate import arpa
from pipeline.decode.language import MIXED_SUFFIX
from pipeline.decode.mixture import packed
from pipeline.errors import InvalidOptions
from workers.cli.tables import write_file
from workers.errors import FileNotReadable, FileNotWritable

app = typer.Typer(no_args_is_help=True, help="Language models for CTC models.")


@app.callback()
def lm() -> None:
    """Language models for CTC models."""


@app.command()
def build(
    texts: Annotated[list[Path], typer.Argument(metavar="TEXT...", help="Text files, a sentence a line.")],
    out: Annotated[Path, typer.Option(help="The file to write: .arpa, or .mix with --mix.")],
    mix: Annotated[float | None, typer.Option(help="Weight (0 to 1) beside the general model of English.")] = None,
) -> None:
    """Make a language model of the words and turns of phrase of your calls.

    Three words at a time, modified Kneser-Ney. Alone it knows your words only; with --mix it is weighed against the
    general model of English, which is what calls need.

    voxqueue lm build notes.txt faq.txt --mix 0.5 --out clinic.mix && export VOXQUEUE_LANGUAGE_MODEL=clinic.mix
    """
    wanted = ".arpa" if mix is None else MIXED_SUFFIX
    if out.suffix != wanted:
        raise InvalidOptions(f"{out.name} must end with {wanted}")
    if mix is not None and not 0 < mix < 1:
        raise InvalidOptions("--mix is a weight between 0 and 1")
    lines = [line for text in texts for line in _read(text).splitlines()]
    try:
        model = arpa(lines)
    except ValueError as error:
        raise InvalidOptions(str(error)) from error
    if mix is None:
        write_file(out, model)
    else:
        _write(out, packed(model, mix))
    print(f"{out}: {len(lines)} lines, {out.stat().st_size / 1024:.0f} KiB", file=sys.stderr)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise FileNotWritable(f"{path}: {error.strerror}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileNotReadable(f"{path}: {error.strerror}") from error
