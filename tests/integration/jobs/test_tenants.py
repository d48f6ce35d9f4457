"""The door of one tenant: pages, events and usage, and nothing at all of another's jobs."""

from collections.abc import Callable
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Update, case, update

from pipeline.stages import Step
from tests.integration.jobs.conftest import new_job
from workers.db.session import Database
from workers.db.tables import jobs as jobs_table
from workers.db.tables import steps as steps_table
from workers.errors import BadCursor, JobNotFound, NotAllowedInState
from workers.jobs import Jobs, TenantJobs
from workers.jobs.listing import Wanted
from workers.jobs.throughput import Load
from workers.jobs.usage import Usage
from workers.states import JobState, StepState

ACTS: dict[str, Callable[[TenantJobs, str], object]] = {
    "status": lambda door, job_id: door.status(job_id),
    "document": lambda door, job_id: door.document(job_id),
    "recording": lambda door, job_id: door.recording(job_id),
    "events": lambda door, job_id: door.events_after(0, job_id),
    "cancel": lambda door, job_id: door.cancel(job_id),
    "retry": lambda door, job_id: door.retry(job_id),
}


@pytest.fixture
def north(jobs: Jobs) -> TenantJobs:
    return TenantJobs(jobs, "north")


@pytest.mark.parametrize("act", ACTS)
def test_another_tenants_job_is_as_unknown_as_none(
    jobs: Jobs, north: TenantJobs, run_until: Callable[..., None], act: str
) -> None:
    theirs = jobs.create(new_job(tenant="south"))
    run_until(theirs)
    told = []
    for job_id in (theirs, str(uuid4()), "no id", "", "\x00", theirs.upper()):
        with pytest.raises(JobNotFound) as refused:
            ACTS[act](north, job_id)
        told.append(refused.value.sentence.replace(job_id, "ID") if job_id else "")
    assert len(set(told) - {""}) == 1
    assert jobs.status(theirs).state is JobState.COMPLETED


def test_an_own_job_is_reached_by_every_act(jobs: Jobs, north: TenantJobs, run_until: Callable[..., None]) -> None:
    job_id = jobs.create(new_job(tenant="north", tags={"b", "a"}, priority=3))
    run_until(job_id)
    status = north.status(job_id)
    assert (status.tags, status.priority, status.state) == (("a", "b"), 3, JobState.COMPLETED)
    assert "hello there" in north.document(job_id)
    assert north.recording(job_id).size_bytes == 1000
    assert north.cancel(job_id) is False
    assert north.events_after(0, job_id) == north.events_after(0)
    with pytest.raises(NotAllowedInState):
        north.retry(jobs.create(new_job(tenant="north")))
    assert north.retry(job_id, Step.DECODE) is Step.DECODE


def test_pages_show_every_job_once_though_some_come_in_between(
    jobs: Jobs, north: TenantJobs, database: Database
) -> None:
    made = [jobs.create(new_job(tenant="north")) for _ in range(7)]
    # Two may be made in one moment of the clock, and then have no order of time.
    moments = case({job: 1_700_000_000.0 + second for second, job in enumerate(made)}, value=jobs_table.c.id)
    database.run(lambda connection: connection.execute(update(jobs_table).values(created_at=moments)))
    jobs.create(new_job(tenant="south"))
    seen, cursor = [], None
    while True:
        page = north.page(Wanted(limit=2, cursor=cursor))
        seen += [job.id for job in page.jobs]
        jobs.create(new_job(tenant="north"))
        if (cursor := page.next_cursor) is None:
            break
    assert seen == made[::-1]


def test_jobs_of_the_same_moment_are_not_lost_between_pages(jobs: Jobs, north: TenantJobs, database: Database) -> None:
    made = {jobs.create(new_job(tenant="north")) for _ in range(5)}
    database.run(lambda connection: connection.execute(update(jobs_table).values(created_at=1_700_000_000.123456)))
    seen, cursor = [], None
    for _ in range(3):
        page = north.page(Wanted(limit=2, cursor=cursor))
        seen += [job.id for job in page.jobs]
        cursor = page.next_cursor
    assert cursor is None
    assert sorted(seen) == sorted(made)


def test_lists_are_filtered(jobs: Jobs, north: TenantJobs) -> None:
    plain = jobs.create(new_job(tenant="north"))
    tagged = jobs.create(new_job(tenant="north", tags={"x", "%"}, external_id="order 7"))
    jobs.create(new_job(tenant="south", tags={"x"}, external_id="order 7"))
    jobs.cancel(plain)

    def ids(**wanted: object) -> list[str]:
        return [job.id for job in north.page(Wanted(**wanted)).jobs]  # type: ignore[arg-type]

    assert ids(tag="x") == ids(external_id="order 7") == ids(tag="%") == [tagged]
    assert ids(tag="X") == ids(tag="") == ids(external_id="order") == []
    assert ids(states=[JobState.CANCELED]) == [plain]
    assert ids(states=[JobState.CANCELED, JobState.QUEUED]) == [tagged, plain]
    made_at = north.status(plain).created_at
    assert ids(created_after=made_at) == [tagged]
    assert ids(created_before=made_at) == []


@pytest.mark.parametrize(
    "cursor", ["", "!", "AAAA", "WzEsMl0", "WzEuNSwgIlx1MDAwMCJd", "W1tbW1tb" * 5000, "WyIxIiwgIngiXQ", "ü"]
)
def test_a_cursor_that_no_list_gave_is_refused(north: TenantJobs, cursor: str) -> None:
    with pytest.raises(BadCursor):
        north.page(Wanted(cursor=cursor))


def test_audio_is_counted_once_for_each_completed_job_and_outlives_it(
    jobs: Jobs, north: TenantJobs, run_until: Callable[..., None], database: Database
) -> None:
    first, second = (jobs.create(new_job(tenant="north")) for _ in range(2))
    for job_id in (first, second, jobs.create(new_job(tenant="south"))):
        run_until(job_id)
    jobs.retry(first, Step.FORMAT)
    lease = jobs.claim(Step.FORMAT, first, "worker")
    assert lease is not None
    jobs.cancel(jobs.create(new_job(tenant="north")))
    database.run(lambda connection: connection.execute(jobs_table.delete().where(jobs_table.c.id == second)))
    assert north.usage() == [Usage("north", 2, 3.0)]
    now = jobs.status(first).created_at
    assert north.usage(since=now + 3600) == north.usage(until=now - 3600) == []


def test_the_load_counts_what_waits_and_spreads_audio_over_the_time_it_took(
    jobs: Jobs, database: Database, north: TenantJobs
) -> None:
    ids = [jobs.create(new_job(tenant=tenant)) for tenant in ("north", "north", "north", "south")]
    at = {"started_at": 1000.0, "duration_s": 600.0}
    done = at | {"state": JobState.COMPLETED, "ended_at": 1100.0}
    for change in (
        update(jobs_table).where(jobs_table.c.id.in_((ids[0], ids[3]))).values(done),
        update(steps_table).where(steps_table.c.job_id == ids[0]).values(state=StepState.DONE),
        update(jobs_table).where(jobs_table.c.id == ids[1]).values(at | {"state": JobState.RUNNING}),
        update(steps_table).where(steps_table.c.job_id == ids[1]).values(progress=0.5),
    ):
        database.run(partial(_execute, change))
    # Ended 20 s ago: 40 of its 100 s lie in the last minute. The other has done 300 s of audio in 120 s.
    assert north.load(1120.0) == Load(queued=1, running=1, audio_s_per_s=(600 * 0.4 + 300 * 0.5) / 60)
    assert north.load(5000.0).audio_s_per_s == pytest.approx(300 / 4000)


def _execute(change: Update, connection: Connection) -> None:
    connection.execute(change)
