"""The reads of one scope, and when it could not be looked at: what an auditor asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min
from django.http import QueryDict
from django.utils.safestring import SafeString

from accounts.models import Person
from aws.advice import step_after
from aws.choices import RunOutcome
from aws.models import GLOBAL, SyncRun, SyncScope
from coverage_site.drawing import age_words, draw_full_time, draw_time
from coverage_site.links import changed, known
from coverage_site.paging import PER_PAGE_DEFAULT, Sort, page_of, read_cursor, read_order
from scanning.freshness import Freshness, noun_of

GAPS_SHOWN = 50
STARTED = Sort("started", "started", "started_at", is_time=True)
OUTCOME_MARKS = {
    RunOutcome.COMPLETE.value: "ok",
    RunOutcome.FAILED.value: "bad",
    RunOutcome.HELD.value: "limit",
    RunOutcome.RUNNING.value: "wait",
}
NOBODY_READ = "Nothing was read: the worker or beat did not run."


@dataclass(frozen=True)
class RunLine:
    """One read: how it ended, after how long, and what it saw."""

    region: str
    what: str
    address: str
    started: SafeString
    mark: str
    run: SyncRun
    error: str
    request_id: str
    next_step: str
    shows_counts: bool
    """How many rows there are is told to who sees them all."""

    @property
    def seconds(self) -> str:
        return "" if self.run.seconds is None else f"{self.run.seconds:,.1f}"


@dataclass(frozen=True)
class Gap:
    """A time in which we could not look. What changed in it is known only by its result."""

    since: SafeString
    until: SafeString | None
    length: str
    why: str


@dataclass(frozen=True)
class History:
    """One page of a scope's reads, and its latest gaps."""

    runs: Sequence[RunLine]
    total: int
    begins: SafeString
    previous: str
    next: str
    gaps: Sequence[Gap]
    has_more_gaps: bool


def name_of(scope: SyncScope) -> str:
    noun = noun_of(scope)
    return noun[0].upper() + noun[1:]


def run_line(run: SyncRun, fresh: Freshness, sees_errors: bool) -> RunLine:
    return RunLine(
        region="" if run.scope.region == GLOBAL else run.scope.region,
        what=name_of(run.scope),
        address=run.scope.get_absolute_url(),
        started=draw_time(run.started_at, fresh.now),
        mark=OUTCOME_MARKS.get(run.outcome, "off"),
        run=run,
        error=run.error if sees_errors else "",
        request_id=run.error_request_id if sees_errors else "",
        next_step=step_after(run) if sees_errors else "",
        shows_counts=sees_errors,
    )


def read_history(scope: SyncScope, person: Person, fresh: Freshness, query: QueryDict) -> History:
    """Four queries, however long the history."""
    query = known(query, ("after", "before"))
    order = read_order("-started", {"started": STARTED}, "-started")
    cursor = read_cursor(query.get("after", ""), query.get("before", ""), order)
    runs = SyncRun.objects.filter(scope=scope).select_related("scope")
    page = page_of(runs, order, cursor, PER_PAGE_DEFAULT)
    all_runs = runs.aggregate(total=Count("pk"), first=Min("started_at"))
    gaps = _gaps(scope, person, fresh)
    return History(
        runs=[run_line(run, fresh, person.sees_all_accounts) for run in page.rows],
        total=all_runs["total"],
        begins=draw_full_time(all_runs["first"], fresh.now),
        previous=changed(query, {"before": page.previous, "after": None}) if page.previous else "",
        next=changed(query, {"after": page.next, "before": None}) if page.next else "",
        gaps=gaps[:GAPS_SHOWN],
        has_more_gaps=len(gaps) > GAPS_SHOWN,
    )


def _gaps(scope: SyncScope, person: Person, fresh: Freshness) -> list[Gap]:
    """The one that is open, and those between complete reads, the latest first."""
    runs = SyncRun.objects.filter(scope=scope)
    late = runs.gaps(fresh.every, GAPS_SHOWN + 1)
    behind = runs.filter(generation__in=[generation + 1 for generation, _, _ in late])
    next_run = {run.generation - 1: run for run in behind}
    found = []
    if fresh.is_old(scope) and scope.last_complete_at:
        error = scope.error if scope.is_in_trouble else ""
        why = (error if person.sees_all_accounts else scope.get_state_display()) if error else NOBODY_READ
        found.append(_gap(scope.last_complete_at, None, why, fresh))
    found += [_gap(since, until, _why(next_run.get(before), person), fresh) for before, since, until in late]
    return found


def _why(run: SyncRun | None, person: Person) -> str:
    """The error of the first read behind the last complete one; if that one was complete, none was tried."""
    if run is None or run.outcome in {RunOutcome.COMPLETE, RunOutcome.SKIPPED}:
        return NOBODY_READ
    return run.error if person.sees_all_accounts and run.error else run.get_outcome_display()


def _gap(since: datetime, until: datetime | None, why: str, fresh: Freshness) -> Gap:
    return Gap(
        since=draw_full_time(since, fresh.now),
        until=draw_full_time(until, fresh.now) if until else None,
        length=age_words((until or fresh.now) - since),
        why=why,
    )
