"""What was read from AWS, when, and how it ended: the page that answers “why is this old?”."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from aws.choices import RunOutcome, ScopeState
from aws.models import GLOBAL, SyncRun, SyncScope
from coverage_site.drawing import draw_time
from scanning.frame import Frame
from scanning.freshness import Freshness, noun_of

RUNS_SHOWN = 50
MARKS = {
    ScopeState.OK.value: "ok",
    ScopeState.FAILED.value: "bad",
    ScopeState.HELD.value: "limit",
    ScopeState.SKIPPED.value: "off",
    ScopeState.NEW.value: "wait",
}
OUTCOME_MARKS = {
    RunOutcome.COMPLETE.value: "ok",
    RunOutcome.FAILED.value: "bad",
    RunOutcome.HELD.value: "limit",
    RunOutcome.RUNNING.value: "wait",
}


@dataclass(frozen=True)
class ScopeLine:
    """One scope: what it reads, how it stands, and its latest run."""

    what: str
    mark: str
    state: str
    complete: SafeString
    error: str
    request_id: str
    run: SyncRun | None
    is_running: bool

    @property
    def progress(self) -> str:
        if self.run is None or not self.is_running:
            return ""
        return f"{self.run.read:,} of {self.run.expected:,} rows" if self.run.expected else f"{self.run.read:,} rows"


@dataclass(frozen=True)
class RunLine:
    region: str
    what: str
    started: SafeString
    mark: str
    run: SyncRun
    error: str

    @property
    def seconds(self) -> str:
        return "" if self.run.seconds is None else f"{self.run.seconds:,.1f}"


@dataclass(frozen=True)
class ReadLog:
    """All scopes by Region, and the latest runs."""

    regions: Sequence[tuple[str, Sequence[ScopeLine]]]
    runs: Sequence[RunLine]
    is_running: bool
    now: datetime


def read_log(frame: Frame) -> ReadLog:
    """Two queries beside the scopes. Errors may name accounts and roles: only who sees all accounts reads them."""
    fresh = frame.freshness
    if not frame.sees_something:
        return ReadLog([], [], is_running=False, now=fresh.now)
    sees_errors = frame.person is not None and frame.person.sees_all_accounts
    latest = {run.scope_id: run for run in SyncRun.objects.latest_of_each_scope()}
    regions: dict[str, list[ScopeLine]] = {}
    for scope in fresh.scopes:
        region = "Every Region" if scope.region == GLOBAL else scope.region
        regions.setdefault(region, []).append(_scope_line(scope, latest.get(scope.pk), fresh, sees_errors))
    runs = SyncRun.objects.select_related("scope").order_by("-started_at", "-id")[:RUNS_SHOWN]
    return ReadLog(
        list(regions.items()), [_run_line(run, fresh, sees_errors) for run in runs], fresh.is_running, fresh.now
    )


def _scope_line(scope: SyncScope, run: SyncRun | None, fresh: Freshness, sees_errors: bool) -> ScopeLine:
    is_stale = fresh.is_old(scope) and not scope.is_in_trouble
    noun = noun_of(scope)
    return ScopeLine(
        what=noun[0].upper() + noun[1:],
        mark="part" if is_stale else MARKS.get(scope.state, "off"),
        state="Not read lately" if is_stale else scope.get_state_display(),
        complete=draw_time(scope.last_complete_at, fresh.now),
        error=scope.error if sees_errors else "",
        request_id=scope.error_request_id if sees_errors else "",
        run=run,
        is_running=scope.lease_until is not None and scope.lease_until > fresh.now,
    )


def _run_line(run: SyncRun, fresh: Freshness, sees_errors: bool) -> RunLine:
    noun = noun_of(run.scope)
    return RunLine(
        region="" if run.scope.region == GLOBAL else run.scope.region,
        what=noun[0].upper() + noun[1:],
        started=draw_time(run.started_at, fresh.now),
        mark=OUTCOME_MARKS.get(run.outcome, "off"),
        run=run,
        error=run.error if sees_errors else "",
    )
