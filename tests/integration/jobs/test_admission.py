"""What is refused, when to come again, and that nothing else is."""

import math
import pickle

import pytest
from sqlalchemy import update

from pipeline.stages import STEPS
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import jobs as jobs_table
from workers.errors import QuotaExceeded, SystemFull
from workers.jobs import ArtifactRef, Jobs, NewJob
from workers.jobs.admission import Gate, Limits, Load, estimate_s, measure
from workers.states import JobState

MINUTE_BYTES = 60 * 16_000


def call(size_bytes: int = MINUTE_BYTES, **changes: object) -> NewJob:
    job = new_job(**changes)
    source = ArtifactRef(job.source.key, job.source.sha256, size_bytes)
    return new_job(**{**changes, "id": job.id, "source": source})


def service(database: Database, **limits: float) -> Jobs:
    return Jobs(database, POLICY, Gate(Limits(**limits)))


def complete(jobs: Jobs, job_id: str, *, started_ago_s: float, took_s: float, audio_s: float) -> None:
    """The job as if it had been done then, in that time."""
    for step in STEPS:
        lease = jobs.claim(step, job_id, "worker")
        assert lease is not None
        jobs.finish(lease, result_of(lease))
    values = {
        "started_at": db_now() - started_ago_s,
        "ended_at": db_now() - started_ago_s + took_s,
        "duration_s": audio_s,
    }
    jobs.database.run(
        lambda connection: connection.execute(update(jobs_table).where(jobs_table.c.id == job_id).values(**values))
    )


def measured(jobs: Jobs) -> Load:
    with jobs.database.read() as connection:
        return measure(connection)


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"tenant_jobs": 2}, "2 jobs are allowed"),
        ({"tenant_bytes": 2.5 * MINUTE_BYTES}, "2400000 bytes are allowed"),
        ({"tenant_audio_s": 150.0}, "150 seconds of audio are allowed"),
    ],
)
def test_a_tenant_with_too_much_in_flight_is_refused_and_others_are_not(
    database: Database, limit: dict[str, float], told: str
) -> None:
    jobs = service(database, **limit)
    first = [jobs.create(call(tenant="large")) for _ in range(2)]
    with pytest.raises(QuotaExceeded, match=told) as refused:
        jobs.create(call(tenant="large"))
    assert refused.value.retry_after_s >= 1
    assert len(jobs.recent()) == 2
    jobs.create(call(tenant="small"))
    jobs.cancel(first[0])
    jobs.create(call(tenant="large"))


def test_a_recording_that_is_larger_than_the_limit_alone_is_taken_when_nothing_else_is_in_flight(
    database: Database,
) -> None:
    jobs = service(database, tenant_audio_s=10.0)
    jobs.create(call())
    with pytest.raises(QuotaExceeded):
        jobs.create(call())


def test_a_request_that_was_taken_before_is_answered_again_however_full_it_is(database: Database) -> None:
    jobs = service(database, tenant_jobs=1)
    job = call(idempotency_key="order-1")
    assert jobs.create(job) == jobs.create(job) == job.id
    again = call(idempotency_key="order-1", source=job.source)
    assert jobs.create(again) == job.id


def test_what_a_recording_holds_is_guessed_by_its_size_until_it_is_known(database: Database) -> None:
    jobs = service(database)
    job_id = jobs.create(call())
    assert estimate_s(MINUTE_BYTES) == 60.0
    assert measured(jobs) == Load(60.0, None)
    lease = jobs.claim(STEPS[0], job_id, "worker")
    assert lease is not None
    jobs.finish(lease, result_of(lease))
    assert measured(jobs).backlog_s == 1.5


def test_the_speed_is_measured_while_there_was_work_and_not_by_the_hours_between(database: Database) -> None:
    jobs = service(database)
    done = [jobs.create(call()) for _ in range(3)]
    # Two at the same time for 20 s, and one for 10 s half an hour before.
    complete(jobs, done[0], started_ago_s=100, took_s=20, audio_s=60)
    complete(jobs, done[1], started_ago_s=95, took_s=15, audio_s=60)
    complete(jobs, done[2], started_ago_s=1900, took_s=10, audio_s=30)
    assert measured(jobs).speed == pytest.approx(150 / 30, rel=0.15)
    complete(jobs, jobs.create(call()), started_ago_s=3700, took_s=10, audio_s=1e6)
    assert measured(jobs).speed == pytest.approx(150 / 30, rel=0.15)


def test_more_work_than_the_service_level_allows_is_refused_until_it_is_done(database: Database) -> None:
    jobs = service(database, service_level_s=65.0)
    complete(jobs, jobs.create(call()), started_ago_s=30, took_s=30, audio_s=60)
    for _ in range(2):
        jobs.create(call())
        jobs.gate._measured_at = -math.inf
    # 180 s of audio at twice the speed of speech would take 90 s.
    with pytest.raises(SystemFull, match=r"120 s of audio wait, done at 2\.0 times") as refused:
        jobs.create(call())
    assert refused.value.retry_after_s == pytest.approx(25, abs=1)


def test_nothing_is_refused_for_its_time_before_any_time_was_measured(database: Database) -> None:
    jobs = service(database, service_level_s=1e-3)
    for _ in range(3):
        jobs.create(call())
    assert {job.state for job in jobs.recent()} == {JobState.QUEUED}


def test_a_store_that_is_nearly_full_takes_no_recordings_and_one_without_an_end_does(database: Database) -> None:
    limits = Limits(used_share=0.95)
    full = Jobs(database, POLICY, Gate(limits, lambda: 0.96))
    with pytest.raises(SystemFull, match="the store is 96% full; again in 60 s"):
        full.create(call())
    Jobs(database, POLICY, Gate(limits, lambda: 0.94)).create(call())
    Jobs(database, POLICY, Gate(limits, lambda: None)).create(call())


def test_the_load_is_measured_once_in_a_while_and_not_for_each_job(database: Database) -> None:
    jobs = service(database)
    with database.read() as connection:
        before = jobs.gate.load(connection)
    jobs.create(call())
    with database.read() as connection:
        assert jobs.gate.load(connection) is before


def test_a_refusal_says_the_same_after_it_came_from_another_process() -> None:
    error = SystemFull("no room", 12.0)
    again = pickle.loads(pickle.dumps(error))
    assert (again.sentence, again.retry_after_s, again.code) == (error.sentence, 12.0, "SYSTEM_FULL")
    assert error.retryable
