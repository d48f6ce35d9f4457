"""One engine a process, one short transaction an act, and what to do when a commit is in doubt."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from workers.errors import ConfigurationError, DatabaseAway

Result = TypeVar("Result")

Reach = Callable[[str, str], None]

CONNECTIONS = 12
"""How many a process keeps open at most; those beyond are opened for one transaction each, which costs more than it."""

_TRIES = 6
_BUSY_TIMEOUT_MS = 10_000
# PostgreSQL ends a worker that was stopped inside a transaction, so that its locks are freed.
_POSTGRESQL_LIMITS = (
    "-c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=20s -c timezone=UTC"
)
# SQLSTATE classes and codes after which the same transaction may well succeed.
_RETRYABLE_SQLSTATES = ("08", "40", "53", "57P", "55P03", "25P03")


class Database:
    """A database, and the two ways to use it: `run` a function in a transaction, or `read`.

    `reach` is told of each transaction, before and behind its commit, by the name of its function: see
    `workers.failpoints`. Making one raises ConfigurationError where there can be no folder for an SQLite file.
    """

    def __init__(self, url: str, *, pool_size: int = CONNECTIONS, reach: Reach = lambda _name, _of: None) -> None:
        self.url = make_url(url)
        self._reach = reach
        self._single = (_sqlite_engine if self.is_sqlite else _postgresql_engine)(url, pool_size)
        self.engine = (
            self._single if self.is_sqlite else self._single.execution_options(isolation_level="READ COMMITTED")
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database of one host."""
        return self.url.get_backend_name() == "sqlite"

    def run(self, act: Callable[[Connection], Result]) -> Result:
        """Run `act` in one write transaction; repeat it when the database was busy or the commit is in doubt.

        `act` must therefore be safe to repeat: it finds its own earlier effect and returns the same result.

        Raises:
            DatabaseAway: the database did not answer in several tries.
        """
        return self._repeated(partial(self._once, act))

    def run_single(self, act: Callable[[Connection], Result]) -> Result:
        """The same for an act that writes with one statement: PostgreSQL commits that without being told to.

        Two journeys less. Statements that the act only reads with see what others have committed meanwhile, as in a
        transaction.

        Raises:
            DatabaseAway: the database did not answer in several tries.
        """
        return self.run(act) if self.is_sqlite else self._repeated(partial(self._once_single, act))

    def _repeated(self, once: Callable[[], Result]) -> Result:
        for attempt in range(_TRIES):
            try:
                return once()
            except DBAPIError as error:
                if not is_transient(error):
                    raise
                last_error = error
            time.sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)  # noqa: S311  # jitter, not a secret
        raise DatabaseAway(type(last_error.orig).__name__) from last_error

    def _once(self, act: Callable[[Connection], Result]) -> Result:
        name = getattr(act, "func", act).__name__
        with self.engine.begin() as connection:
            result = act(connection)
            self._reach("transaction.before_commit", name)
        self._reach("transaction.after_commit", name)
        return result

    def _once_single(self, act: Callable[[Connection], Result]) -> Result:
        name = getattr(act, "func", act).__name__
        self._reach("transaction.before_commit", name)
        with self._single.connect() as connection:
            result = act(connection)
        self._reach("transaction.after_commit", name)
        return result

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; on SQLite it takes no write lock."""
        try:
            with self._answering() as connection:
                yield connection.execution_options(voxqueue_read_only=True)
        except (OperationalError, InterfaceError) as error:
            if not is_transient(error):
                raise
            raise DatabaseAway(type(error.orig).__name__) from error

    def _answering(self) -> Connection:
        # What is read cannot be repeated here, as a transaction is: a connection that the server has ended meanwhile is
        # found out first. Writing saves this round trip.
        connection = self._single.connect()
        if not self.is_sqlite:
            try:
                connection.exec_driver_sql("")
            except DBAPIError as error:
                connection.close()
                if not error.connection_invalidated:
                    raise
                return self._single.connect()
        return connection

    def dispose(self) -> None:
        """Close every connection."""
        self._single.dispose()


def is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is repeated."""
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return "locked" in str(error.orig) or "busy" in str(error.orig)
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is None:
        # psycopg could not connect at all, or lost the connection before the server said why.
        return isinstance(error, OperationalError | InterfaceError)
    return str(sqlstate).startswith(_RETRYABLE_SQLSTATES)


def _postgresql_engine(url: str, pool_size: int) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": _POSTGRESQL_LIMITS, "connect_timeout": 5},
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"VOXQUEUE_HOME: {folder}: {error.strerror}") from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Of processes that open a new file at once, SQLite refuses all but one this change without waiting.
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _sqlite_engine(url: str, pool_size: int) -> Engine:
    database = make_url(url).database
    if database:
        _make_folder(Path(database).parent)
    engine = create_engine(url, pool_size=pool_size)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not begin transactions by itself: "begin" below decides which kind.
        connection.isolation_level = None
        for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that reads first and writes later fails at once when another wrote in between.
        read_only = connection.get_execution_options().get("voxqueue_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
