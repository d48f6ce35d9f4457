"""Hand in many recordings as one batch."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Unpack
from uuid import uuid4

from pydantic import ValidationError

from pipeline.errors import InputError, InvalidOptions, VoxqueueError
from workers.details import BatchDetails, EnqueueArguments, JobDetails, Options, Roles, invalid
from workers.errors import DatabaseAway, Refused, RequestError
from workers.jobs import JobStatus
from workers.jobs.batches import Batches, BatchStatus, NewBatch
from workers.jobs.values import BatchPlace
from workers.sources import Source


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A batch that was taken: in the place of each recording its job, or the error for which it was refused."""

    batch: BatchStatus
    items: tuple[JobStatus | VoxqueueError, ...]


class _Taker(Protocol):
    batches: Batches

    def enqueue(
        self,
        source: Source | None = None,
        options: Options | None = None,
        *,
        url: str | None = None,
        roles: Roles = (),
        **details: Unpack[JobDetails],
    ) -> JobStatus: ...


def hand_in_batch(
    client: _Taker,
    recordings: Sequence[EnqueueArguments],
    details: BatchDetails,
    check_url: Callable[[str], object],
) -> HandedIn:
    """Open a batch, make each job in it, and seal it; `check_url` refuses callback URLs that must not be called.

    Raises:
        InvalidOptions: there is no recording.
        IdempotencyConflict: the key was used for another batch.
        UrlNotAllowed, DatabaseAway: nothing was taken, or it is safe to send the same again with the same key.
    """
    if not recordings:
        raise InvalidOptions("a batch needs a recording")
    if (callback_url := details.get("callback_url")) is not None:
        check_url(callback_url)
    batch_id = client.batches.open(_new_batch(details, len(recordings)))
    items = [
        _item(client, _placed(wanted, BatchPlace(batch_id, position), details))
        for position, wanted in enumerate(recordings)
    ]
    client.batches.seal(batch_id)
    return HandedIn(client.batches.status(batch_id), tuple(items))


def _new_batch(details: BatchDetails, size: int) -> NewBatch:
    # Whether each recording is the same one is found out when its job is made, under a key of its own.
    asked = json.dumps([size, details.get("callback_url")])
    try:
        return NewBatch(id=str(uuid4()), request_sha256=hashlib.sha256(asked.encode()).hexdigest(), **details)
    except ValidationError as error:
        raise invalid(error) from error


def _placed(wanted: EnqueueArguments, place: BatchPlace, details: BatchDetails) -> EnqueueArguments:
    placed: EnqueueArguments = {**wanted, "batch": place}
    if "tenant" in details:
        placed["tenant"] = details["tenant"]
    key = details.get("idempotency_key")
    if key is not None:
        # Hashed, so that it is no longer than the caller's and none that another request of theirs may have.
        placed["idempotency_key"] = "batch:" + hashlib.sha256(f"{place.position}:{key}".encode()).hexdigest()
    return placed


def _item(client: _Taker, wanted: EnqueueArguments) -> JobStatus | VoxqueueError:
    try:
        return client.enqueue(**wanted)
    except DatabaseAway:
        raise
    except (InputError, RequestError, Refused) as error:
        return error
