"""Many who ask for jobs at the same time."""

import asyncio
from collections.abc import Callable
from typing import Any

from api.looks import Looks
from tests.integration.conftest import RuntimeMaker, hand_in
from workers.errors import DatabaseAway, JobNotFound
from workers.jobs import JobStatus, TenantJobs
from workers.states import JobState

LONG_S = 30


class Reader:
    """Reads in a thread as the server does, only while it may; counts how often."""

    def __init__(self) -> None:
        self.times = 0
        self.has_begun = asyncio.Event()
        self.may_read = asyncio.Event()

    async def __call__(self, act: Callable[..., Any], *args: Any) -> Any:
        self.times += 1
        self.has_begun.set()
        read = await asyncio.to_thread(act, *args)
        await self.may_read.wait()
        return read


def test_many_who_ask_at_once_cost_one_look_and_each_is_told_of_their_own(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime()
    mine, other = TenantJobs(runtime.jobs, "default"), TenantJobs(runtime.jobs, "other")
    wanted = [hand_in(runtime) for _ in range(20)]
    foreign = hand_in(runtime, tenant="other")

    async def ask() -> None:
        reader = Reader()
        reader.may_read.set()
        looks = Looks(reader)
        asked = [looks.status(mine, each) for each in (*wanted, foreign, "\x00", *wanted)]
        *found, own = await asyncio.gather(*asked, looks.status(other, foreign), return_exceptions=True)
        assert isinstance(own, JobStatus)
        assert [getattr(job, "id", None) for job in found] == [*wanted, None, None, *wanted]
        assert all(isinstance(found[place], JobNotFound) for place in (20, 21))
        assert (own.id, own.tenant) == (foreign, "other")
        assert reader.times == 2, "one for each tenant"

    asyncio.run(asyncio.wait_for(ask(), LONG_S))


def test_nobody_is_told_what_was_before_they_asked(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime()
    jobs, job_id = TenantJobs(runtime.jobs, "default"), hand_in(runtime)

    async def ask() -> None:
        reader = Reader()
        looks = Looks(reader)
        early = asyncio.create_task(looks.status(jobs, job_id))
        gone = asyncio.create_task(looks.status(jobs, job_id))
        await reader.has_begun.wait()
        await asyncio.to_thread(runtime.jobs.cancel, job_id)
        late = asyncio.create_task(looks.status(jobs, job_id))
        await asyncio.sleep(0)
        gone.cancel()
        reader.may_read.set()
        assert (await late).state is JobState.CANCELED
        assert (await early).id == job_id, "whoever went away took nobody's answer along"
        assert reader.times == 2

    asyncio.run(asyncio.wait_for(ask(), LONG_S))


def test_everyone_hears_that_the_database_is_away_and_the_next_is_answered(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime()
    jobs, job_id = TenantJobs(runtime.jobs, "default"), hand_in(runtime)
    is_away = [True]

    async def read(act: Callable[..., Any], *args: Any) -> Any:
        if is_away.pop():
            raise DatabaseAway("gone")
        return act(*args)

    async def ask() -> None:
        looks = Looks(read)
        answers = await asyncio.gather(*(looks.status(jobs, job_id) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, DatabaseAway) for each in answers)
        is_away.append(False)
        assert (await looks.status(jobs, job_id)).id == job_id

    asyncio.run(asyncio.wait_for(ask(), LONG_S))
