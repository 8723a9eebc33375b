"""What a command says in one line where the database is away or not up to date; anything else is a mistake of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

MISSING = ("no such table", "no such column", "UndefinedTable", "UndefinedColumn")


@contextmanager
def database_said_in_one_line() -> Iterator[None]:
    """End the process with the reason alone, instead of a traceback."""
    from django.db import OperationalError, ProgrammingError

    # The pool tells of each attempt; we say the cause once.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        if is_behind(error):
            raise SystemExit("The database is not up to date: run `python manage.py migrate` first.") from None
        if cause := why_away():
            raise SystemExit(f"The database of DATABASE_URL does not answer: {cause}") from None
        raise


def is_behind(error: Exception) -> bool:
    return any(word in f"{type(error.__cause__).__name__}: {error}" for word in MISSING)


def why_away() -> str:
    """Why no connection can be made, or nothing if one can. Without the pool, which only says that it has waited."""
    from django.db import OperationalError, connections

    anew = connections.create_connection("default")
    options = {name: value for name, value in anew.settings_dict["OPTIONS"].items() if name != "pool"}
    anew.settings_dict = {**anew.settings_dict, "OPTIONS": options}
    try:
        anew.ensure_connection()
    except OperationalError as error:
        return " ".join(str(error).split())
    anew.close()
    return ""
