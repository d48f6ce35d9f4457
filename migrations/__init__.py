"""Alembic migrations: additive first, so that old workers run beside a newer database."""
