"""Tables and transactions; the same statements on SQLite and PostgreSQL."""
