"""What is absent from a complete read: marked missing, asked for again, and only then gone.

Data moves while it is read, so a row can slip between two pages. Nothing is therefore gone because one sweep did not
see it: AWS must confirm it by id, or a second complete read must miss it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from aws.choices import HoldDecision, HoldKind, ScopeState
from aws.errors import Held
from aws.runs import Run
from scanning.inspector import batches

ASK_AT_MOST = 200
SECOND_READ_AFTER = timedelta(minutes=10)
CHUNK = 500
DRIFT_SHARE, DRIFT_ROWS = 0.01, 20


@dataclass(frozen=True)
class Absentee:
    """A row of ours that the read did not see."""

    pk: int
    key: tuple[str, ...]
    account_id: str
    missing_since: datetime | None

    def __str__(self) -> str:
        return " ".join(dict.fromkeys([self.account_id, *self.key]))


@dataclass(frozen=True)
class Absence:
    """How one kind of row is marked; the callables run inside a fenced transaction, `still_there` outside of it."""

    mark_missing: Callable[[list[int], datetime], None]
    mark_gone: Callable[[list[int], datetime], None]
    still_there: Callable[[Sequence[Absentee]], set[tuple[str, ...]]]


def settle(run: Run, absent: list[Absentee], *, held_rows: int, excused: set[str], absence: Absence) -> None:
    """Mark what is missing, and what is gone. Raises Held if too much would go, or if the read was not complete.

    `held_rows` is how many rows were held before the read; accounts in `excused` left or deactivated the scan type, so
    that their rows are expected to go.
    """
    run.counts.missing = len(absent)
    _hold_if_incomplete(run, absent)
    for some in batches([row.pk for row in absent if row.missing_since is None], CHUNK):
        with run.writing() as now:
            absence.mark_missing(some, now)
    _hold_if_too_much(run, absent, held_rows, excused)
    if len(absent) <= ASK_AT_MOST:
        there = absence.still_there(absent)
        gone = [row.pk for row in absent if row.key not in there]
        run.counts.missing = len(gone)
    else:
        gone = [row.pk for row in absent if _missed_before(row, run)]
    for some in batches(gone, CHUNK):
        with run.writing() as now:
            absence.mark_gone(some, now)
            run.counts.gone += len(some)
            run.counts.missing -= len(some)


def _hold_if_incomplete(run: Run, absent: list[Absentee]) -> None:
    """Before anything is marked: what a list lacks that is not complete was not missed by a complete read."""
    expected, read = run.log.expected, run.counts.read
    if expected is None or abs(read - expected) <= max(DRIFT_ROWS, DRIFT_SHARE * expected):
        return
    if run.is_released_for(HoldKind.INCOMPLETE):
        return
    raise Held(
        f"AWS' statistics count {expected:,} rows but the list has {read:,}: what is absent may still be there.",
        HoldKind.INCOMPLETE,
        map(str, absent),
    )


def _hold_if_too_much(run: Run, absent: list[Absentee], held_rows: int, excused: set[str]) -> None:
    unexpected = [row for row in absent if row.account_id not in excused and not _is_released(row, run)]
    if run.is_released_for(HoldKind.INCOMPLETE):
        beyond = set(run.not_released(HoldKind.INCOMPLETE, map(str, unexpected)))
        unexpected = [row for row in unexpected if str(row) in beyond]
    most = max(settings.COVERAGE_HOLD_ROWS, settings.COVERAGE_HOLD_SHARE * held_rows)
    if len(unexpected) <= most or _is_confirmed(run):
        return
    raise Held(
        f"{len(unexpected):,} of {held_rows:,} rows are absent from this read; they are kept until this is confirmed.",
        HoldKind.ABSENT,
        map(str, unexpected),
    )


def _is_released(row: Absentee, run: Run) -> bool:
    """Whether a person let this row go: it was missing when they decided."""
    decided_at = run.scope.hold_decided_at
    if row.missing_since is None or decided_at is None or not run.is_released_for(HoldKind.ABSENT):
        return False
    return row.missing_since <= decided_at


def _is_confirmed(run: Run) -> bool:
    """Whether a second read misses them, and AWS' own statistics agree with it; unless a person said no.

    To another caller than before the statistics count what it sees: they confirm nothing.
    """
    scope = run.scope
    is_second = scope.state == ScopeState.HELD and scope.hold_kind == HoldKind.ABSENT
    if not is_second or run.other_caller or scope.hold_decision == HoldDecision.REFUSED:
        return False
    return run.log.expected == run.counts.read


def _missed_before(row: Absentee, run: Run) -> bool:
    """Whether an earlier complete read, long enough ago, missed the row too."""
    return row.missing_since is not None and run.started_at - row.missing_since >= SECOND_READ_AFTER
