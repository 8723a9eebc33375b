"""What every CSV file is made of: lines that are streamed, and nothing in them that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""A spreadsheet takes a cell that begins so for a formula, the full-width forms included."""


class _Lines:
    """What csv writes into; the writer hands each line back to its caller."""

    def write(self, line: str) -> str:
        return line


def line_writer() -> Callable[[Iterable[object]], str]:
    """Turns cells into one line of the file."""
    return csv.writer(_Lines()).writerow


def safe_cell(value: object) -> str:
    """The value as text that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value)
    return ("'" + text if text.lstrip().startswith(RISKY) or text.startswith(RISKY) else text).replace(
        "\0", "\N{REPLACEMENT CHARACTER}"
    )


def moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
