"""Objects in an S3-compatible service: AWS, MinIO, Ceph, R2. Credentials are those that AWS's own tools would find.

Every failure is one of three: the object is not there, it may not be read or written, or the service is busy.
"""

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from pipeline.errors import ResourceBusy
from workers.errors import ConfigurationError, ObjectNotAllowed, ObjectNotFound
from workers.settings import Settings

Result = TypeVar("Result")

SCHEME = "s3"
_CHUNK_BYTES = 8 * 1024**2
_TRIES = 4
_FIRST_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored file: its key, its size, and when it was written, in seconds since 1970 by the store's clock."""

    key: str
    size_bytes: int
    written_at: float


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key (or prefix, without slashes around it) of `s3://BUCKET/KEY`.

    Raises:
        ConfigurationError: it is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme != SCHEME or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(f"{url!r} is not of the form s3://BUCKET/KEY")
    return parts.netloc, parts.path.strip("/")


class Bucket:
    """One bucket, below a prefix; connects when it is first used, so that it may be made before a fork."""

    def __init__(self, settings: Settings, name: str, prefix: str = "") -> None:
        self.name = name
        self.prefix = prefix
        self._endpoint = settings.s3_endpoint
        self._region = settings.s3_region
        self._timeout = timedelta(seconds=settings.s3_timeout_s)

    def size_bytes(self, key: str) -> int:
        """Size of an object.

        Raises:
            ObjectNotFound, ObjectNotAllowed, ResourceBusy: see the head of this module; so do all others here.
        """
        return int(self._tried(partial(self._store.head, key), key)["size"])

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an object, in pieces that each may be tried again: no length is too long for a time-out."""
        size = self.size_bytes(key)
        for start in range(0, size, _CHUNK_BYTES):
            length = min(_CHUNK_BYTES, size - start)
            yield bytes(self._tried(partial(self._store.get_range, key, start=start, length=length), key))

    def write(self, key: str, file: BinaryIO) -> None:
        """Write an object from the start of a seekable file, all of it or nothing.

        Written again when the answer was lost, so `key` must name these bytes and no others.
        """
        size = file.seek(0, os.SEEK_END)

        def put() -> None:
            file.seek(0)
            try:
                self._store.put(key, file)
            except (AlreadyExistsError, PreconditionError):
                # Another writer of the same bytes was there, or is at it right now: only the first is good enough.
                if self._size_or_none(key) != size:
                    raise

        self._tried(put, key)

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Every object below a folder."""
        pages = self._store.list(folder or None, chunk_size=1000)
        while page := self._tried(lambda: next(pages, None), folder):
            for meta in page:
                yield Entry(meta["path"], int(meta["size"]), meta["last_modified"].timestamp())

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no error."""
        for key in keys:
            with suppress(ObjectNotFound):
                self._tried(partial(self._store.delete, key), key)

    def _size_or_none(self, key: str) -> int | None:
        try:
            return int(self._store.head(key)["size"])
        except (NotFoundError, FileNotFoundError):
            return None

    @cached_property
    def _store(self) -> S3Store:
        retries = {"max_retries": 3, "retry_timeout": self._timeout, "backoff": {"max_backoff": timedelta(seconds=2)}}
        named = {"region": self._region, "endpoint": self._endpoint}
        return S3Store(
            self.name,
            prefix=self.prefix or None,
            config={name: value for name, value in named.items() if value},  # type: ignore[arg-type]
            client_options={
                "allow_http": self._endpoint.startswith("http://"),
                "timeout": self._timeout,
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config=retries,  # type: ignore[arg-type]  # a typed dict that is not importable at run time
        )

    def _tried(self, act: Callable[[], Result], key: str) -> Result:
        for attempt in range(_TRIES):
            try:
                return act()
            except (NotFoundError, FileNotFoundError) as error:
                raise ObjectNotFound(f"s3://{self.name}/{key}") from error
            except (PermissionDeniedError, UnauthenticatedError) as error:
                raise ObjectNotAllowed(f"s3://{self.name}/{key}") from error
            except BaseError as error:
                last_error = error
            # The library repeats what is safe for any request; ours may be repeated whatever became of it.
            time.sleep(random.uniform(0.5, 1.0) * _FIRST_PAUSE_S * 2**attempt)  # noqa: S311  # jitter
        raise ResourceBusy(f"s3://{self.name}: {type(last_error).__name__}") from last_error
