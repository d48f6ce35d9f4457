"""Jobs that several callers ask for at the same time are read together: many who ask cost little more than one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from workers.errors import JobNotFound
from workers.jobs import JobStatus, TenantJobs

# One waits for the database while the other makes values of what came; more would only contend for the interpreter.
_AT_ONCE = 2


@dataclass(slots=True)
class _Look:
    """Jobs of a tenant that are read by the task, as soon as it is its turn."""

    task: asyncio.Task[dict[str, JobStatus]]
    job_ids: set[str] = field(default_factory=set)


class Looks:
    """Looks at jobs. Whoever asks while one is under way is in the next: nobody is told what was before they asked."""

    def __init__(self, read: Callable[..., Awaitable[Any]]) -> None:
        self._read = read
        self._next: dict[str, _Look] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def status(self, jobs: TenantJobs, job_id: str) -> JobStatus:
        """The job as it is now.

        Raises:
            JobNotFound: there is no such job, or it is another tenant's.
        """
        look = self._next.get(jobs.tenant)
        if look is None:
            look = self._next[jobs.tenant] = _Look(asyncio.create_task(self._look(jobs)))
        look.job_ids.add(job_id)
        # One who goes away does not take the answer with them that others wait for.
        found = await asyncio.shield(look.task)
        if job_id not in found:
            raise JobNotFound(job_id)
        return found[job_id]

    async def _look(self, jobs: TenantJobs) -> dict[str, JobStatus]:
        async with self._turns:
            look = self._next.pop(jobs.tenant)
            found: dict[str, JobStatus] = await self._read(jobs.statuses, look.job_ids)
            return found
