"""Commands on API keys, and what each tenant had transcribed."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from workers.cli.jobs import AsJson
from workers.cli.remote import open_door
from workers.cli.session import open_client
from workers.cli.tables import print_json, print_table
from workers.jobs.keys import DEFAULT_SCOPES, ApiKey, ApiKeys
from workers.states import Scope

app = typer.Typer(help="API keys of the HTTP door: make, list, revoke.", no_args_is_help=True)

Tenant = Annotated[str | None, typer.Option(help="Only this tenant.")]
_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}


@app.command()
def create(
    tenant: Annotated[str, typer.Option(help="Whose jobs it sees: letters, digits, . _ -")] = "default",
    name: Annotated[str, typer.Option(help="What it is for; you see it in the list.")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be repeated. Default: all but admin.")
    ] = None,
    expires: Annotated[str, typer.Option(help="30d, 12h or 4w; default: never.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. Nobody can ask for it again: only a hash is kept.

    A key without the scope `unredacted` gets transcripts without card numbers and the like, and no audio.

    voxqueue keys create --tenant acme --name web --scope read --scope write --expires 90d
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", tenant):
        raise typer.BadParameter("1 to 64 letters, digits, dots, underscores, hyphens", param_hint="--tenant")
    scopes, lasts_s = scope or DEFAULT_SCOPES, _seconds(expires)
    with open_client() as client:
        key, token = ApiKeys(client.runtime.database).create(tenant, name, scopes, lasts_s)
    print_json({**_document(key), "key": token}) if as_json else print(token)


@app.command("list")
def list_keys(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List keys, revoked ones too; never the keys themselves."""
    with open_client() as client:
        keys = ApiKeys(client.runtime.database).all(tenant)
    if as_json:
        print_json([_document(key) for key in keys])
        return
    rows = [
        (key.id, key.tenant, key.name, " ".join(sorted(key.scopes)), _state(key), _moment(key.last_used_at))
        for key in keys
    ]
    _print_rows(("key", "tenant", "name", "scopes", "state", "last used"), rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="As `list` shows it, or the key itself.")],
    as_json: AsJson = False,
) -> None:
    """Make a key worthless; servers refuse it within two seconds."""
    with open_client() as client:
        key = ApiKeys(client.runtime.database).revoke(key_id.removeprefix("vq_live_").partition("_")[0])
    print_json(_document(key)) if as_json else print(f"revoked {key.id}")


def usage(
    tenant: Tenant = None,
    since: Annotated[datetime | None, typer.Option(help="Completed from this day on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Completed before this day, UTC.")] = None,
    as_json: AsJson = False,
) -> None:
    """Seconds of audio that each tenant had transcribed.

    voxqueue usage --since 2026-11-01 --until 2026-12-01
    """
    start = since.replace(tzinfo=UTC).timestamp() if since else 0.0
    end = until.replace(tzinfo=UTC).timestamp() if until else None
    with open_door() as client:
        rows = client.usage(tenant, start, end)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    _print_rows(("tenant", "jobs", "audio"), [(row.tenant, str(row.jobs), f"{row.audio_s:.1f} s") for row in rows])


def _print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*titles, box=None)
    for row in rows:
        table.add_row(*map(Text, row))
    print_table(table)


def _seconds(expires: str) -> float | None:
    if not expires:
        return None
    read = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", expires)
    if read is None:
        raise typer.BadParameter(f"{expires!r}: a number and h, d or w", param_hint="--expires")
    return float(int(read[1]) * _SECONDS[read[2]])


def _document(key: ApiKey) -> dict[str, Any]:
    return {**asdict(key), "scopes": sorted(key.scopes)}


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "valid"
    is_over = key.expires_at < datetime.now(UTC).timestamp()
    return f"{'expired' if is_over else 'until'} {_moment(key.expires_at)}"


def _moment(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
