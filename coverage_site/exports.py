"""What every CSV file is made of: lines that are streamed, and nothing in them that a spreadsheet would run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.http import HttpRequest

from accounts import audit
from accounts.choices import Event
from coverage_site.requests import address_of, person_of

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""A spreadsheet takes a cell that begins so for a formula, the full-width forms included."""
SEPARATING = re.compile('[,;"\t\r\n]')
"""What ends a cell. Which of these a spreadsheet takes depends on its language; csv knows its own comma alone."""


def line_of(cells: Iterable[str]) -> str:
    """The cells as one line of the file."""
    return ",".join(_quoted(cell) if SEPARATING.search(cell) else cell for cell in cells) + "\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def safe_cell(value: object) -> str:
    """The value as text that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value)
    return ("'" + text if text.lstrip().startswith(RISKY) or text.startswith(RISKY) else text).replace(
        "\0", "\N{REPLACEMENT CHARACTER}"
    )


def moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def record_export(request: HttpRequest, account_ids: Sequence[str]) -> None:
    """Who takes what away: written before the first line goes out, and without it none does."""
    if request.method != "GET":
        return
    account_id = account_ids[0] if len(account_ids) == 1 else ""
    facts = {"ip": address_of(request), "account_id": account_id, "subject": request.get_full_path()}
    audit.record(Event.EXPORTED, person_of(request).get_username(), **facts)
