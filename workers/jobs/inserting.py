"""An INSERT that may come second."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_ignoring(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that does nothing where its row is there already; a waiting one learns of it when the other commits."""
    return insert_ignoring_in(connection.dialect.name, table)


def insert_ignoring_in(dialect_name: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The same as the dialect of that name writes it."""
    dialect = sqlite if dialect_name == "sqlite" else postgresql
    made: sqlite.Insert | postgresql.Insert = dialect.insert(table).on_conflict_do_nothing()
    return made
