"""What of the whole works at this moment: database, broker, a worker, beat, and how old what we know is.

A word for each part is for everybody. What the parts are called at AWS, ages and errors are for those who may see them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from aws import heartbeats
from aws.choices import ScopeState
from aws.models import GLOBAL, SyncScope
from coverage_site.broker import BrokerAway, ping
from scanning.freshness import Freshness, noun_of

OK, AWAY, UNKNOWN, NOT_USED = "ok", "away", "unknown", "not used"
OLD, NEVER, FAILED, HELD = "old", "not read yet", "failed", "held"
SILENT = timedelta(seconds=60)
"""Three heartbeats, which come every 20 seconds, are missing."""


@dataclass(frozen=True)
class Part:
    state: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_fine(self) -> bool:
        return self.state in {OK, NOT_USED}


@dataclass(frozen=True)
class Readiness:
    parts: dict[str, Part]

    @property
    def is_ready(self) -> bool:
        return all(part.is_fine for part in self.parts.values())

    def as_json(self, *, detailed: bool) -> dict[str, Any]:
        told = {name: {"state": part.state, **part.details} for name, part in self.parts.items()}
        words = {name: part.state for name, part in self.parts.items()}
        return {"status": "ok" if self.is_ready else "degraded", "components": told if detailed else words}


def look() -> Readiness:
    """Never raises: whatever is away is part of the answer."""
    parts = {"database": database(), "broker": broker()}
    try:
        freshness = Freshness.read() if parts["database"].is_fine else None
        if freshness is not None:
            beat, worker = heartbeats.last_seen(heartbeats.BEAT), heartbeats.worker_last_seen()
            parts |= signs_of_life(freshness.now, parts["broker"], beat, worker)
            parts |= {"coverage": coverage(freshness), "sync": sync(freshness)}
    except (DatabaseError, InterfaceError):
        parts["database"] = Part(AWAY)
    return Readiness(
        parts | {name: Part(UNKNOWN) for name in ("beat", "worker", "coverage", "sync") if name not in parts}
    )


def database() -> Part:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return Part(AWAY)
    return Part(OK)


def broker() -> Part:
    if not settings.REDIS_URL:
        return Part(NOT_USED)
    try:
        ping()
    except BrokerAway as away:
        return Part(AWAY, {"error": str(away)})
    return Part(OK)


def signs_of_life(now: datetime, broker: Part, beat: datetime | None, worker: datetime | None) -> dict[str, Part]:
    """A worker hears of its heartbeat from beat, by the broker: where one of them is away, its silence says nothing.

    Beat speaks without the broker, but may be late where it waits for one that accepts and is silent.
    """
    if broker.state == NOT_USED:
        return {"beat": Part(NOT_USED), "worker": Part(NOT_USED)}
    beats = alive(beat, now, AWAY if broker.is_fine else UNKNOWN)
    can_be_heard = beats.is_fine and broker.is_fine
    return {"beat": beats, "worker": alive(worker, now, AWAY if can_be_heard else UNKNOWN)}


def alive(seen: datetime | None, now: datetime, otherwise: str) -> Part:
    if seen is None:
        return Part(otherwise, {"seconds_ago": None})
    age = max(now - seen, timedelta(0))
    return Part(OK if age <= SILENT else otherwise, {"seconds_ago": round(age.total_seconds())})


def coverage(freshness: Freshness) -> Part:
    """The oldest complete read of coverage in each Region, against three periods."""
    regions = {region: _region(freshness, region) for region in settings.COVERAGE_REGIONS}
    states = {region["state"] for region in regions.values()}
    state = next((one for one in (NEVER, OLD) if one in states), OK)
    return Part(state, {"at_most_seconds": round(3 * freshness.every.total_seconds()), "regions": regions})


def _region(freshness: Freshness, name: str) -> dict[str, Any]:
    scopes = [scope for (region, _), scope in freshness.coverage.items() if region == name]
    read = [scope for scope in scopes if scope.state != ScopeState.SKIPPED]
    if scopes and not read:
        return {"state": OK, "note": "Inspector is not offered here."}
    times = [scope.last_complete_at for scope in read]
    oldest = min((at for at in times if at), default=None)
    if oldest is None or None in times:
        return {"state": NEVER, "as_of": _time(oldest)}
    age = freshness.now - oldest
    state = OLD if age > 3 * freshness.every else OK
    return {"state": state, "as_of": _time(oldest), "seconds_ago": max(round(age.total_seconds()), 0)}


def sync(freshness: Freshness) -> Part:
    """What failed or is held, in the Regions that are read."""
    ours = {*settings.COVERAGE_REGIONS, GLOBAL}
    trouble = [scope for scope in freshness.scopes if scope.is_in_trouble and scope.region in ours]
    states = {scope.state for scope in trouble}
    state = next((word for one, word in ((ScopeState.FAILED, FAILED), (ScopeState.HELD, HELD)) if one in states), OK)
    return Part(state, {"scopes": [_scope(scope) for scope in trouble]})


def _scope(scope: SyncScope) -> dict[str, Any]:
    return {
        "what": noun_of(scope),
        "region": scope.region,
        "state": scope.state,
        "since": _time(scope.failing_since),
        "as_of": _time(scope.last_complete_at),
        "error": scope.error,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
