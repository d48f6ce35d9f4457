"""Many recordings at once: read the manifest of a batch, show how far one is, stop it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.errors import InvalidOptions, VoxqueueError
from workers.batching import HandedIn
from workers.cli.remote import open_door
from workers.cli.sources import check_readable
from workers.cli.tables import job_document, print_json
from workers.details import EnqueueArguments
from workers.errors import FileNotReadable
from workers.jobs.batches import BatchStatus

_FIELDS = EnqueueArguments.__annotations__.keys() - {"source", "batch", "tenant", "idempotency_key"}
_OTHERS = {"file": "source", "audio_url": "url", "metadata": "annotations"}


def batch(
    batch_id: Annotated[str, typer.Argument(metavar="BATCH", help="A batch id, as `submit --batch` prints it.")],
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel those of its jobs that have not ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")] = False,
) -> None:
    """Show how many jobs of a batch are in each state."""
    with open_door() as client:
        if cancel:
            client.cancel_batch(batch_id)
        found = client.batch(batch_id)
    print_json(batch_document(found)) if as_json else _print(found)


def submit_batch(manifest: Path, callback: str | None, as_json: bool) -> None:
    """Hand in what a manifest names, and print the id of the batch.

    Raises:
        FileNotReadable, InvalidOptions: what is wrong with the manifest, by line.
    """
    recordings = read_manifest(manifest)
    with open_door() as client:
        made = client.enqueue_batch(recordings, callback_url=callback)
    if as_json:
        print_json({**batch_document(made.batch), "items": [_item(each) for each in made.items]})
        return
    print(made.batch.id)
    _print_refused(made)


def read_manifest(file: Path) -> list[EnqueueArguments]:
    """The recordings that a manifest names: a JSON object a line, with `file` or `audio_url` and what is wanted of it.

    Files are looked for beside the manifest. Raises as `submit_batch` does.
    """
    check_readable(file)
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileNotReadable(file.name) from error
    return [_line(text, file, number) for number, text in enumerate(lines, 1) if text.strip()]


def batch_document(found: BatchStatus) -> dict[str, Any]:
    """A batch as `--json` shows it."""
    counts = {str(state): number for state, number in found.counts.items()}
    return {"id": found.id, "is_final": found.is_final, "ended_at": found.ended_at, "counts": counts}


def _line(text: str, manifest: Path, number: int) -> EnqueueArguments:
    try:
        read = json.loads(text)
    except ValueError as error:
        raise InvalidOptions(f"{manifest.name}:{number}: {error}") from error
    if not isinstance(read, dict):
        raise InvalidOptions(f"{manifest.name}:{number}: a JSON object is expected")
    wanted: Any = {_OTHERS.get(name, name): value for name, value in read.items()}
    hotwords = wanted.pop("hotwords", None)
    if unknown := wanted.keys() - _FIELDS - {"source"}:
        raise InvalidOptions(f"{manifest.name}:{number}: {min(unknown)}: no such field")
    if hotwords:
        options = dict(wanted.get("options") or {})
        wanted["options"] = {**options, "decode": {**options.get("decode", {}), "hotwords": hotwords}}
    if "source" in wanted:
        wanted["source"] = manifest.parent / str(wanted["source"])
        check_readable(wanted["source"])
    made: EnqueueArguments = wanted
    return made


def _item(item: Any) -> dict[str, Any]:
    if isinstance(item, VoxqueueError):
        return {"error": {"code": item.code, "message": item.sentence}}
    return job_document(item)


def _print(found: BatchStatus) -> None:
    print("completed" if found.is_final else "running")
    print("  ".join(f"{number} {state}" for state, number in sorted(found.counts.items())))


def _print_refused(made: HandedIn) -> None:
    for place, item in enumerate(made.items, 1):
        if isinstance(item, VoxqueueError):
            typer.echo(f"recording {place} was refused: {item.code}: {item.sentence}", err=True)
