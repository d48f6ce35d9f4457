"""Only `workers.jobs` changes what the database says: nothing else builds a writing statement or assigns a state.

That nothing else imports the tables is a part of the import contract; here is what imports don't show.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.measures import Source, parse, read_sources

ROOT = Path(__file__).parents[2]
WRITERS = {"insert", "update", "delete"}
WRITING_SQL = re.compile(
    r"\s*(INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|REPLACE\s+INTO)\b", re.IGNORECASE
)


def writes(source: Source) -> Iterator[str]:
    """Where the source builds a statement that writes rows, or sets a state by assignment."""
    for node in ast.walk(source.tree):
        if _writes(node):
            yield f"{source.name}:{getattr(node, 'lineno', 0)}"


def _writes(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module=str(module), names=names):
            return module.startswith("sqlalchemy") and any(alias.name in WRITERS for alias in names)
        case ast.Attribute(value=ast.Name(id="sqlalchemy" | "sa"), attr=name):
            return name in WRITERS
        case ast.Constant(value=str(text)):
            return WRITING_SQL.match(text) is not None
        case ast.Assign(targets=targets):
            return any(isinstance(each, ast.Attribute) and each.attr == "state" for each in targets)
        case ast.AnnAssign(target=ast.Attribute(attr="state")) | ast.AugAssign(target=ast.Attribute(attr="state")):
            return True
    return False


def test_only_the_job_service_writes() -> None:
    others = [each for each in read_sources(ROOT, "pipeline", "workers", "api") if "workers/jobs/" not in each.name]
    assert [where for source in others for where in writes(source)] == []


def test_the_job_service_is_seen_to_write() -> None:
    assert any(True for source in read_sources(ROOT, "workers/jobs") for _ in writes(source))


@pytest.mark.parametrize(
    "code",
    [
        "from sqlalchemy import select, update",
        "from sqlalchemy.dialects.postgresql import insert",
        "import sqlalchemy as sa; sa.delete(jobs)",
        "connection.execute(text('UPDATE jobs SET state = 1'))",
        "run('''\n    delete from steps''')",
        "job.state = 'done'",
        "step.state: str = 'done'",
    ],
)
def test_a_second_writer_is_noticed(code: str) -> None:
    assert list(writes(parse("bad.py", code))) != []


@pytest.mark.parametrize(
    "code", ["from sqlalchemy import select", "settings.update(a=1)", "text = 'Update the page'", "state = job.state"]
)
def test_reading_is_no_writing(code: str) -> None:
    assert list(writes(parse("good.py", code))) == []
