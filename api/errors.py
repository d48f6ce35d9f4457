"""Refusals of the HTTP door, as a branch of the tree in `pipeline.errors`, and what each error is in HTTP.

VoxqueueError
└── Refusal               the request itself can't be served
    ├── MalformedBody             MALFORMED_BODY              400
    ├── Forbidden                 FORBIDDEN                   403
    ├── ForeignOrigin             FOREIGN_ORIGIN              403
    ├── RouteNotFound             NOT_FOUND                   404
    ├── ModelUnknown              MODEL_NOT_FOUND             404
    ├── MethodNotAllowed          METHOD_NOT_ALLOWED          405
    ├── NotAcceptable             NOT_ACCEPTABLE              406
    ├── UploadStalled             UPLOAD_STALLED              408
    ├── StillRunning              IDEMPOTENCY_IN_PROGRESS     409
    ├── UnsupportedMediaType      UNSUPPORTED_MEDIA_TYPE      415
    ├── InvalidRequest            INVALID_REQUEST             422
    └── TooManyRequests           RATE_LIMITED                429
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, Self

from pipeline import errors as pipeline_errors
from pipeline.errors import VoxqueueError
from workers import errors as worker_errors

RETRY_AFTER_S = 5
"""When to come back after an error of the moment that does not say it itself."""


class Refusal(VoxqueueError):
    """The request can't be served."""

    code = "REFUSED"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class MalformedBody(Refusal):
    """The body of the request can't be read."""

    code = "MALFORMED_BODY"


class Forbidden(Refusal, PermissionError):
    """The API key does not allow this."""

    code = "FORBIDDEN"
    status = HTTPStatus.FORBIDDEN


class ForeignOrigin(Refusal, PermissionError):
    """Without API keys, only programs and pages of this machine are served."""

    code = "FOREIGN_ORIGIN"
    status = HTTPStatus.FORBIDDEN


class RouteNotFound(Refusal, LookupError):
    """There is nothing at this address."""

    code = "NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class ModelUnknown(Refusal, LookupError):
    """There is no such model."""

    code = "MODEL_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(Refusal):
    """This address does not know the method."""

    code = "METHOD_NOT_ALLOWED"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptable(Refusal):
    """There is no such form of it; see the header Accept."""

    code = "NOT_ACCEPTABLE"
    status = HTTPStatus.NOT_ACCEPTABLE


class UploadStalled(Refusal, TimeoutError):
    """The upload came too slowly and was given up."""

    code = "UPLOAD_STALLED"
    status = HTTPStatus.REQUEST_TIMEOUT


class StillRunning(Refusal):
    """Another request with the same Idempotency-Key is still running."""

    code = "IDEMPOTENCY_IN_PROGRESS"
    status = HTTPStatus.CONFLICT


class UnsupportedMediaType(Refusal):
    """The body is of a type that is not taken here; see the header Content-Type."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class InvalidRequest(Refusal, ValueError):
    """Something in the request is missing, of the wrong type or out of range."""

    code = "INVALID_REQUEST"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, detail: str = "", places: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.places = tuple(places)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.detail,)


class TooManyRequests(Refusal):
    """There were too many requests; come back later."""

    code = "RATE_LIMITED"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.detail,)


# By code, so that errors of modules that this one does not import have their place as well.
_STATUS_OF_CODE = {
    "EMPTY_UPLOAD": HTTPStatus.BAD_REQUEST,
    "QUOTA_EXCEEDED": HTTPStatus.TOO_MANY_REQUESTS,
    "SYSTEM_FULL": HTTPStatus.SERVICE_UNAVAILABLE,
    "TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "JOB_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "BATCH_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "KEY_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "VERSION_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ENDPOINT_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "DELIVERY_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "SESSION_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ENDPOINT_EXISTS": HTTPStatus.CONFLICT,
    "JOB_NOT_FINISHED": HTTPStatus.CONFLICT,
    "JOB_FAILED": HTTPStatus.CONFLICT,
    "NOT_ALLOWED_IN_STATE": HTTPStatus.CONFLICT,
    "CORRECTION_CONFLICT": HTTPStatus.CONFLICT,
    # Not ours is away, but the server at the caller's URL.
    "FETCH_AWAY": HTTPStatus.UNPROCESSABLE_ENTITY,
    "FETCH_TIMEOUT": HTTPStatus.UNPROCESSABLE_ENTITY,
    # The recording is what it is: no other request would play it.
    "NOT_PLAYABLE": HTTPStatus.CONFLICT,
    "UNAUTHORIZED": HTTPStatus.UNAUTHORIZED,
    "RECORDING_GONE": HTTPStatus.GONE,
    "JOB_DELETED": HTTPStatus.GONE,
}


def status_of(error: VoxqueueError) -> HTTPStatus:
    """What an error is in HTTP: by its own word, its code, or by who is at fault."""
    if isinstance(error, Refusal):
        return error.status
    if error.code in _STATUS_OF_CODE:
        return _STATUS_OF_CODE[error.code]
    if isinstance(error, pipeline_errors.InputError | worker_errors.RequestError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if error.retryable:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.INTERNAL_SERVER_ERROR


def retry_after_s(error: VoxqueueError) -> int | None:
    """When the caller may come back, in whole seconds; None where waiting does not help."""
    chosen = getattr(error, "retry_after_s", None)
    if chosen is not None:
        return max(1, int(chosen + 0.999))
    return RETRY_AFTER_S if error.retryable else None
