"""Deletion and retention in the database: what goes, what stays, and that it happens once."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError
from sqlalchemy import insert, select, update

from pipeline.errors import CorruptHeader
from pipeline.options import DecodeOptions, JobOptions
from pipeline.preflight import Finding, Severity, Unusable
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job, result_of
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import attempts, chores, job_tags, segments, transcripts, words
from workers.db.tables import jobs as jobs_table
from workers.db.tables import steps as steps_table
from workers.errors import Fenced, IdempotencyConflict, JobDeleted, JobNotFound
from workers.jobs import Jobs, Keep, Lease
from workers.jobs.removal import Receipt, RemovedText
from workers.states import JobState, StepState

Claim = Callable[..., Lease]
RunUntil = Callable[..., None]

SECRET = "Zoë, card 4111"
DAY_S = 86_400.0


def age(database: Database, job_id: str, days: float) -> None:
    """As if the job had been made and had ended that long ago."""
    earlier = db_now() - days * DAY_S

    def rewrite(connection: object) -> None:
        for table in (jobs_table, transcripts):
            column = "id" if table is jobs_table else "job_id"
            connection.execute(update(table).where(table.c[column] == job_id).values(created_at=earlier))  # type: ignore[attr-defined]
        connection.execute(update(jobs_table).where(jobs_table.c.id == job_id).values(ended_at=earlier))  # type: ignore[attr-defined]
        connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.job_id == job_id).values(created_at=earlier))  # type: ignore[attr-defined]

    database.run(rewrite)


ARTIFACTS = jobs_table.metadata.tables["artifacts"]


def everything(database: Database) -> str:
    """All that the database holds, as text."""
    with database.read() as connection:
        tables = (each for each in jobs_table.metadata.sorted_tables)
        return repr([connection.execute(select(table)).all() for table in tables])


def test_a_deleted_job_keeps_its_row_and_loses_every_word(jobs: Jobs, database: Database, run_until: RunUntil) -> None:
    options = JobOptions(decode=DecodeOptions(hotwords=(SECRET,)))
    names = {"file_name": SECRET, "external_id": SECRET, "annotations": {"who": SECRET}, "idempotency_key": SECRET}
    job = new_job(options=options, **names)
    jobs.create(job)
    database.run(lambda connection: connection.execute(insert(job_tags).values(job_id=job.id, tag=SECRET)))
    run_until(job.id)
    length = len(jobs.document(job.id))
    receipt = jobs.delete(job.id)
    assert receipt.reason == "request"
    assert [file.step for file in receipt.files] == sorted(["source", *STEPS[:-1]])
    assert receipt.files[-1].sha256 == "a" * 64
    assert receipt.texts == (RemovedText(1, length),)
    found = jobs.status(job.id)
    assert (found.state, found.file_name, found.external_id, found.annotations) == (JobState.COMPLETED, "", None, {})
    assert found.deleted_at == pytest.approx(receipt.at, abs=1)
    assert "Zo" not in everything(database)
    assert "hello" not in everything(database)
    with database.read() as connection:
        assert [connection.execute(select(table)).all() for table in (transcripts, segments, words)] == [[], [], []]
    with pytest.raises(JobDeleted):
        jobs.document(job.id)
    with pytest.raises(JobDeleted):
        jobs.retry(job.id)
    assert jobs.events_after(job.id)[-1].kind == "job.deleted"


def test_a_deletion_whose_commit_was_in_doubt_gives_its_receipt_again(jobs: Jobs, run_until: RunUntil) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id)
    first = jobs.delete(job_id)
    assert jobs.delete(job_id) == first
    assert jobs.receipts(job_id) == [first]
    assert jobs.unfinished_removals() == [first]
    jobs.finish_removal(first)
    assert jobs.unfinished_removals() == []
    assert jobs.receipts(job_id)[0].finished_at is not None


def test_deleting_a_running_job_cancels_it_and_fences_its_worker_off(jobs: Jobs, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    held = claimed(Step.PREPROCESS, job_id)
    receipt = jobs.delete(job_id)
    assert [file.step for file in receipt.files] == ["source"]
    with pytest.raises(Fenced):
        jobs.finish(held, result_of(held))
    job = jobs.status(job_id)
    assert (job.state, job.steps[0].state) == (JobState.CANCELED, StepState.CANCELED)
    assert jobs.reap(["worker-1"]) == []


def test_what_went_wrong_is_emptied_of_details_too(jobs: Jobs, database: Database, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    error = CorruptHeader(SECRET)
    error.report = Unusable(None, None, None, None, 0.0, (Finding(error.code, Severity.ERROR, None, error.sentence),))
    jobs.fail(claimed(Step.PREPROCESS, job_id), error)
    assert SECRET in everything(database)
    jobs.delete(job_id)
    assert SECRET not in everything(database)
    job = jobs.status(job_id)
    assert (job.state, job.error_code, job.error_message) == (JobState.FAILED, "CORRUPT_HEADER", None)
    with database.read() as connection:
        assert connection.execute(select(attempts.c.error_code)).scalars().all() == ["CORRUPT_HEADER"]


def test_deleting_what_does_not_exist_says_so_and_its_idempotency_key_is_free_again(jobs: Jobs) -> None:
    with pytest.raises(JobNotFound):
        jobs.delete("00000000-0000-0000-0000-000000000000")
    first = new_job(idempotency_key="order-1")
    jobs.create(first)
    jobs.delete(first.id)
    second = new_job(idempotency_key="order-1", source=first.source.__class__("other", "f" * 64, 5))
    assert jobs.create(second) == second.id


def kinds(receipts: list[Receipt]) -> dict[str, list[str]]:
    return {each.reason: [file.step for file in each.files] for each in receipts}


def test_each_class_of_data_goes_when_its_own_time_has_passed(
    jobs: Jobs, database: Database, run_until: RunUntil
) -> None:
    keep = Keep(audio_days=30, features_days=0, emissions_days=10, text_days=90)
    job_id = jobs.create(new_job())
    run_until(job_id)
    age(database, job_id, days=0.01)
    assert kinds(jobs.remove_due(keep)) == {"features": ["decode", "features", "preprocess"]}
    assert jobs.remove_due(keep) == []
    age(database, job_id, days=10.01)
    assert kinds(jobs.remove_due(keep)) == {"emissions": ["inference"]}
    age(database, job_id, days=30.01)
    assert kinds(jobs.remove_due(keep)) == {"audio": ["source"]}
    assert '"hello there"' in jobs.document(job_id)
    age(database, job_id, days=90.01)
    [receipt] = jobs.remove_due(keep)
    assert (receipt.reason, receipt.files, len(receipt.texts)) == ("text", (), 1)
    with pytest.raises(JobDeleted):
        jobs.document(job_id)
    assert [each.reason for each in jobs.receipts(job_id)] == ["features", "emissions", "audio", "text"]
    assert jobs.status(job_id).file_name == "call.wav"


def test_what_is_kept_for_ever_and_what_has_not_ended_stays(
    jobs: Jobs, database: Database, run_until: RunUntil
) -> None:
    ended, running = jobs.create(new_job()), jobs.create(new_job())
    run_until(ended)
    run_until(running, Step.DECODE)
    for job_id in (ended, running):
        age(database, job_id, days=10_000)
    assert kinds(jobs.remove_due(Keep(features_days=0))) == {"features": ["decode", "features", "preprocess"]}
    assert jobs.receipts(running) == []
    assert jobs.remove_due(Keep()) == []


def test_a_job_may_keep_its_data_longer_or_shorter_than_the_service_does(
    jobs: Jobs, database: Database, run_until: RunUntil
) -> None:
    longer = jobs.create(new_job(keep=Keep(audio_days=365, features_days=365)))
    shorter = jobs.create(new_job(keep=Keep(audio_days=0, text_days=1)))
    for job_id in (longer, shorter):
        run_until(job_id)
        age(database, job_id, days=2)
    assert {each.job_id for each in jobs.remove_due(Keep(audio_days=30, features_days=1))} == {shorter}
    assert [each.reason for each in jobs.receipts(shorter)] == ["audio", "features", "text"]
    with pytest.raises(ValidationError):
        Keep(audio_days=-1)


def test_how_long_data_is_kept_is_part_of_the_request(jobs: Jobs) -> None:
    first = new_job(idempotency_key="order-1")
    jobs.create(first)
    with pytest.raises(IdempotencyConflict):
        jobs.create(new_job(idempotency_key="order-1", source=first.source, keep=Keep(audio_days=1)))


def test_a_retry_begins_where_data_is_still_kept_and_a_job_that_runs_again_loses_none(
    jobs: Jobs, database: Database, claimed: Claim, run_until: RunUntil
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id)
    age(database, job_id, days=1)
    jobs.remove_due(Keep(features_days=0))
    assert jobs.retry(job_id, Step.FORMAT) is Step.DECODE
    assert jobs.remove_due(Keep(features_days=0, emissions_days=0, audio_days=0)) == []
    assert claimed(Step.DECODE, job_id).input.key == f"{job_id}/inference.1"
    jobs.cancel(job_id)
    age(database, job_id, days=1)
    jobs.remove_due(Keep(emissions_days=0))
    assert jobs.retry(job_id) is Step.PREPROCESS
    jobs.cancel(job_id)
    age(database, job_id, days=1)
    jobs.remove_due(Keep(audio_days=0))
    with pytest.raises(JobDeleted):
        jobs.retry(job_id)


def test_only_what_a_job_still_needs_is_referred_to(jobs: Jobs, run_until: RunUntil) -> None:
    job = new_job()
    jobs.create(job)
    run_until(job.id, Step.FEATURES)
    keys = {job.source.key, f"{job.id}/preprocess.1", f"{job.id}/preprocess.0"}
    assert jobs.referenced(keys) == {job.source.key, f"{job.id}/preprocess.1"}
    jobs.delete(job.id)
    assert jobs.referenced(keys) == set()


def test_a_chore_is_begun_by_one_process_at_a_time(jobs: Jobs, database: Database) -> None:
    assert [jobs.begin_chore("collect", 60) for _ in range(3)] == [True, False, False]
    assert jobs.begin_chore("another", 60)
    database.run(lambda connection: connection.execute(update(chores).values(begun_at=db_now() - 61)))
    assert [jobs.begin_chore("collect", 60) for _ in range(2)] == [True, False]


def steps_of(database: Database, job_id: str) -> list[tuple[str, int]]:
    with database.read() as connection:
        rows = connection.execute(
            select(steps_table.c.state, steps_table.c.remakes)
            .where(steps_table.c.job_id == job_id)
            .order_by(steps_table.c.id)
        )
        return [(row.state, row.remakes) for row in rows]


def test_a_step_whose_input_is_lost_waits_for_the_step_that_makes_it_once_more(
    jobs: Jobs, database: Database, claimed: Claim, run_until: RunUntil
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id, Step.INFERENCE)
    lost = CorruptHeader("stands for any error")
    held = claimed(Step.INFERENCE, job_id)
    assert jobs.remake_input(held, lost) is Step.FEATURES
    # The commit was in doubt.
    assert jobs.remake_input(held, lost) is Step.FEATURES
    assert steps_of(database, job_id)[:3] == [("done", 0), ("ready", 1), ("blocked", 0)]
    with pytest.raises(Fenced):
        jobs.finish(held, result_of(held))
    again = claimed(Step.FEATURES, job_id)
    jobs.finish(again, result_of(again))
    held = claimed(Step.INFERENCE, job_id)
    assert held.input.key == f"{job_id}/features.2"
    assert jobs.remake_input(held, lost) is None
    jobs.finish(held, result_of(held))
    for step in (Step.DECODE, Step.FORMAT):
        last = claimed(step, job_id)
        jobs.finish(last, result_of(last))
    assert jobs.status(job_id).state is JobState.COMPLETED
    assert [event.kind for event in jobs.events_after(job_id)].count("step.input_lost") == 1


def test_the_first_step_has_nobody_to_make_its_input_again(jobs: Jobs, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    assert jobs.remake_input(claimed(Step.PREPROCESS, job_id), CorruptHeader()) is None


def test_a_worker_that_was_fenced_off_sends_nobody_back(jobs: Jobs, claimed: Claim, run_until: RunUntil) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id, Step.FEATURES)
    held = claimed(Step.FEATURES, job_id, "dead")
    jobs.reap(["dead"])
    with pytest.raises(Fenced):
        jobs.remake_input(held, CorruptHeader())
