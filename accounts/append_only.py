"""Triggers that keep the audit as it was written, on PostgreSQL and SQLite: no account of the database can forget.

Whoever owns the table can drop them; on PostgreSQL let the site run as a role that does not own it.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "accounts_auditevent"
REFUSAL = "The audit is append-only"

ON = {
    "postgresql": [
        f"""
        CREATE OR REPLACE FUNCTION {TABLE}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$
        """,
        f"""
        CREATE TRIGGER {TABLE}_rows BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION {TABLE}_is_append_only()
        """,
        f"""
        CREATE TRIGGER {TABLE}_all BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_is_append_only()
        """,
    ],
    "sqlite": [
        f"""
        CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
        """,
        f"""
        CREATE TRIGGER {TABLE}_delete BEFORE DELETE ON {TABLE}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
        """,
    ],
}
OFF = {
    "postgresql": [
        f"DROP TRIGGER IF EXISTS {TABLE}_rows ON {TABLE}",
        f"DROP TRIGGER IF EXISTS {TABLE}_all ON {TABLE}",
        f"DROP FUNCTION IF EXISTS {TABLE}_is_append_only()",
    ],
    "sqlite": [f"DROP TRIGGER IF EXISTS {TABLE}_update", f"DROP TRIGGER IF EXISTS {TABLE}_delete"],
}


def protect(connection: BaseDatabaseWrapper) -> None:
    _run(connection, [*OFF[connection.vendor], *ON[connection.vendor]])


def release(connection: BaseDatabaseWrapper) -> None:
    _run(connection, OFF[connection.vendor])


def is_protected(connection: BaseDatabaseWrapper) -> bool:
    known = {"postgresql": "SELECT tgname FROM pg_trigger", "sqlite": "SELECT name FROM sqlite_master"}
    with connection.cursor() as cursor:
        cursor.execute(known[connection.vendor])
        names = {name for (name,) in cursor.fetchall()}
    return {"postgresql": f"{TABLE}_rows", "sqlite": f"{TABLE}_delete"}[connection.vendor] in names


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
