"""What was read from AWS, when, and how it ended: the page that answers “why is this old?”."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from django.conf import settings
from django.utils.safestring import SafeString

from accounts.models import Person
from aws.advice import next_step, step_after
from aws.choices import HoldDecision, RunOutcome, ScopeState
from aws.models import GLOBAL, SyncRequest, SyncRun, SyncScope
from coverage_site.drawing import ago, draw_time
from scanning.frame import Frame
from scanning.freshness import Freshness
from scanning.history import RunLine, name_of, run_line

RUNS_SHOWN = 50
JUST_TAKEN = timedelta(seconds=60)
"""So long after a worker took a request its reads may not have begun yet."""
NOT_LATELY = "Not read lately"
MARKS = {
    ScopeState.OK.value: "ok",
    ScopeState.FAILED.value: "bad",
    ScopeState.HELD.value: "limit",
    ScopeState.SKIPPED.value: "off",
    ScopeState.NEW.value: "wait",
}


@dataclass(frozen=True)
class Progress:
    """How far a read under way has come, against what AWS' statistics announced. Data moves: it may read more."""

    read: int
    expected: int | None

    @property
    def words(self) -> str:
        return f"{self.read:,} of {self.expected:,} rows" if self.expected else f"{self.read:,} rows"

    @property
    def bar(self) -> int:
        return min(self.read, self.expected or 0)


@dataclass(frozen=True)
class ScopeLine:
    """One scope: what it reads, how it stands, what to do about it, and its latest run."""

    scope: SyncScope
    what: str
    mark: str
    state: str
    complete: SafeString
    error: str
    request_id: str
    next_step: str
    run: SyncRun | None
    progress: Progress | None


@dataclass(frozen=True)
class Asking:
    """Whether a sync of one Region, or of all, waits for a worker; `region` is what the button sends."""

    region: str
    words: str
    is_read: bool


@dataclass(frozen=True)
class RegionReads:
    region: str
    name: str
    lines: Sequence[ScopeLine]
    asking: Asking


@dataclass(frozen=True)
class ReadLog:
    """All scopes by Region, and the latest runs."""

    regions: Sequence[RegionReads]
    runs: Sequence[RunLine]
    asking: Asking
    summary: str
    is_moving: bool
    """Something is being read, or soon will be: the page looks again by itself."""


def read_log(frame: Frame) -> ReadLog:
    """Three queries beside the scopes. Errors may name accounts and roles: only who sees all accounts reads them."""
    fresh, person = frame.freshness, frame.person
    if person is None or not frame.sees_something:
        return ReadLog([], [], Asking(GLOBAL, "", is_read=False), "", is_moving=False)
    latest = {run.scope_id: run for run in SyncRun.objects.latest_of_each_scope()}
    asked = SyncRequest.objects.filter(region__in=[GLOBAL, *settings.COVERAGE_REGIONS])
    requests = {request.region: request for request in asked}
    regions: dict[str, list[ScopeLine]] = {}
    for scope in fresh.scopes:
        regions.setdefault(scope.region, []).append(scope_line(scope, latest.get(scope.pk), fresh, person))
    runs = SyncRun.objects.that_pages_rest_on().select_related("scope").order_by("-started_at", "-id")[:RUNS_SHOWN]
    return ReadLog(
        regions=[
            RegionReads(
                region,
                "The organization" if region == GLOBAL else region,
                lines,
                _asking(region, requests, fresh, person),
            )
            for region, lines in sorted(regions.items(), key=lambda item: (item[0] == GLOBAL, item[0]))
        ],
        runs=[run_line(run, fresh, person.sees_all_accounts) for run in runs],
        asking=_asking(GLOBAL, requests, fresh, person),
        summary=_summary(chain.from_iterable(regions.values())),
        is_moving=fresh.is_running or any(_is_under_way(request, fresh.now) for request in requests.values()),
    )


def scope_line(scope: SyncScope, run: SyncRun | None, fresh: Freshness, person: Person) -> ScopeLine:
    is_running = scope.lease_until is not None and scope.lease_until > fresh.now
    mark, state = _standing(scope, fresh)
    error, request_id, step = scope.error, scope.error_request_id, next_step(scope)
    if run is not None and run.outcome == RunOutcome.ABORTED and not is_running:
        error, request_id, step = run.error, run.error_request_id, step_after(run)
    elif state == NOT_LATELY:
        step = "Is a worker running, and beat? One of them starts every read."
    sees_errors = person.sees_all_accounts
    return ScopeLine(
        scope=scope,
        what=name_of(scope),
        mark=mark,
        state=state,
        complete=draw_time(scope.last_complete_at, fresh.now),
        error=error if sees_errors else "",
        request_id=request_id if sees_errors else "",
        next_step=step if sees_errors else "",
        # How many rows there are is told to who sees them all.
        run=run if sees_errors else None,
        progress=Progress(run.read, run.expected) if run is not None and is_running and sees_errors else None,
    )


def _standing(scope: SyncScope, fresh: Freshness) -> tuple[str, str]:
    if not fresh.is_monitored(scope):
        return "off", "Read no more: COVERAGE_REGIONS does not name the Region"
    if fresh.is_old(scope) and not scope.is_in_trouble:
        return "part", NOT_LATELY
    if scope.is_held and scope.hold_decision:
        return "limit", f"Held, {scope.get_hold_decision_display().lower()}"
    return MARKS.get(scope.state, "off"), scope.get_state_display()


def _summary(lines: Iterable[ScopeLine]) -> str:
    lines = list(lines)
    states = Counter(line.scope.get_state_display().lower() for line in lines if line.state != NOT_LATELY)
    states[NOT_LATELY.lower()] = sum(line.state == NOT_LATELY for line in lines)
    states["being read"] = sum(line.progress is not None for line in lines)
    return " · ".join(f"{number:,} {words}" for words, number in states.items() if number)


def _is_under_way(request: SyncRequest, now: datetime) -> bool:
    return request.is_waiting(now) or (request.started_at is not None and now - request.started_at < JUST_TAKEN)


def was_just_released(scope: SyncScope, now: datetime) -> bool:
    """Whether a read of it is about to begin."""
    decided_at = scope.hold_decided_at
    is_released = scope.hold_decision == HoldDecision.RELEASED
    return is_released and decided_at is not None and now - decided_at < JUST_TAKEN


def _asking(region: str, requests: Mapping[str, SyncRequest], fresh: Freshness, person: Person) -> Asking:
    waiting = [
        request for name in (region, GLOBAL) if (request := requests.get(name)) and request.is_waiting(fresh.now)
    ]
    return Asking(
        region=region,
        words=asked_for(waiting[0], fresh.now, person) if waiting else "",
        is_read=region in {GLOBAL, *settings.COVERAGE_REGIONS},
    )


def asked_for(request: SyncRequest, now: datetime, person: Person) -> str:
    """By whom and when; who sees granted accounts only is not told of other people."""
    by = f" by {request.requested_by}" if person.sees_all_accounts else ""
    return f"asked for{by}, {ago(request.requested_at, now)}"
