"""The web application: routes, errors, headers, and what runs beside the requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import Depends, FastAPI

from api.headers import Headers
from api.leftovers import Leftovers
from api.playables import Playables
from api.problems import add_handlers
from api.queries import Queries, known_only
from api.routes import (
    actions,
    audio,
    batch,
    corrections,
    events,
    health,
    jobs,
    listening,
    openai,
    page,
    sessions,
    streams,
    submit,
    transcripts,
    usage,
    vocabulary,
    webhooks,
)
from api.schemas import Batch, JobConfig, LinkedJob, Problem
from api.security import Keyring
from api.services import Services
from pipeline.options import RedecodeOptions
from workers.client import Client

_DESCRIPTION = """\
Phone calls to text, in the background: hand in a recording, get a job at once, then poll it, wait for it, or listen.

Errors are `application/problem+json` with a `code` from a closed list. Times are UTC. Every answer carries
`X-Request-Id`.
"""
_ROUTES = (
    *(health, submit, batch, jobs, actions, transcripts, corrections, audio, listening),
    *(sessions, streams, events, usage, vocabulary, webhooks, openai, page),
)
# Described here, because no route takes it as its whole body.
_APART = (Problem, JobConfig, LinkedJob, Batch, RedecodeOptions)


def make_app(client: Client, *, is_open: bool = False) -> FastAPI:
    """The application on this client, which it closes at its end.

    With `is_open`, requests from this machine need no key as long as no key exists.
    """
    services = Services(client, is_open=is_open)
    docs = "/docs" if client.settings.api_docs else None
    app = FastAPI(
        title="Voxqueue",
        version="1",
        description=_DESCRIPTION,
        docs_url=docs,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=_lifespan,
        separate_input_output_schemas=False,
        dependencies=[Depends(known_only)],
    )
    app.state.queries = Queries()
    app.state.services = services
    app.state.keyring = Keyring(services)
    app.state.playables = Playables(services)
    add_handlers(app)
    app.add_middleware(Leftovers)
    app.add_middleware(Headers)
    for module in _ROUTES:
        app.include_router(module.router)
    _complete_schema(app, is_open=is_open)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    beside = [asyncio.create_task(services.watcher.run()), asyncio.create_task(services.forecast.run())]
    yield
    for task in beside:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    app.state.playables.close()
    services.close()


def _complete_schema(app: FastAPI, *, is_open: bool) -> None:
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in _APART:
            described = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(described.pop("$defs", {}))
            schemas[model.__name__] = described
        if is_open:
            _make_keys_optional(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change the document


def _make_keys_optional(document: dict[str, Any]) -> None:
    """Add the empty alternative of OpenAPI 3.1, section 4.8.30, to every operation that asks for a key."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if "security" in operation:
                operation["security"].append({})
