"""What may be said of a recording when it is handed in, the same for every client, and the checks of it."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from pydantic import ValidationError

from pipeline.errors import InvalidOptions, ModelNotFound
from pipeline.options import DecodeOptions, JobOptions, RedecodeOptions
from workers.jobs import ArtifactRef, NewJob
from workers.jobs.values import BatchPlace, Keep
from workers.sources import Source

Options = JobOptions | dict[str, Any]
Roles = Sequence[str | None]


class JobDetails(TypedDict, total=False):
    """What may be said of a job besides its options.

    `external_id` and `annotations` are the caller's own and come back
    unchanged; two calls with the same `idempotency_key` and the same request make one job; a higher `priority` goes
    first; a job that has not ended `expires_in_s` after it was made is given up; lists can be filtered by `tags`;
    `callback_url` is told how the job ended (docs/webhooks.md).
    """

    file_name: str
    priority: int
    tenant: str
    external_id: str | None
    annotations: dict[str, Any]
    idempotency_key: str | None
    expires_in_s: float | None
    keep: Keep
    tags: Collection[str]
    callback_url: str | None
    batch: BatchPlace | None


class EnqueueArguments(JobDetails, total=False):
    """What `enqueue` is called with, for one recording of a batch: a `source` or a `url`, and what is wanted of it."""

    source: Source
    url: str
    options: Options
    roles: Roles


class BatchDetails(TypedDict, total=False):
    """What may be said of a batch: whose it is, and what is told of its end, once."""

    tenant: str
    callback_url: str | None
    idempotency_key: str | None


def new_job(job_id: str, source: ArtifactRef, options: JobOptions, details: JobDetails) -> NewJob:
    """A job to be made of a recording that is in the store.

    Raises:
        InvalidOptions: what is wrong with it.
    """
    try:
        return NewJob(id=job_id, source=source, options=options, **details)  # type: ignore[arg-type]  # pydantic makes a set
    except ValidationError as error:
        raise invalid(error) from error


def invalid(error: ValidationError) -> InvalidOptions:
    """What a value was refused for, in one line."""
    first = error.errors()[0]
    return InvalidOptions(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def check_options(options: Options | None, roles: Roles = (), models: Path | None = None) -> JobOptions:
    """The options of a job, with `roles` before those in them; `models` as for `check_redecoding`.

    Raises:
        InvalidOptions: what is wrong with them.
    """
    try:
        chosen = options if isinstance(options, JobOptions) else JobOptions.model_validate(options or {})
        if roles:
            document = chosen.model_dump()
            document["preprocess"]["roles"] = tuple(roles)
            chosen = JobOptions.model_validate(document)
    except ValidationError as error:
        raise invalid(error) from error
    _check_language_model(chosen.decode, models)
    return chosen


def check_redecoding(options: DecodeOptions | Mapping[str, Any], models: Path | None = None) -> RedecodeOptions:
    """What a job is decoded again with; options of decode alone are meant as they are, with their defaults.

    `models` is the folder of the language models that jobs choose from, where it is at hand.

    Raises:
        InvalidOptions: what is wrong with it.
    """
    given = options.model_dump() if isinstance(options, DecodeOptions) else options
    try:
        chosen = options if isinstance(options, RedecodeOptions) else RedecodeOptions.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from error
    _check_language_model(chosen, models)
    return chosen


def _check_language_model(options: DecodeOptions, models: Path | None) -> None:
    if options.language_model is None or models is None:
        return
    # Web apps import this module, and most of their jobs choose none.
    from pipeline.decode.language import find_language_model  # noqa: PLC0415

    try:
        find_language_model(options.language_model, models)
    except ModelNotFound as error:
        raise InvalidOptions(f"language_model: {error.detail}") from error
