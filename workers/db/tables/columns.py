"""Columns and checks that several tables have."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String

# SQLite numbers rows by itself only for a plain INTEGER primary key.
RowId = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, values: object) -> CheckConstraint:
    """A check that `column` holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def job_id(*, primary_key: bool = False) -> "Column[str]":
    """The reference of a row to its job, with which it goes."""
    return Column(
        "job_id", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key
    )
