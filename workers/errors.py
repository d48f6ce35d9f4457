"""Errors of the queue itself, as a branch of the tree in `pipeline.errors`.

VoxqueueError
├── RequestError          the caller asked for something that can't be had
│   ├── JobNotFound               JOB_NOT_FOUND
│   ├── BatchNotFound             BATCH_NOT_FOUND
│   ├── JobNotFinished            JOB_NOT_FINISHED
│   ├── JobFailed                 JOB_FAILED
│   ├── JobDeleted                JOB_DELETED
│   ├── VersionNotFound           VERSION_NOT_FOUND
│   ├── NotAllowedInState         NOT_ALLOWED_IN_STATE
│   ├── NotQuarantined            NOT_QUARANTINED
│   ├── IdempotencyConflict       IDEMPOTENCY_CONFLICT
│   ├── RecordingGone             RECORDING_GONE
│   ├── CorrectionConflict        CORRECTION_CONFLICT
│   ├── NoSuchWord                NO_SUCH_WORD
│   ├── NotPlayable               NOT_PLAYABLE
│   ├── KeyNotFound               KEY_NOT_FOUND
│   ├── KeyRefused                UNAUTHORIZED
│   ├── BadCursor                 BAD_CURSOR
│   ├── FileNotReadable           FILE_NOT_READABLE
│   ├── FileNotWritable           FILE_NOT_WRITABLE
│   ├── WaitTimeout               WAIT_TIMEOUT
│   ├── SessionNotFound           SESSION_NOT_FOUND
│   ├── SessionTaken              SESSION_TAKEN
│   ├── MicrophoneAway            MICROPHONE_AWAY
│   ├── ObjectNotFound            OBJECT_NOT_FOUND
│   ├── ObjectNotAllowed          OBJECT_NOT_ALLOWED
│   ├── EndpointNotFound          ENDPOINT_NOT_FOUND
│   ├── EndpointExists            ENDPOINT_EXISTS
│   ├── DeliveryNotFound          DELIVERY_NOT_FOUND
│   ├── UrlNotAllowed             URL_NOT_ALLOWED
│   ├── FetchFailed               FETCH_FAILED
│   ├── ServerRefused             SERVER_REFUSED
│   └── TooLarge                  TOO_LARGE
├── ConfigurationError    a setting is missing or wrong                 CONFIGURATION
├── DatabaseAway          the database does not answer (transient)      DATABASE_AWAY
├── FetchTimeout          a server took too long (transient)            FETCH_TIMEOUT
├── FetchAway             a server does not answer (transient)          FETCH_AWAY
├── Refused               too much is in flight; try again after retry_after_s
│   ├── QuotaExceeded             QUOTA_EXCEEDED
│   └── SystemFull                SYSTEM_FULL
├── ServerAway            the Voxqueue server does not answer (transient) SERVER_AWAY
└── Fenced                this worker no longer holds the step; it must stop and write nothing
"""

from typing import Self

from pipeline.errors import TransientError, VoxqueueError


class RequestError(VoxqueueError, ValueError):
    """The request can't be met."""

    code = "BAD_REQUEST"


class JobNotFound(RequestError, LookupError):
    """There is no such job."""

    code = "JOB_NOT_FOUND"


class BatchNotFound(RequestError, LookupError):
    """There is no such batch."""

    code = "BATCH_NOT_FOUND"


class JobNotFinished(RequestError):
    """The job has no transcript yet."""

    code = "JOB_NOT_FINISHED"


class JobFailed(RequestError):
    """The job ended without a transcript."""

    code = "JOB_FAILED"


class JobDeleted(RequestError, LookupError):
    """What the job held was deleted."""

    code = "JOB_DELETED"


class VersionNotFound(RequestError, LookupError):
    """There is no such version of the transcript."""

    code = "VERSION_NOT_FOUND"


class NotAllowedInState(RequestError):
    """The job is not in a state that allows this."""

    code = "NOT_ALLOWED_IN_STATE"


class NotQuarantined(RequestError):
    """The job is not in quarantine."""

    code = "NOT_QUARANTINED"


class CorrectionConflict(RequestError):
    """Somebody else corrected the transcript meanwhile; read it again."""

    code = "CORRECTION_CONFLICT"


class NoSuchWord(RequestError, LookupError):
    """The transcript has no such word."""

    code = "NO_SUCH_WORD"


class NotPlayable(RequestError):
    """The recording can't be played."""

    code = "NOT_PLAYABLE"


class IdempotencyConflict(RequestError):
    """The same idempotency key was used for another request."""

    code = "IDEMPOTENCY_CONFLICT"


class RecordingGone(RequestError, LookupError):
    """The recording is not kept any more, or was not fetched yet."""

    code = "RECORDING_GONE"


class KeyNotFound(RequestError, LookupError):
    """There is no such API key."""

    code = "KEY_NOT_FOUND"


class KeyRefused(RequestError, PermissionError):
    """The API key is missing, wrong, expired or revoked."""

    code = "UNAUTHORIZED"


class BadCursor(RequestError):
    """The cursor is not one that a list gave."""

    code = "BAD_CURSOR"


class FileNotReadable(RequestError, OSError):
    """The file can't be read."""

    code = "FILE_NOT_READABLE"


class FileNotWritable(RequestError, OSError):
    """The file can't be written."""

    code = "FILE_NOT_WRITABLE"


class SessionNotFound(RequestError, LookupError):
    """There is no such session."""

    code = "SESSION_NOT_FOUND"


class MicrophoneAway(RequestError, OSError):
    """No microphone can be listened to."""

    code = "MICROPHONE_AWAY"


class SessionTaken(RequestError):
    """Somebody else feeds this session."""

    code = "SESSION_TAKEN"


class ObjectNotFound(RequestError, LookupError):
    """There is no such object in the bucket."""

    code = "OBJECT_NOT_FOUND"


class ObjectNotAllowed(RequestError, PermissionError):
    """The bucket does not allow this with the credentials that are set."""

    code = "OBJECT_NOT_ALLOWED"


class WaitTimeout(RequestError, TimeoutError):
    """The job did not end in the time that was given."""

    code = "WAIT_TIMEOUT"


class EndpointNotFound(RequestError, LookupError):
    """There is no such webhook endpoint."""

    code = "ENDPOINT_NOT_FOUND"


class EndpointExists(RequestError):
    """There is a webhook endpoint with this URL already."""

    code = "ENDPOINT_EXISTS"


class DeliveryNotFound(RequestError, LookupError):
    """There is no such delivery."""

    code = "DELIVERY_NOT_FOUND"


class UrlNotAllowed(RequestError):
    """The URL can't be used."""

    code = "URL_NOT_ALLOWED"


class FetchFailed(RequestError):
    """The server at the URL did not give what it was asked for."""

    code = "FETCH_FAILED"


class ServerRefused(RequestError):
    """The server refused the request."""

    code = "SERVER_REFUSED"


class TooLarge(RequestError):
    """It is larger than is allowed."""

    code = "TOO_LARGE"


class ConfigurationError(VoxqueueError, ValueError):
    """A setting is missing or wrong."""

    code = "CONFIGURATION"


class DatabaseAway(TransientError, ConnectionError):
    """The database does not answer."""

    code = "DATABASE_AWAY"


class BrokerAway(TransientError, ConnectionError):
    """The broker does not answer."""

    code = "BROKER_AWAY"


class FetchTimeout(TransientError, TimeoutError):
    """The server at the URL took too long."""

    code = "FETCH_TIMEOUT"


class FetchAway(TransientError, ConnectionError):
    """The server at the URL does not answer."""

    code = "FETCH_AWAY"


class Refused(TransientError):
    """The job was not taken; try again later."""

    code = "REFUSED"

    def __init__(self, detail: str = "", retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{detail}; again in {retry_after_s:.0f} s")
        self._told = detail

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), (self._told, self.retry_after_s)


class QuotaExceeded(Refused):
    """Too much of this tenant is in flight."""

    code = "QUOTA_EXCEEDED"


class SystemFull(Refused):
    """The service has more work than it can do in time, or no room."""

    code = "SYSTEM_FULL"


class ServerAway(TransientError, ConnectionError):
    """The Voxqueue server does not answer."""

    code = "SERVER_AWAY"


class Fenced(VoxqueueError, RuntimeError):
    """This worker no longer holds the step."""

    code = "FENCED"
