"""Pieces of a session are jobs, numbered without a gap, each made once, whatever happens to those who make them."""

import threading
from uuid import uuid4

import pytest
from pydantic import ValidationError

from pipeline.stages import STEPS
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db.session import Database
from workers.db.tables import jobs as job_table
from workers.errors import JobNotFound, NotAllowedInState, SessionNotFound, SessionTaken
from workers.jobs import Jobs, NewJob
from workers.jobs.sessions import NewPiece, NewSession, Sessions
from workers.states import JobState


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database)


@pytest.fixture
def session_id(sessions: Sessions) -> str:
    return sessions.open(NewSession(str(uuid4()), "line 7", external_id="crm-7", annotations={"team": "north"}))


def piece(session_id: str, position: int) -> NewPiece:
    return NewPiece(session_id, position, position * 10.0, position * 10.0 + 12.0, position * 10.0 + 12.0)


def complete(jobs: Jobs, job_id: str) -> None:
    for step in STEPS:
        lease = jobs.claim(step, job_id, "worker")
        assert lease is not None
        jobs.finish(lease, result_of(lease))


def test_a_session_is_what_it_was_opened_as(sessions: Sessions, session_id: str) -> None:
    found = sessions.status(session_id)
    assert (found.name, found.tenant, found.external_id, found.annotations) == (
        "line 7",
        "default",
        "crm-7",
        {"team": "north"},
    )
    assert (found.pieces, found.duration_s, found.ended_at) == (0, 0.0, None)


def test_opening_again_changes_nothing(sessions: Sessions, session_id: str) -> None:
    before = sessions.status(session_id)
    sessions.open(NewSession(session_id, "another name"))
    assert sessions.status(session_id) == before


def test_pieces_become_jobs_in_order(sessions: Sessions, jobs: Jobs, session_id: str) -> None:
    made = [new_job() for _ in range(3)]
    for position, job in enumerate(made):
        sessions.add(piece(session_id, position), job)
    found = sessions.pieces(session_id)
    assert [(each.position, each.job_id, each.start_s, each.end_s) for each in found] == [
        (position, job.id, position * 10.0, position * 10.0 + 12.0) for position, job in enumerate(made)
    ]
    assert {each.state for each in found} == {JobState.QUEUED}
    assert [jobs.status(job.id).state for job in made] == [JobState.QUEUED] * 3
    assert (sessions.status(session_id).pieces, sessions.status(session_id).duration_s) == (3, 32.0)
    assert [each.position for each in sessions.pieces(session_id, after=1)] == [2]


def test_adding_the_same_piece_again_adds_nothing(sessions: Sessions, session_id: str) -> None:
    job = new_job()
    for _ in range(2):
        sessions.add(piece(session_id, 0), job)
    assert [each.job_id for each in sessions.pieces(session_id)] == [job.id]


@pytest.mark.parametrize("position", [0, 2])
def test_a_piece_out_of_its_order_is_refused_and_makes_no_job(
    sessions: Sessions, jobs: Jobs, session_id: str, position: int
) -> None:
    sessions.add(piece(session_id, 0), new_job())
    other = new_job()
    with pytest.raises(SessionTaken, match="1 pieces"):
        sessions.add(piece(session_id, position), other)
    with pytest.raises(JobNotFound):
        jobs.status(other.id)


def test_of_two_streamers_of_one_session_one_is_told_to_stop(sessions: Sessions, session_id: str) -> None:
    refused: list[str] = []

    def feed(mine: list[NewJob]) -> None:
        for position, job in enumerate(mine):
            try:
                sessions.add(piece(session_id, position), job)
            except SessionTaken:
                refused.append(job.id)
                return

    feeders = [threading.Thread(target=feed, args=([new_job() for _ in range(10)],)) for _ in range(2)]
    for each in feeders:
        each.start()
    for each in feeders:
        each.join()
    found = sessions.pieces(session_id)
    assert len(refused) == 1
    assert [each.position for each in found] == list(range(10))
    assert refused[0] not in {each.job_id for each in found}


def test_a_session_that_has_ended_takes_no_piece(sessions: Sessions, session_id: str) -> None:
    job = new_job()
    sessions.add(piece(session_id, 0), job)
    for _ in range(2):
        sessions.end(session_id)
    ended_at = sessions.status(session_id).ended_at
    assert ended_at is not None
    # A commit that was in doubt may be repeated after the end.
    sessions.add(piece(session_id, 0), job)
    with pytest.raises(NotAllowedInState, match="has ended"):
        sessions.add(piece(session_id, 1), new_job())


def test_a_piece_shows_its_newest_transcript_and_its_error(sessions: Sessions, jobs: Jobs, session_id: str) -> None:
    good, bad = new_job(), new_job()
    for position, job in enumerate((good, bad)):
        sessions.add(piece(session_id, position), job)
    complete(jobs, good.id)
    jobs.retry(good.id, STEPS[-1])
    complete_last(jobs, good.id)
    jobs.cancel(bad.id)
    first, second = sessions.pieces(session_id)
    assert (first.state, first.is_final, first.document) == (JobState.COMPLETED, True, jobs.document(good.id))
    assert (second.state, second.is_final, second.document) == (JobState.CANCELED, True, None)


def complete_last(jobs: Jobs, job_id: str) -> None:
    lease = jobs.claim(STEPS[-1], job_id, "worker")
    assert lease is not None
    jobs.finish(lease, result_of(lease))


def test_a_deleted_piece_leaves_its_number(sessions: Sessions, database: Database, session_id: str) -> None:
    made = [new_job() for _ in range(2)]
    for position, job in enumerate(made):
        sessions.add(piece(session_id, position), job)
    database.run(lambda connection: connection.execute(job_table.delete().where(job_table.c.id == made[1].id)))
    sessions.add(piece(session_id, 2), new_job())
    assert [each.position for each in sessions.pieces(session_id)] == [0, 2]


def test_what_is_unknown_or_another_tenants_is_not_found(sessions: Sessions, session_id: str) -> None:
    for ask in (sessions.status, sessions.end):
        with pytest.raises(SessionNotFound):
            ask("no-such-session")
    with pytest.raises(SessionNotFound):
        sessions.add(piece("no-such-session", 0), new_job())
    with pytest.raises(SessionNotFound):
        sessions.status(session_id, "another")
    assert sessions.status(session_id, "default").id == session_id


def test_sessions_are_listed_newest_first_by_tenant(sessions: Sessions, session_id: str) -> None:
    other = sessions.open(NewSession(str(uuid4()), "line 8", tenant="south"))
    assert [each.id for each in sessions.recent()] == [other, session_id]
    assert [each.id for each in sessions.recent("default")] == [session_id]
    assert len(sessions.recent(limit=1)) == 1


def test_what_a_database_would_not_keep_is_refused() -> None:
    for name, tenant, external_id in (("a\0b", "t", None), ("a", "", None), ("a", "t", "x" * 256)):
        with pytest.raises(ValidationError):
            NewSession("session", name, tenant, external_id)


def test_the_policy_of_the_jobs_holds_for_pieces(sessions: Sessions, database: Database, session_id: str) -> None:
    job = new_job(priority=3)
    sessions.add(piece(session_id, 0), job)
    lease = Jobs(database, POLICY).claim(STEPS[0], job.id, "worker")
    assert lease is not None
    assert lease.source == job.source
