"""The artifact store: bytes that one step leaves for the next, immutable, named by what made them and their hash.

A file is written under a temporary name, synced, and only then linked under its own: a reader sees all of it or
nothing. Whoever reads checks the hash first.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol

from pipeline.errors import ArtifactDamaged, ResourceBusy
from workers.jobs.values import ArtifactRef


class ArtifactStore(Protocol):
    """Where artifacts are kept."""

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> ArtifactRef:
        """Keep what `write` writes into a seekable file; `name` says what made it (`JOB/STEP.FENCE`)."""

    def open(self, ref: ArtifactRef) -> BinaryIO:
        """The verified bytes, ready to read.

        Raises:
            ArtifactDamaged: they are gone or are not what was written.
        """

    def path(self, ref: ArtifactRef) -> Path:
        """A local file with the verified bytes, for libraries that want a path."""

    def delete_job(self, job_id: str) -> None:
        """Remove every artifact of a job."""


class LocalStore:
    """Artifacts in a folder that all workers share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> ArtifactRef:
        """See `ArtifactStore.put`. A full disk is a matter of the moment: ResourceBusy."""
        folder = (self.root / name).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return self._put(folder, name, write)
        except OSError as error:
            raise ResourceBusy(f"artifact store: {error.strerror}") from error

    def _put(self, folder: Path, name: str, write: Callable[[BinaryIO], None]) -> ArtifactRef:
        with NamedTemporaryFile(dir=folder, prefix=".", suffix=".part", delete=False) as part:
            try:
                write(part)  # type: ignore[arg-type]  # the wrapper is a binary file in all but name
                part.flush()
                os.fsync(part.fileno())
                part.seek(0)
                sha256 = hashlib.file_digest(part, "sha256").hexdigest()
                size_bytes = os.fstat(part.fileno()).st_size
                key = f"{name}.{sha256}"
                Path(part.name).replace(self.root / key)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
        _sync_folder(folder)
        return ArtifactRef(key, sha256, size_bytes)

    def open(self, ref: ArtifactRef) -> BinaryIO:
        """See `ArtifactStore.open`."""
        try:
            file = (self.root / ref.key).open("rb")
        except FileNotFoundError as error:
            raise ArtifactDamaged(f"{ref.key} is gone") from error
        if hashlib.file_digest(file, "sha256").hexdigest() != ref.sha256:
            file.close()
            raise ArtifactDamaged(f"{ref.key} has changed")
        file.seek(0)
        return file

    def path(self, ref: ArtifactRef) -> Path:
        """See `ArtifactStore.path`."""
        self.open(ref).close()
        return self.root / ref.key

    def delete_job(self, job_id: str) -> None:
        """Remove every artifact of a job."""
        shutil.rmtree(self.root / job_id, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    # The new name itself must survive a power cut, not only the bytes.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
