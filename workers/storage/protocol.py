"""What an artifact store must be able to do."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from workers.jobs.values import ArtifactRef
from workers.objects import Entry

Write = Callable[[BinaryIO], None]


class ArtifactStore(Protocol):
    """Where artifacts are kept: immutable, under a key with what made them and their sha256, verified when read.

    Every method raises ResourceBusy where the store is full or away for the moment.
    """

    def put(self, name: str, write: Write) -> ArtifactRef:
        """Keep what `write` writes into a seekable file; `name` says what made it (`JOB/STEP.FENCE`)."""

    def open(self, ref: ArtifactRef) -> BinaryIO:
        """The verified bytes, ready to read.

        Raises:
            ArtifactDamaged: they are gone or are not what was written.
        """

    def path(self, ref: ArtifactRef) -> AbstractContextManager[Path]:
        """A local file with the verified bytes while the context lasts, for libraries that want a path."""

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Every stored file below a folder, left-overs of writers that died among them."""

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files; one that is gone already is no error."""

    def delete_job(self, job_id: str) -> None:
        """Remove every artifact of a job."""

    def used_share(self) -> float | None:
        """How full the store is, 0 to 1; None where it has no end."""
