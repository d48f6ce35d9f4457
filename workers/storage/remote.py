"""Artifacts in a bucket of an S3-compatible service.

An object appears whole or not at all. Its key holds its hash, so that writing it again after an answer that was lost
makes the same object and not a second one.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, BinaryIO

from pipeline.errors import ArtifactDamaged, ResourceBusy, VoxqueueError
from workers.errors import ObjectNotFound
from workers.jobs.values import ArtifactRef
from workers.objects import Bucket, Entry
from workers.storage.protocol import Write


class RemoteStore:
    """See `ArtifactStore`. What is written or read passes through an unnamed file in the temporary folder."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def put(self, name: str, write: Write) -> ArtifactRef:
        """See `ArtifactStore.put`."""
        try:
            with TemporaryFile() as file:
                write(file)
                size_bytes = file.seek(0, os.SEEK_END)
                file.seek(0)
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                ref = ArtifactRef(f"{name}.{sha256}", sha256, size_bytes)
                self.bucket.write(ref.key, file)
        except VoxqueueError:
            raise
        except OSError as error:
            raise ResourceBusy(f"temporary folder: {error.strerror}") from error
        return ref

    def open(self, ref: ArtifactRef) -> BinaryIO:
        """See `ArtifactStore.open`."""
        file = TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            self._fetch(ref, file)
        except BaseException:
            file.close()
            raise
        return file

    @contextmanager
    def path(self, ref: ArtifactRef) -> Iterator[Path]:
        """See `ArtifactStore.path`."""
        with NamedTemporaryFile() as file:
            self._fetch(ref, file)
            yield Path(file.name)

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """See `ArtifactStore.entries`."""
        return self.bucket.entries(folder)

    def remove(self, keys: Iterable[str]) -> None:
        """See `ArtifactStore.remove`."""
        self.bucket.remove(keys)

    def delete_job(self, job_id: str) -> None:
        """See `ArtifactStore.delete_job`."""
        self.bucket.remove([entry.key for entry in self.bucket.entries(job_id)])

    def used_share(self) -> float | None:
        """See `ArtifactStore.used_share`: a bucket has no end."""
        return None

    def _fetch(self, ref: ArtifactRef, file: IO[bytes]) -> None:
        hashed = hashlib.sha256()
        try:
            for piece in self.bucket.read(ref.key):
                hashed.update(piece)
                file.write(piece)
        except ObjectNotFound as error:
            raise ArtifactDamaged(f"{ref.key} is gone") from error
        except OSError as error:
            raise ResourceBusy(f"temporary folder: {error.strerror}") from error
        if hashed.hexdigest() != ref.sha256:
            raise ArtifactDamaged(f"{ref.key} has changed")
        file.flush()
        file.seek(0)
