"""Statements for PostgreSQL that go to the driver as they are: SQLAlchemy writes them once and is not asked again.

To find a compiled statement, bind its values and dress its answer costs SQLAlchemy more time than the driver needs to
send it; a step takes two statements, many times a second.
"""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.exc import DBAPIError


class DirectStatement:
    """A statement that is written once in a process, and run often; its values are bound parameters."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: Compiled | None = None
        self._processors: Mapping[str, Callable[[Any], Any]] = {}

    def first(self, connection: Connection, values: Mapping[str, object]) -> Any | None:
        """The first row, with its columns by name, or None.

        Raises:
            sqlalchemy.exc.DBAPIError: as SQLAlchemy raises it; a connection that is lost has left its pool.
        """
        compiled = self._compiled or self._compile(connection.dialect)
        bound = {**compiled.params, **values}
        for name, process in self._processors.items():
            bound[name] = process(bound[name])
        driver: Any = connection.connection.driver_connection
        try:
            return driver.cursor(row_factory=namedtuple_row).execute(compiled.string, bound).fetchone()
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, connection, compiled.string) from error

    def _compile(self, dialect: Dialect) -> Compiled:
        compiled = self._statement.compile(dialect=dialect)
        types = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        processors = {name: each.bind_processor(dialect) for name, each in types.items()}
        self._processors = {name: each for name, each in processors.items() if each is not None}
        self._compiled = compiled
        return compiled


def _as_sqlalchemy(error: Any, connection: Connection, text: str) -> BaseException:
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection, None)
    if is_lost:
        # A server that has gone away has taken the other connections with it.
        connection.invalidate(error)
        connection.engine.dispose()
    told: BaseException = DBAPIError.instance(
        text, None, error, psycopg.Error, connection_invalidated=is_lost, dialect=dialect
    )
    return told
