"""The words of each tenant's calls: hotwords and replacements that stand behind those of each job.

Looked up when a job is decoded and when it is formatted, so that a name that was added helps the jobs that wait, and
those that are decoded again.
"""

from functools import partial

from sqlalchemy import ColumnElement, Connection, select

from pipeline.options import Vocabulary
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import jobs, vocabularies
from workers.jobs.inserting import insert_ignoring


class Vocabularies:
    """The vocabularies in one database; a tenant that never set one has an empty one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, tenant: str = "default") -> Vocabulary:
        """The vocabulary of a tenant."""
        return self._found(vocabularies.c.tenant == tenant)

    def of_job(self, job_id: str) -> Vocabulary:
        """The vocabulary of the tenant whose job this is."""
        return self._found(vocabularies.c.tenant == select(jobs.c.tenant).where(jobs.c.id == job_id).scalar_subquery())

    def write(self, vocabulary: Vocabulary, tenant: str = "default") -> None:
        """Put `vocabulary` in place of all that the tenant had."""
        self._database.run(partial(_write, vocabulary=vocabulary, tenant=tenant))

    def _found(self, wanted: ColumnElement[bool]) -> Vocabulary:
        with self._database.read() as connection:
            content = connection.execute(select(vocabularies.c.content).where(wanted)).scalar()
        return Vocabulary.model_validate(content or {})


def _write(connection: Connection, vocabulary: Vocabulary, tenant: str) -> None:
    changed = {"content": vocabulary.model_dump(mode="json", exclude_none=True), "changed_at": db_now()}
    connection.execute(insert_ignoring(connection, vocabularies).values(tenant=tenant, **changed))
    connection.execute(vocabularies.update().where(vocabularies.c.tenant == tenant).values(**changed))
