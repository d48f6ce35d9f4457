"""Bring a database to the schema of this code, or back."""

from collections.abc import Callable
from importlib.util import find_spec

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from workers.db.session import Database
from workers.errors import ConfigurationError

# Several services may start and migrate at once; PostgreSQL lets one at a time through.
_ADVISORY_LOCK = 0x766F7871


def upgrade(database: Database, revision: str = "head") -> None:
    """Apply every migration up to `revision`; does nothing when they are applied already."""
    _run(database.engine, lambda config: command.upgrade(config, revision))


def prepare(database: Database, *, is_ours: bool) -> None:
    """Make a database ready for use: an empty one, and in any case our own, is brought to the newest revision.

    Raises:
        ConfigurationError: a database that others look after is at an older revision, or ours at that of a newer one.
        DatabaseAway: it does not answer.
    """
    revision = current_revision(database)
    if revision == head_revision() or (is_usable(revision) and not is_ours):
        return
    if revision is not None and not is_ours:
        message = f"the database is at revision {revision}, this program needs {head_revision()}: voxqueue migrate"
        raise ConfigurationError(message)
    try:
        upgrade(database)
    except CommandError as error:
        raise ConfigurationError(f"the database is at a revision that this program does not know: {error}") from error


def downgrade(database: Database, revision: str = "base") -> None:
    """Take migrations back down to `revision`."""
    _run(database.engine, lambda config: command.downgrade(config, revision))


def move(database: Database, revision: str) -> None:
    """Take the database up or down to `revision`, whichever way it lies.

    Raises:
        ConfigurationError: there is no such revision.
    """
    current = current_revision(database)
    script = ScriptDirectory.from_config(_config())
    try:
        target = None if revision == "base" else script.as_revision_number(revision)
        applied = {each.revision for each in script.iterate_revisions(current, "base")} if current else set()
        if target is None or target in applied - {current}:
            downgrade(database, revision)
        else:
            upgrade(database, revision)
    except CommandError as error:
        raise ConfigurationError(f"revision {revision}: {error}") from error


def current_revision(database: Database) -> str | None:
    """The revision that the database is at, None for an empty one."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The newest revision of this code."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_usable(revision: str | None) -> bool:
    """Whether this program can work with a database at `revision`: at its own newest, or at one of a newer program.

    Migrations only add, so the programs of before go on, also those that are started again in the middle of a deploy.
    """
    older = {each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()} - {head_revision()}
    return revision is not None and revision not in older


def _run(engine: Engine, act: Callable[[Config], None]) -> None:
    with engine.begin() as connection:
        _lock(connection)
        config = _config()
        config.attributes["connection"] = connection
        act(config)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _config() -> Config:
    package = find_spec("migrations")
    assert package is not None
    assert package.submodule_search_locations is not None
    config = Config()
    config.set_main_option("script_location", package.submodule_search_locations[0])
    return config
