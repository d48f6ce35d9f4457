"""Statements that go to the driver as they are: same answers and same errors as by way of SQLAlchemy."""

from functools import partial

import pytest
from sqlalchemy import Connection, Integer, bindparam, insert, literal, select, text
from sqlalchemy.exc import IntegrityError

from tests.integration.test_session import new_row
from workers.db import migrate
from workers.db.base import JsonText
from workers.db.direct import DirectStatement
from workers.db.session import Database
from workers.db.tables import events, jobs


@pytest.fixture
def on_postgresql(postgresql_url: str) -> Database:
    database = Database(postgresql_url)
    migrate.upgrade(database)
    return database


def test_a_row_has_its_columns_by_name_and_values_are_bound_as_their_types_say(on_postgresql: Database) -> None:
    statement = DirectStatement(
        select(
            bindparam("number", type_=Integer).label("one"),
            bindparam("options", type_=JsonText).label("two"),
            literal("always").label("three"),
        )
    )
    for number in (1, 2):
        values = {"number": number, "options": {"b": 1, "a": "é"}, "unheard_of": 3}
        row = on_postgresql.run_single(partial(statement.first, values=values))
        assert row is not None
        assert (row.one, row.two, row.three) == (number, '{"a": "é", "b": 1}', "always")
    on_postgresql.dispose()


def test_where_no_row_is_found_there_is_none(on_postgresql: Database) -> None:
    statement = DirectStatement(select(jobs.c.id).where(jobs.c.id == bindparam("of_job")))
    assert on_postgresql.run_single(lambda connection: statement.first(connection, {"of_job": "nobody"})) is None
    on_postgresql.dispose()


def test_a_broken_rule_of_the_schema_is_an_error_and_is_not_repeated(on_postgresql: Database) -> None:
    added = insert(events).values(job_id="nobody", at=0.0, kind="x").returning(events.c.id).cte("added")
    statement = DirectStatement(select(added.c.id))
    tries = []

    def act(connection: Connection) -> None:
        tries.append(1)
        statement.first(connection, {})

    with pytest.raises(IntegrityError):
        on_postgresql.run_single(act)
    assert len(tries) == 1
    on_postgresql.dispose()


def test_it_is_part_of_the_transaction_that_it_is_run_in(on_postgresql: Database) -> None:
    made = insert(jobs).values(**new_row()).returning(jobs.c.id).cte("made")
    statement = DirectStatement(select(made.c.id))

    def act(connection: Connection) -> None:
        assert statement.first(connection, {}) is not None
        raise LookupError

    with pytest.raises(LookupError):
        on_postgresql.run(act)
    with on_postgresql.read() as connection:
        assert connection.execute(select(jobs.c.id)).first() is None
    on_postgresql.dispose()


@pytest.mark.parametrize("way", ["run", "run_single"])
def test_when_the_server_has_ended_its_connections_the_act_is_repeated_once_on_a_new_one(
    on_postgresql: Database, way: str
) -> None:
    statement = DirectStatement(select(literal(42).label("answer")))
    # As many as a busy process has: each of them would fail once.
    connections = [on_postgresql.engine.connect() for _ in range(8)]
    for each in connections:
        each.execute(text("SELECT 1"))
        each.close()
    killer = Database(on_postgresql.url.render_as_string(hide_password=False))
    with killer.read() as connection:
        others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.execute(text(f"{others} AND pid <> pg_backend_pid()")).scalar_one() >= 8
    killer.dispose()
    tries = []

    def act(connection: Connection) -> int:
        tries.append(1)
        row = statement.first(connection, {})
        assert row is not None
        return int(row.answer)

    assert getattr(on_postgresql, way)(act) == 42
    assert len(tries) == 2
    on_postgresql.dispose()
