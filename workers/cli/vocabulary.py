"""`voxqueue vocabulary`: the words of a tenant's calls, which its jobs expect and replace without being told."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pipeline.options import Vocabulary
from workers.cli.remote import open_door
from workers.cli.tables import print_json
from workers.cli.transcribe import Hotwords, expected
from workers.cli.wording import Replace, wording
from workers.details import invalid
from workers.errors import FileNotReadable

app = typer.Typer(no_args_is_help=True, help="Hotwords and replacements of all jobs of a tenant.")

Tenant = Annotated[str | None, typer.Option(help="Whose jobs; default: `default`, or that of the API key.")]


@app.command()
def show(tenant: Tenant = None) -> None:
    """Print the vocabulary as JSON, as `set` reads it."""
    with open_door() as client:
        vocabulary = client.vocabularies.read(**_named(tenant))
    print_json(vocabulary.model_dump(mode="json", exclude_none=True))


@app.command("set")
def set_vocabulary(
    file: Annotated[
        Path | None, typer.Argument(help="JSON as `show` prints it, - for stdin; without one, what the flags say.")
    ] = None,
    hotword: Hotwords = None,
    replace: Replace = None,
    tenant: Tenant = None,
) -> None:
    """Put a vocabulary in place of all that there was.

    It stands behind what each job asks for itself, and holds for what is decoded from now on.

    voxqueue vocabulary set --hotword "Acme Corp" --hotword "Zyrtec=zeer tech" --replace "vox cue=Voxqueue"
    """
    if file is not None and (hotword or replace):
        raise typer.BadParameter("a file or flags, one of them", param_hint="FILE")
    said = {
        "hotwords": expected(hotword),
        "replace": wording(mask_profanity=False, remove_fillers=False, replace=replace).get("replace", {}),
    }
    try:
        vocabulary = Vocabulary.model_validate_json(_read(file)) if file else Vocabulary.model_validate(said)
    except ValidationError as error:
        raise invalid(error) from error
    with open_door() as client:
        client.vocabularies.write(vocabulary, **_named(tenant))


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileNotReadable(f"{file}: {error.strerror}") from error


def _named(tenant: str | None) -> dict[str, str]:
    return {} if tenant is None else {"tenant": tenant}
