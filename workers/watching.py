"""A watched folder: every recording that is put there becomes one job, however often the watcher is started.

A file is taken once it has stopped growing. Its job carries a key of path, size and time of change, so that after a
crash it is known which were taken. Folders are looked at again and again: of a network share nothing else tells.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline.errors import VoxqueueError
from pipeline.options import JobOptions
from pipeline.render import OutputFormat
from workers.client import Client
from workers.errors import FileNotReadable, FileNotWritable, IdempotencyConflict
from workers.jobs import JobStatus
from workers.patterns import NamePattern
from workers.remote import RemoteClient
from workers.states import JobState

logger = logging.getLogger(__name__)

_UNFINISHED: Final = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp")
_LONGEST_ID: Final = 255


@dataclass(frozen=True)
class Watched:
    """What is watched, and what becomes of it.

    A file that has not changed for `settle_s` is whole. With `done` it is moved there once it is taken; with `out` its
    transcript is written there, under its name with `suffix`.
    """

    folder: Path
    options: JobOptions = field(default_factory=JobOptions)
    pattern: NamePattern | None = None
    settle_s: float = 2.0
    done: Path | None = None
    out: Path | None = None
    output_format: OutputFormat = "text"
    suffix: str = ".txt"

    @property
    def tag(self) -> str:
        """What all jobs of this folder are tagged with."""
        return f"watch-{hashlib.sha256(os.fsencode(self.folder.absolute())).hexdigest()[:16]}"


@dataclass(frozen=True)
class Seen:
    """What happened to a file: it was taken, refused, or its transcript was written or will never be."""

    kind: str
    name: str
    detail: str


_Look = tuple[int, int]
"""Size and time of change in ns: a file that differs in one of them is another."""


class Watcher:
    """Looks at a folder as often as it is asked to."""

    def __init__(self, client: Client | RemoteClient, watched: Watched) -> None:
        if not watched.folder.is_dir():
            raise FileNotReadable(f"{watched.folder} is no folder")
        self._client = client
        self._watched = watched
        self._growing: dict[Path, tuple[_Look, float]] = {}
        self._settled: dict[Path, _Look] = {}
        self._awaited = self._unwritten() if watched.out else {}

    @property
    def is_idle(self) -> bool:
        """Whether every file has been dealt with, and every transcript that is wanted."""
        return not self._growing and not self._awaited

    def look(self, now_s: float) -> Iterator[Seen]:
        """Take what is whole at `now_s`, by any clock that only goes on; tell what happened."""
        found = dict(self._files())
        self._growing = {path: each for path, each in self._growing.items() if path in found}
        for path, look in sorted(found.items()):
            if self._settled.get(path) == look:
                continue
            since = self._growing.get(path)
            if since is None or since[0] != look:
                self._growing[path] = (look, now_s)
            elif now_s - since[1] >= self._watched.settle_s:
                yield from self._take(path, look)
        yield from self._deliver()

    def _files(self) -> Iterator[tuple[Path, _Look]]:
        kept_out = {each.absolute() for each in (self._watched.done, self._watched.out) if each}
        for place, folders, names in os.walk(self._watched.folder):
            inside = Path(place)
            folders[:] = [each for each in folders if not each.startswith(".") and _full(inside, each) not in kept_out]
            for name in names:
                if name.startswith(".") or name.lower().endswith(_UNFINISHED):
                    continue
                look = _look_at(inside / name)
                if look is not None and self._fields(name) is not None:
                    yield inside / name, look

    def _fields(self, name: str) -> dict[str, str] | None:
        return {} if self._watched.pattern is None else self._watched.pattern.read(_text(name))

    def _take(self, path: Path, look: _Look) -> Iterator[Seen]:
        name = _text(path.relative_to(self._watched.folder).as_posix())
        try:
            job = self._enqueue(path, name, look)
        except IdempotencyConflict:
            # A server has it, handed in with other options.
            self._settle(path, look)
            return
        except VoxqueueError as error:
            if error.retryable:
                logger.warning("watch.waits", extra={"detail": error.code})
                return
            self._settle(path, look)
            yield Seen("refused", name, f"{error.code}: {error.sentence}")
            return
        self._settle(path, look)
        if self._watched.out:
            self._awaited[job.id] = name
        if self._watched.done:
            _move(path, self._watched.done / path.relative_to(self._watched.folder))
        yield Seen("taken", name, job.id)

    def _settle(self, path: Path, look: _Look) -> None:
        self._growing.pop(path, None)
        self._settled[path] = look

    def _enqueue(self, path: Path, name: str, look: _Look) -> JobStatus:
        key = f"watch:{hashlib.sha256(f'{self._watched.tag}/{name}/{look}'.encode()).hexdigest()}"
        # A server is sent the recording again, and answers with the job that it knows by this key.
        earlier = self._client.runtime.jobs.find(key) if isinstance(self._client, Client) else None
        if earlier is not None:
            return earlier
        details: dict[str, Any] = {
            "idempotency_key": key,
            "file_name": _text(path.name),
            "external_id": name if len(name) <= _LONGEST_ID else None,
            "annotations": self._fields(path.name) or {},
            "tags": {self._watched.tag},
        }
        return self._client.enqueue(path, self._watched.options, **details)

    def _unwritten(self) -> dict[str, str]:
        """Jobs of this folder, from earlier runs, whose transcript is not where it should be."""
        found: dict[str, str] = {}
        for job in self._client.tagged(self._watched.tag):
            name = job.external_id or job.file_name
            if not job.is_final or (job.state is JobState.COMPLETED and not self._target(name).exists()):
                found[job.id] = name
        return found

    def _target(self, name: str) -> Path:
        assert self._watched.out is not None
        return (self._watched.out / name).with_suffix(self._watched.suffix)

    def _deliver(self) -> Iterator[Seen]:
        for job_id, name in tuple(self._awaited.items()):
            job = self._client.status(job_id)
            if not job.is_final:
                continue
            if job.state is JobState.COMPLETED:
                target = self._target(name)
                _write(target, self._client.rendered(job_id, self._watched.output_format))
                yield Seen("written", name, str(target))
            else:
                yield Seen("failed", name, f"{job.error_code or job.state.upper()}: {job.error_message or ''}")
            del self._awaited[job_id]


def _full(folder: Path, name: str) -> Path:
    return (folder / name).absolute()


def _text(name: str) -> str:
    # Names of files are bytes, and need not be text.
    return os.fsencode(name).decode(errors="replace")


def _look_at(path: Path) -> _Look | None:
    try:
        found = path.stat()
    except OSError:
        # Moved away since the folder was read.
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() and found.st_size else None


def _move(path: Path, target: Path) -> None:
    number = 0
    free = target
    while free.exists():
        number += 1
        free = target.with_stem(f"{target.stem}-{number}")
    try:
        free.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, free)
    except FileNotFoundError:
        # Another watcher of the same folder was quicker.
        return
    except OSError as error:
        raise FileNotWritable(f"{free}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise FileNotWritable(f"{path}: {error.strerror}") from error
