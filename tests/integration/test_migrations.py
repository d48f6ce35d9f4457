"""Migrations go up and down on both databases, and the tables that the code uses are the ones that they make."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

import migrations.versions
from workers.db import migrate
from workers.db.base import metadata
from workers.db.session import Database
from workers.db.tables import jobs


def test_migrations_make_the_tables_that_the_code_declares(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())
    database.dispose()


def test_migrations_go_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    assert migrate.current_revision(database) is None
    migrate.upgrade(database)
    assert migrate.current_revision(database) == migrate.head_revision()
    migrate.downgrade(database)
    with database.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(database)
    migrate.upgrade(database)
    assert migrate.current_revision(database) == migrate.head_revision()
    database.dispose()


def columns(database: Database) -> dict[tuple[str, str], tuple[str, bool]]:
    """Type and whether a value must be given, by table and column."""
    with database.engine.connect() as connection:
        found = inspect(connection)
        return {
            (table, column["name"]): (str(column["type"]), not column["nullable"] and column["default"] is None)
            for table in found.get_table_names()
            for column in found.get_columns(table)
        }


def test_each_migration_only_adds_so_that_the_release_before_it_goes_on(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    revisions = sorted(path.name[:4] for path in Path(migrations.versions.__path__[0]).glob("0*.py"))
    assert revisions[-1] == migrate.head_revision()
    before: dict[tuple[str, str], tuple[str, bool]] = {}
    for revision in revisions:
        migrate.upgrade(database, revision)
        after = columns(database)
        known = {table for table, _ in before}
        assert {place: after.get(place) for place in before} == before
        # What the release before writes into its tables must be enough.
        assert [place for place in after.keys() - before.keys() if place[0] in known and after[place][1]] == []
        before = after
    database.dispose()


def test_the_declared_tables_are_the_ones_that_the_migrations_know() -> None:
    assert jobs.metadata is metadata
    assert {"jobs", "steps", "attempts", "events", "artifacts", "transcripts", "segments", "words"} <= set(
        metadata.tables
    )
