"""Alembic's entry: run the migrations on the connection that `workers.db.migrate` hands over, with short time-outs."""

from alembic import context
from sqlalchemy import Connection

from workers.db.base import metadata
from workers.db.tables import jobs

assert jobs.metadata is metadata


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # A migration that waits for a lock blocks everyone behind it: rather fail, and be run again.
        # LOCAL: the connection goes back to a pool whose transactions have time-outs of their own.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = '10min'")
    # SQLite can't alter constraints: Alembic's batch mode makes a new table and copies.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
