"""Rules that the databases themselves keep, whatever the code does, and how a database is made ready."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from pipeline.stages import STEPS
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db import migrate
from workers.db.base import metadata
from workers.db.session import Database
from workers.db.tables import artifacts, attempts, events, jobs, segments, steps, transcripts, words
from workers.errors import ConfigurationError, DatabaseAway
from workers.jobs import Jobs
from workers.jobs.schedule import RetrySchedule
from workers.jobs.webhooks import Webhooks
from workers.states import JobState, StepState


@pytest.fixture
def completed(database: Database) -> str:
    """The id of a job with rows in every table."""
    service = Jobs(database, POLICY)
    webhooks = Webhooks(database, RetrySchedule(), lease_s=30)
    job_id = service.create(new_job(tags={"north"}, callback_url="https://app.example/"))
    for step in STEPS:
        lease = service.claim(step, job_id, "worker")
        assert lease is not None
        service.finish(lease, result_of(lease))
    webhooks.claim("", "worker")
    return job_id


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    made = Database(empty_database_url)
    yield made
    made.dispose()


def rows_in(database: Database, table: Table) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table))]


def insert_again(database: Database, table: Table, **changes: object) -> None:
    """Insert the first row of the table once more, under a new number of its own and with `changes`."""
    row = {**rows_in(database, table)[0], **changes}
    if table is not jobs and "id" not in changes:
        row.pop("id", None)
    database.run(lambda connection: connection.execute(insert(table).values(row)))


def set_state(database: Database, table: Table, state: str) -> None:
    database.run(lambda connection: connection.execute(table.update().values(state=state)))


# Tables that a job of its own has no part in.
APART = {"api_keys", "sessions", "pieces", "batches", "batch_jobs", "vocabularies"}


def test_a_completed_job_has_rows_in_every_table(database: Database, completed: str) -> None:
    with database.read() as connection:
        numbers = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name not in APART
        }
    # Only a collector writes these.
    assert {name for name, number in numbers.items() if not number} <= {"removals", "chores", "corrections"}
    assert numbers["attempts"] == numbers["steps"] == len(STEPS)


def test_with_a_job_goes_everything_that_belongs_to_it_and_nothing_else(database: Database, completed: str) -> None:
    other = Jobs(database, POLICY).create(new_job())
    database.run(lambda connection: connection.execute(jobs.delete().where(jobs.c.id == completed)))
    assert {row["job_id"] for table in (steps, events, artifacts) for row in rows_in(database, table)} == {other}
    assert [rows_in(database, table) for table in (attempts, transcripts, segments, words)] == [[], [], [], []]


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (jobs, {}),
        (steps, {}),
        (steps, {"job_id": "nobody"}),
        (steps, {"name": "coffee"}),
        (attempts, {}),
        (artifacts, {"key": "another"}),
        (artifacts, {"fence": 99}),
        (transcripts, {"text": "a second one of the same version"}),
        (events, {"job_id": "nobody"}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else ",".join(value) or "again",
)
def test_what_must_be_once_or_belong_to_something_is_refused_otherwise(
    database: Database, completed: str, table: Table, changes: dict[str, object]
) -> None:
    before = rows_in(database, table)
    with pytest.raises(IntegrityError):
        insert_again(database, table, **changes)
    assert rows_in(database, table) == before


def test_one_key_of_idempotency_is_one_job_within_a_tenant_and_free_in_the_next(database: Database) -> None:
    service = Jobs(database, POLICY)
    service.create(new_job(idempotency_key="key"))
    with pytest.raises(IntegrityError):
        insert_again(database, jobs, id="another")
    insert_again(database, jobs, id="another", tenant="north")
    insert_again(database, jobs, id="third", idempotency_key=None)
    insert_again(database, jobs, id="fourth", idempotency_key=None)
    assert len(rows_in(database, jobs)) == 4


def test_the_database_knows_the_states_of_the_code_and_no_other(database: Database, completed: str) -> None:
    for table, states in ((jobs, JobState), (steps, StepState)):
        for state in states:
            set_state(database, table, state)
        with pytest.raises(IntegrityError):
            set_state(database, table, "lost")
        assert {row["state"] for row in rows_in(database, table)} == {list(states)[-1]}


def test_times_and_sizes_come_back_as_they_were_kept(database: Database, completed: str) -> None:
    precise, large = 1_700_000_000.123456, 2**40 + 1
    database.run(lambda connection: connection.execute(jobs.update().values(expires_at=precise)))
    database.run(lambda connection: connection.execute(artifacts.update().values(size_bytes=large)))
    assert rows_in(database, jobs)[0]["expires_at"] == precise
    assert {row["size_bytes"] for row in rows_in(database, artifacts)} == {large}


def test_many_processes_that_start_at_once_make_the_database_once(empty: Database) -> None:
    urls = [empty.url.render_as_string(hide_password=False)] * 4
    problems: list[Exception] = []
    together = threading.Barrier(len(urls))

    def prepare(url: str) -> None:
        database = Database(url)
        together.wait()
        try:
            migrate.prepare(database, is_ours=True)
        except (ConfigurationError, DatabaseAway) as error:
            problems.append(error)
        database.dispose()

    threads = [threading.Thread(target=prepare, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert migrate.current_revision(empty) == migrate.head_revision()
    assert rows_in(empty, jobs) == []


def set_revision(database: Database, revision: str) -> None:
    database.run(lambda connection: connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'")))


def test_a_database_of_a_newer_program_is_left_alone_and_is_used_where_a_deploy_may_be_under_way(
    database: Database,
) -> None:
    set_revision(database, "9999")
    migrate.prepare(database, is_ours=False)
    with pytest.raises(ConfigurationError, match="does not know"):
        migrate.prepare(database, is_ours=True)
    assert migrate.is_usable("9999")
    assert migrate.current_revision(database) == "9999"
    assert rows_in(database, jobs) == []


def test_a_database_of_others_that_is_behind_is_theirs_to_migrate(database: Database) -> None:
    set_revision(database, "0001")
    with pytest.raises(ConfigurationError, match=r"0001.*voxqueue migrate"):
        migrate.prepare(database, is_ours=False)
    assert not migrate.is_usable("0001")
    assert not migrate.is_usable(None)


def test_preparing_a_database_that_is_ready_changes_nothing(database: Database, completed: str) -> None:
    for is_ours in (True, False):
        migrate.prepare(database, is_ours=is_ours)
    assert [row["id"] for row in rows_in(database, jobs)] == [completed]


def test_moving_goes_up_or_down_whichever_way_the_revision_lies(empty: Database) -> None:
    head = migrate.head_revision()
    assert head is not None
    for revision, reached in (
        ("base", None),
        ("head", head),
        (head, head),
        ("base", None),
        ("0001", "0001"),
        (head, head),
    ):
        migrate.move(empty, revision)
        assert migrate.current_revision(empty) == reached
    with pytest.raises(ConfigurationError, match="no-such"):
        migrate.move(empty, "no-such")
    assert migrate.current_revision(empty) == head


def test_time_outs_of_a_migration_do_not_stay_on_the_connection(postgresql_url: str) -> None:
    database = Database(postgresql_url, pool_size=1)

    def limits() -> tuple[str, ...]:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "timezone")
        with database.read() as connection:
            return tuple(connection.execute(text(f"SHOW {name}")).scalar_one() for name in names)

    before = limits()
    migrate.upgrade(database)
    assert limits() == before == ("5s", "1min", "20s", "UTC")
    database.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Database) -> None:
    with empty.engine.begin() as connection:
        # The sixth table of the migration is there already.
        connection.execute(text("CREATE TABLE attempts (x INTEGER)"))
    with pytest.raises(Exception, match="attempts"):
        migrate.upgrade(empty)
    assert migrate.current_revision(empty) is None
    with pytest.raises(Exception, match="jobs"):
        rows_in(empty, jobs)


def test_waiting_for_a_lock_is_given_up_and_the_transaction_tried_again(
    database: Database, make_blocker: Callable[[Database], threading.Thread]
) -> None:
    blocker = make_blocker(database)
    job_id = Jobs(database, POLICY).create(new_job())
    blocker.join()
    assert [row["id"] for row in rows_in(database, jobs)] == [job_id]


@pytest.fixture
def make_blocker() -> Callable[[Database], threading.Thread]:
    """A transaction of another process that keeps writers out of the table of jobs for a moment."""

    def make(database: Database) -> threading.Thread:
        holds, released = threading.Event(), threading.Event()

        def hold() -> None:
            with database.engine.begin() as connection:
                if not database.is_sqlite:
                    connection.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
                holds.set()
                released.wait(0.4)

        thread = threading.Thread(target=hold)
        thread.start()
        holds.wait()
        return thread

    return make
