"""Query parameters: how times are written; those that a route does not know are refused.

A misspelt filter must not quietly show everything.
"""

import re
from typing import Annotated, Any

from fastapi.requests import HTTPConnection
from pydantic import AwareDatetime, BeforeValidator

from api.errors import InvalidRequest


def _dated(at: Any) -> Any:
    # Pydantic takes a bare number as well, for seconds since 1970.
    if isinstance(at, str) and not re.match(r"\d{4}-\d\d-\d\d", at):
        raise ValueError("not a date and time as of RFC 3339")
    return at


Moment = Annotated[AwareDatetime, BeforeValidator(_dated)]
"""A date and time with a time zone, written as RFC 3339 has it."""


class Queries:
    """The names of the query parameters of each route, as the OpenAPI document has them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def check(self, request: HTTPConnection) -> None:
        """Return if the route knows every parameter that is there.

        Raises:
            InvalidRequest: it does not.
        """
        # A WebSocket has none that mean anything.
        if not request.scope["query_string"] or request.scope["type"] != "http":
            return
        if not self._known:
            self._known = _described(request.app.openapi())
        known = self._known.get((request.scope["route"].path, request.scope["method"].lower()))
        # What the document does not tell of, the page, has no parameters of its own.
        unknown = sorted(set(request.query_params) - known) if known is not None else []
        if unknown:
            raise InvalidRequest(f"{unknown[0][:64]}: no such parameter", [(f"query.{unknown[0][:64]}", "unknown")])


def _described(document: dict[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    return {
        (path, method): frozenset(each["name"] for each in act.get("parameters", []) if each["in"] == "query")
        for path, item in document["paths"].items()
        for method, act in item.items()
    }


async def known_only(request: HTTPConnection) -> None:
    """Refuse a request whose query has parameters that its route does not know."""
    queries: Queries = request.app.state.queries
    queries.check(request)
