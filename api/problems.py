"""Every error as `application/problem+json` (RFC 9457), or as OpenAI's error object where its clients knock."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.errors import (
    InvalidRequest,
    MalformedBody,
    MethodNotAllowed,
    RouteNotFound,
    TooManyRequests,
    retry_after_s,
    status_of,
)
from pipeline.errors import VoxqueueError

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
_OPENAI_PATHS = ("/v1/audio/", "/v1/models")
# What these say would tell more than the caller asked for: whether an id exists, what is wrong inside.
_SAID_IN_GENERAL = {HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR}


def add_handlers(app: FastAPI) -> None:
    """Let the app answer every error in this way."""
    for kind, handler in (
        (VoxqueueError, _on_error),
        (RequestValidationError, _on_invalid),
        (HTTPException, _on_http_error),
        (ClientDisconnect, _on_disconnect),
        (Exception, _on_defect),
    ):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]  # each gets the kind that it is for


def problem(path: str, error: VoxqueueError) -> Response:
    """The answer to a request for `path` that ends with this error."""
    status = status_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    pause_s = retry_after_s(error)
    if pause_s is not None:
        headers["Retry-After"] = str(pause_s)
    if path.startswith(_OPENAI_PATHS):
        # OpenAI's clients know 400 for all that is wrong with a request.
        shown = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
        return JSONResponse({"error": _openai_error(status, error)}, shown, headers)
    return JSONResponse(problem_document(error), status, headers, PROBLEM_TYPE)


def problem_document(error: VoxqueueError) -> dict[str, Any]:
    """The body of an answer that ends with this error."""
    status = status_of(error)
    document: dict[str, Any] = {
        "type": f"urn:voxqueue:problem:{error.code.lower().replace('_', '-')}",
        "title": error.title,
        "status": int(status),
        "detail": error.title if status in _SAID_IN_GENERAL else error.sentence,
        "code": error.code,
    }
    if isinstance(error, InvalidRequest) and error.places:
        document["errors"] = [{"field": field, "message": message} for field, message in error.places]
    return document


def _openai_error(status: HTTPStatus, error: VoxqueueError) -> dict[str, Any]:
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            kind = "rate_limit_error"
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            kind = "authentication_error"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = "server_error"
        case _:
            kind = "invalid_request_error"
    places = error.places if isinstance(error, InvalidRequest) else ()
    message = error.title if status in _SAID_IN_GENERAL else error.sentence
    return {"message": message, "type": kind, "param": places[0][0] if places else None, "code": error.code.lower()}


async def _on_error(request: Request, error: VoxqueueError) -> Response:
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("http.error", extra={"code": error.code, "detail": error.detail})
    return problem(request.url.path, error)


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    places = [(".".join(map(str, each["loc"])), str(each["msg"])) for each in error.errors()]
    return problem(request.url.path, InvalidRequest(": ".join(places[0]), places))


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    refusals: dict[int, VoxqueueError] = {
        HTTPStatus.NOT_FOUND: RouteNotFound(),
        HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed(),
        HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests(),
    }
    answer = problem(request.url.path, refusals.get(error.status_code, MalformedBody()))
    answer.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Of several routes with one path Starlette tells the methods of the first.
        described = request.app.openapi()["paths"].get(getattr(request.scope.get("route"), "path", ""))
        if described:
            answer.headers["Allow"] = ", ".join(sorted(map(str.upper, described)))
    return answer


async def _on_disconnect(request: Request, _error: ClientDisconnect) -> Response:
    # Nobody reads it, but the request must end with something.
    return problem(request.url.path, MalformedBody("the client left"))


async def _on_defect(request: Request, _error: Exception) -> Response:
    # Starlette raises the error again once this was sent, so it is logged in full.
    return problem(request.url.path, VoxqueueError())
