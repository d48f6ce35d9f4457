"""What both databases need to speak alike: the database's clock, JSON text, names of constraints."""

import json
from typing import Any

from sqlalchemy import Dialect, Double, MetaData, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class db_now(FunctionElement[float]):  # noqa: N801  # reads as the SQL function that it is
    """Seconds since 1970 by the clock of the database: the only clock that decides about leases."""

    type = Double()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite_now(_element: db_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql_now(_element: db_now, _compiler: SQLCompiler, **_options: Any) -> str:
    # now() stands still inside a transaction; a transaction that waited for a lock must not grant a lease in the past.
    return "extract(epoch from clock_timestamp())::double precision"


class JsonText(TypeDecorator[Any]):
    """JSON kept as text, with sorted keys: the same bytes on both databases, so hashes of it can be compared."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """Python to text."""
        return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        """Text to Python."""
        return None if value is None else json.loads(value)
