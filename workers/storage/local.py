"""Artifacts in a folder that all workers share: a disk of one host, or one that is mounted by all.

A file is written under a temporary name, synced, and only then moved to its own: a reader sees all of it or nothing.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from pipeline.errors import ArtifactDamaged, ResourceBusy, VoxqueueError
from workers.jobs.values import ArtifactRef
from workers.objects import Entry
from workers.storage.protocol import Write


class LocalStore:
    """See `ArtifactStore`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, write: Write) -> ArtifactRef:
        """See `ArtifactStore.put`. A full disk is a matter of the moment: ResourceBusy."""
        folder = (self.root / name).parent
        try:
            is_new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            if is_new:
                _sync_folder(folder.parent)
            return self._put(folder, name, write)
        except VoxqueueError:
            # Some of ours are errors of the operating system as well: what a source could not give is no full disk.
            raise
        except OSError as error:
            raise ResourceBusy(f"artifact store: {error.strerror}") from error

    def _put(self, folder: Path, name: str, write: Write) -> ArtifactRef:
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

    @contextmanager
    def path(self, ref: ArtifactRef) -> Iterator[Path]:
        """See `ArtifactStore.path`."""
        self.open(ref).close()
        yield self.root / ref.key

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """See `ArtifactStore.entries`."""
        for place, _folders, names in os.walk(self.root / folder):
            for name in names:
                path = Path(place, name)
                # A writer moves its temporary file, and a collector beside this one removes others.
                with suppress(FileNotFoundError):
                    found = path.stat()
                    yield Entry(path.relative_to(self.root).as_posix(), found.st_size, found.st_mtime)

    def remove(self, keys: Iterable[str]) -> None:
        """See `ArtifactStore.remove`."""
        for key in keys:
            path = self.root / key
            path.unlink(missing_ok=True)
            # The folder of a job goes with its last file; a writer that needs it makes it again.
            with suppress(OSError):
                path.parent.rmdir()

    def delete_job(self, job_id: str) -> None:
        """See `ArtifactStore.delete_job`."""
        shutil.rmtree(self.root / job_id, ignore_errors=True)

    def used_share(self) -> float | None:
        """See `ArtifactStore.used_share`."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        disk = shutil.disk_usage(folder)
        # What is kept back for root is no use to us.
        return disk.used / (disk.used + disk.free) if disk.used + disk.free else None


def _sync_folder(folder: Path) -> None:
    # A new name, of a file or of its folder, must survive a power cut as the bytes do.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
