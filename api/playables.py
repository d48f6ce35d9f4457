"""Recordings that somebody listens to: made playable once, kept for a while in a folder of this process."""

import asyncio
import hashlib
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from api.services import Services
from pipeline.options import PreprocessOptions
from pipeline.values import Span
from workers.jobs import ArtifactRef, TenantJobs
from workers.playback import make_playable

_MOST_KEPT = 8


@dataclass(frozen=True, slots=True)
class Playable:
    """A WAV file that every browser plays, and the outline of its channels as JSON."""

    path: Path
    outline: str


class Playables:
    """The newest few; what was asked for longest ago goes first, and everything with the process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._folder = Path(tempfile.mkdtemp(prefix="voxqueue-playable-"))
        self._made: OrderedDict[str, asyncio.Task[Playable]] = OrderedDict()

    async def of(self, jobs: TenantJobs, job_id: str, silenced: Sequence[Span] = ()) -> Playable:
        """The recording of a job without these stretches, made playable by whoever asks first; the others wait for it.

        Raises:
            JobNotFound: there is no such job, or its recording was deleted.
            NotPlayable: it can't be decoded.
        """
        # Asked each time: a recording that was deleted is not played from here.
        source = await self._services.read(jobs.recording, job_id)
        kept = _digest(source.key, silenced)
        making = self._made.get(kept)
        if making is None or (making.done() and making.exception() is not None):
            making = asyncio.create_task(self._make(jobs, job_id, kept, silenced))
            self._made[kept] = making
        self._made.move_to_end(kept)
        await self._forget()
        return await asyncio.shield(making)

    async def _make(self, jobs: TenantJobs, job_id: str, name: str, silenced: Sequence[Span]) -> Playable:
        source = await self._services.read(jobs.recording, job_id)
        options = await self._services.read(jobs.options, job_id)
        target = self._folder / f"{name}.wav"
        decode = partial(self._decode, source, options.preprocess, target, silenced)
        outline = await self._services.write(decode)
        return Playable(target, outline)

    def _decode(self, source: ArtifactRef, options: PreprocessOptions, target: Path, silenced: Sequence[Span]) -> str:
        with self._services.client.runtime.store.path(source) as path:
            return make_playable(path, options, target, silenced)

    async def _forget(self) -> None:
        for key in [key for key, making in self._made.items() if making.done()][: max(0, len(self._made) - _MOST_KEPT)]:
            making = self._made.pop(key)
            if making.exception() is None:
                await self._services.write(making.result().path.unlink, missing_ok=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _digest(key: str, silenced: Sequence[Span]) -> str:
    return hashlib.sha256(f"{key} {list(silenced)}".encode()).hexdigest()[:16]
