"""`voxqueue webhooks`: who is told how jobs end, and what was sent to them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Column, Table

from workers.cli.jobs import AsJson
from workers.cli.remote import open_door
from workers.cli.tables import print_json, print_table
from workers.client import Client
from workers.jobs.delivery_log import Delivery, DeliveryFilter
from workers.jobs.endpoints import Endpoint
from workers.jobs.outbox import KINDS
from workers.outbound import policy_of
from workers.states import DeliveryState

app = typer.Typer(
    no_args_is_help=True,
    help="Tell web apps how jobs end, signed as Standard Webhooks: endpoints, their secrets, and what was sent.",
)

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="An id, as `webhooks list` prints it.")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="An id, as `webhooks deliveries` prints it.")]
Tenant = Annotated[str | None, typer.Option(help="Whose jobs; default: `default`, or that of the API key.")]
_ID_WIDTH = 36


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="https://, on a public host or one that VOXQUEUE_OUTBOUND_ALLOW names.")],
    event: Annotated[list[str] | None, typer.Option(help=f"May be repeated; default all: {', '.join(KINDS)}")] = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Send the events of a tenant's jobs to a URL; prints the endpoint's id and the secret that signs them.

    voxqueue webhooks add https://app.example/hooks --event transcription.job.completed
    """
    with open_door() as client:
        # A server knows best where it may send.
        checked = str(policy_of(client.settings).check(url)) if isinstance(client, Client) else url
        endpoint, secret = client.webhooks.add(checked, event or (), **_named(tenant))
    _print_secret(endpoint, secret, as_json=as_json)


@app.command("list")
def list_endpoints(as_json: AsJson = False) -> None:
    """List the endpoints; one without a URL stands for the callback URLs of jobs."""
    with open_door() as client:
        endpoints = client.webhooks.endpoints()
    if as_json:
        print_json([asdict(each) for each in endpoints])
        return
    table = Table(Column("endpoint", no_wrap=True, min_width=_ID_WIDTH), "tenant", "url", "events", "state", box=None)
    for each in endpoints:
        kinds = ", ".join(each.kinds) or "all"
        state = "enabled" if each.disabled_at is None else f"disabled: {each.disabled_reason}"
        table.add_row(each.id, each.tenant, each.url or "(callbacks)", kinds, state)
    print_table(table)


@app.command()
def secret(tenant: Tenant = None) -> None:
    """Print the secret that signs what goes to the callback URLs of a tenant's jobs."""
    with open_door() as client:
        print(client.webhooks.callback_secret(**_named(tenant)))


@app.command()
def rotate(
    endpoint_id: EndpointId,
    overlap: Annotated[float, typer.Option(min=0, help="Hours in which the old secret signs as well.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make a new secret for an endpoint and print it.

    voxqueue webhooks rotate ENDPOINT --overlap 48      # for two days both sign: change receivers over meanwhile
    """
    with open_door() as client:
        endpoint, made = client.webhooks.rotate(endpoint_id, overlap_s=3600 * overlap)
    _print_secret(endpoint, made, as_json=as_json)


@app.command()
def enable(endpoint_id: EndpointId) -> None:
    """Send to an endpoint again that was disabled, by `disable` or because it said that it is gone."""
    with open_door() as client:
        client.webhooks.switch(endpoint_id, on=True)


@app.command()
def disable(endpoint_id: EndpointId) -> None:
    """Send nothing more to an endpoint, and give up what waits for it."""
    with open_door() as client:
        client.webhooks.switch(endpoint_id, on=False)


@app.command()
def remove(endpoint_id: EndpointId) -> None:
    """Remove an endpoint and the log of what was sent to it."""
    with open_door() as client:
        client.webhooks.remove(endpoint_id)


@app.command("test")
def fire_test(endpoint_id: EndpointId, as_json: AsJson = False) -> None:
    """Send a `webhook.test` event to an endpoint; a worker of the queue `deliver` must run."""
    with open_door() as client:
        delivery = client.webhooks.fire_test(endpoint_id)
    print_json(asdict(delivery)) if as_json else print(delivery.id)


@app.command()
def deliveries(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    delivery_id: Annotated[str, typer.Argument(metavar="[DELIVERY]", help="Show every attempt at this one.")] = "",
    endpoint: Annotated[str | None, typer.Option(help="Only to this endpoint.")] = None,
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    state: Annotated[DeliveryState | None, typer.Option("--status", help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was sent, the newest first; with an id, every attempt at one.

    voxqueue webhooks deliveries --job JOB
    """
    with open_door() as client:
        webhooks = client.webhooks
        chosen = DeliveryFilter(endpoint_id=endpoint, job_id=job, state=state, limit=limit)
        found = [webhooks.delivery(delivery_id)] if delivery_id else webhooks.deliveries(chosen)
    if as_json:
        print_json([asdict(each) for each in found])
    elif delivery_id:
        _print_attempts(found[0])
    else:
        _print_deliveries(found)


@app.command()
def replay(delivery_id: DeliveryId) -> None:
    """Send a delivery that has ended once more, with the same id and body."""
    with open_door() as client:
        client.webhooks.replay(delivery_id)


def _named(tenant: str | None) -> dict[str, str]:
    return {} if tenant is None else {"tenant": tenant}


def _print_secret(endpoint: Endpoint, made: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(endpoint), "secret": made})
    else:
        print(f"endpoint  {endpoint.id}\nsecret    {made}")


def _print_deliveries(found: list[Delivery]) -> None:
    table = Table(Column("delivery", no_wrap=True, min_width=_ID_WIDTH), "event", "job", "state", "answer", "attempts")
    table.box = None
    for each in found:
        answer = str(each.status or "") if each.error_code is None else each.error_code
        table.add_row(each.id, each.kind, each.job_id or "", each.state, answer, str(each.attempts))
    print_table(table)


def _print_attempts(delivery: Delivery) -> None:
    print(f"{delivery.id}  {delivery.kind}  {delivery.state}  {delivery.url}")
    for each in delivery.log:
        at = datetime.fromtimestamp(each.started_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        took = f"{each.ended_at - each.started_at:.2f} s" if each.ended_at is not None else "under way"
        print(f"  {at}  {each.error_code or each.status or ''}  {took}")
    print(delivery.payload)
