"""Transactions that are repeated when they may be, and errors that are not hidden when they may not."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import events, jobs
from workers.errors import DatabaseAway


def new_row(job_id: str = "job-1") -> dict[str, object]:
    return {
        "id": job_id,
        "tenant": "default",
        "state": "queued",
        "priority": 0,
        "version": 1,
        "options": {"b": 1, "a": "é"},
        "file_name": "x",
        "annotations": {},
        "request_sha256": "0" * 64,
        "created_at": db_now(),
    }


def test_the_clock_of_the_database_is_the_real_time_and_moves_inside_a_transaction(database: Database) -> None:
    with database.read() as connection:
        first = connection.execute(select(db_now())).scalar_one()
        time.sleep(0.02)
        second = connection.execute(select(db_now())).scalar_one()
    assert first == pytest.approx(time.time(), abs=5)
    assert second > first


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def act(connection: Connection) -> None:
        connection.execute(insert(jobs).values(**new_row()))
        raise LookupError

    with pytest.raises(LookupError):
        database.run(act)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 0


def test_an_act_of_one_statement_is_committed_by_it_on_postgresql_and_at_its_end_on_sqlite(database: Database) -> None:
    def count() -> int:
        with database.read() as connection:
            return connection.execute(select(func.count()).select_from(jobs)).scalar_one()

    def act(connection: Connection) -> int:
        connection.execute(insert(jobs).values(**new_row()))
        return count()

    assert database.run_single(act) == (0 if database.is_sqlite else 1)
    assert count() == 1


def test_a_broken_rule_of_the_schema_is_an_error_and_is_not_repeated(database: Database) -> None:
    tries = []

    def act(connection: Connection) -> None:
        tries.append(1)
        connection.execute(insert(events).values(job_id="nobody", at=0.0, kind="x"))

    with pytest.raises(IntegrityError):
        database.run(act)
    assert len(tries) == 1


def test_json_is_kept_as_text_with_sorted_keys(database: Database) -> None:
    database.run(lambda connection: connection.execute(insert(jobs).values(**new_row())))
    with database.read() as connection:
        assert connection.execute(text("SELECT options FROM jobs")).scalar_one() == '{"a": "é", "b": 1}'
        assert connection.execute(select(jobs.c.options)).scalar_one() == {"a": "é", "b": 1}


def test_a_writer_waits_for_another_writer_of_the_same_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    database = Database(f"sqlite:///{path}")
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.5, lambda: blocker.execute("COMMIT")).start()
    started_at = time.monotonic()
    database.run(lambda connection: connection.execute(text("INSERT INTO t VALUES (1)")))
    assert time.monotonic() - started_at >= 0.4
    blocker.close()
    database.dispose()


def test_reading_sqlite_takes_no_write_lock(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'read.db'}")
    database.run(lambda connection: connection.execute(text("CREATE TABLE t (x)")))
    with database.read() as connection:
        connection.execute(text("SELECT * FROM t")).all()
        database.run(lambda writer: writer.execute(text("INSERT INTO t VALUES (1)")))
    database.dispose()


def test_a_database_that_is_not_there_is_said_to_be_away() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseAway), database.read():
        pass
    with pytest.raises(DatabaseAway):
        database.run(lambda connection: connection.execute(text("SELECT 1")))


def test_a_connection_that_the_server_ended_is_replaced_and_the_act_repeated(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    tries = []

    def act(connection: Connection) -> int:
        tries.append(1)
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        if len(tries) == 1:
            with database.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        return int(connection.execute(text("SELECT 42")).scalar_one())

    assert database.run(act) == 42
    assert len(tries) == 2
    database.dispose()


@pytest.mark.parametrize(
    ("sqlstate", "is_repeated"),
    [
        ("40001", True),  # serialization failure
        ("40P01", True),  # deadlock
        ("55P03", True),  # lock not available
        ("57P01", True),  # the server shuts down
        ("53300", True),  # too many connections
        ("08006", True),  # the connection failed
        ("25P03", True),  # idle in a transaction for too long
        ("23505", False),  # a rule of the schema
        ("42P01", False),  # no such table
        ("57014", False),  # the statement took longer than any should
    ],
)
def test_errors_of_postgresql_are_repeated_by_what_they_mean(
    postgresql_url: str, sqlstate: str, *, is_repeated: bool
) -> None:
    database = Database(postgresql_url)
    tries = []

    def act(connection: Connection) -> int:
        tries.append(1)
        if len(tries) == 1:
            # The server itself raises it, so that the driver reports it as it reports all of its kind.
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{sqlstate}'; END $$")
        return 42

    if is_repeated:
        assert database.run(act) == 42
    else:
        with pytest.raises(DBAPIError, match="planted"):
            database.run(act)
    assert len(tries) == 1 + is_repeated
    database.dispose()


def test_two_writers_that_wait_for_each_other_both_succeed(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    database.run(
        lambda connection: connection.execute(text("CREATE TABLE t AS SELECT 0 AS x, id FROM (VALUES (1), (2)) v (id)"))
    )
    together = threading.Barrier(2)
    first_try = [True, True]

    def add(order: tuple[int, int]) -> None:
        def act(connection: Connection) -> None:
            connection.execute(text("UPDATE t SET x = x + 1 WHERE id = :id"), {"id": order[0]})
            if first_try[order[0] - 1]:
                first_try[order[0] - 1] = False
                together.wait()
            connection.execute(text("UPDATE t SET x = x + 1 WHERE id = :id"), {"id": order[1]})

        database.run(act)

    threads = [threading.Thread(target=add, args=(order,)) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(text("SELECT x FROM t")).scalars().all() == [2, 2]
    database.dispose()


def test_reading_leaves_the_statements_that_the_driver_has_prepared(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    for _ in range(10):
        with database.read() as connection:
            connection.execute(text("SELECT 42"))
    with database.read() as connection:
        prepared = connection.execute(text("SELECT statement FROM pg_prepared_statements")).scalars().all()
    assert "SELECT 42" in prepared
    database.dispose()


def test_a_connection_that_the_server_ended_meanwhile_is_replaced_before_it_reads(postgresql_url: str) -> None:
    database, other = Database(postgresql_url), Database(postgresql_url)
    with database.read() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other.run(lambda connection: connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid}))
    with database.read() as connection:
        assert connection.execute(text("SELECT 42")).scalar_one() == 42
    database.dispose()
    other.dispose()
