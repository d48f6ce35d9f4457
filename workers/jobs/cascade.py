"""A row that is changed or made, with everything that follows from it: one round trip to PostgreSQL, several on SQLite.

A step is claimed and ended many times a second, and each statement costs its journey. PostgreSQL takes all of them as
one statement whose parts change rows; SQLite, where a statement travels nowhere, takes the same parts in turn.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    ScalarSelect,
    Select,
    Update,
    bindparam,
    func,
    or_,
    select,
)

from workers.db.direct import DirectStatement

Value = TypeVar("Value")
Follow = Callable[[FromClause], Sequence[Insert | Update]]
Answer = Callable[[FromClause], Select[Any]]


def only(column: ColumnElement[Value]) -> ScalarSelect[Value]:
    """This column of the one row, as a value: what is found by it is found by its key, however many rows there are."""
    return select(column).scalar_subquery()


def unindexed(column: ColumnElement[Value]) -> ColumnElement[Value]:
    """The column as no index knows it.

    Where statistics say that few rows have a state, PostgreSQL finds one row by that, among all that have it by now.
    """
    return func.coalesce(column, "")


def is_one_of(column: ColumnElement[Value], values: Iterable[Value]) -> ColumnElement[bool]:
    """Whether the column has one of these values; each is a parameter, where `IN` would be written anew at each run."""
    return or_(*(column == value for value in values))


class Cascade:
    """Statements that are written down once and run often.

    `first` changes or makes at most one row of a table with an `id`. `follow` and `answer` are given that row as it is
    then, and say what else is to be written and what to return. What is written is not seen by `answer`. Values that
    differ from run to run are bound parameters, whose names are those of no column.
    """

    def __init__(self, first: Update | Insert, follow: Follow, answer: Answer) -> None:
        table: FromClause = first.table
        changed = first.returning(*table.c).cte("changed")
        parts = (part.cte(f"part_{number}") for number, part in enumerate(follow(changed)))
        self._together = DirectStatement(answer(changed).add_cte(*parts))
        row = select(table).where(table.c.id == bindparam("changed_id")).subquery("changed")
        self._first = first.returning(table.c.id)
        self._answer = answer(row)
        self._rest: Sequence[Insert | Update] = follow(row)

    def run(self, connection: Connection, values: Mapping[str, object]) -> Any | None:
        """The row that `answer` selects; None when `first` found no row, and nothing was written."""
        if connection.dialect.name == "postgresql":
            return self._together.first(connection, values)
        changed_id = connection.execute(self._first, values).scalar()
        if changed_id is None:
            return None
        row = {**values, "changed_id": changed_id}
        answer = connection.execute(self._answer, row).first()
        for each in self._rest:
            connection.execute(each, row)
        return answer
