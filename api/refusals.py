"""How the OpenAPI document tells of errors."""

from http import HTTPStatus
from typing import Any

from api.problems import PROBLEM_TYPE

PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def refusals(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The statuses with which a route may refuse, besides those that every route may give."""
    content = {PROBLEM_TYPE: {"schema": PROBLEM_SCHEMA}}
    return {int(each): {"description": each.phrase, "content": content} for each in sorted({*_ALWAYS, *statuses})}
