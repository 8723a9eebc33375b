"""How old is what we show? Every page says it: “could not look” is never “nothing there”."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from django.conf import settings
from django.utils import timezone

from aws.choices import HoldDecision, ScopeState, What
from aws.models import GLOBAL, SyncScope
from scanning.choices import STATISTICS, ResourceType
from scanning.tabs import TABS

STALE = "stale"
"""The state of a trouble that is no failure: the last complete read is just too old."""
NOT_MONITORED = "not monitored"
"""The state of what was read once, in a Region that is read no more."""
NOUNS = {
    **{kinds[0]: table.noun for tab in TABS for table in tab.tables if len(kinds := table.resource_types) == 1},
    ResourceType.AWS_ACCOUNT: "network reachability",
    STATISTICS: "the list of resource types",
}
"""What a scope of coverage reads. Types that share a tab are called by their own label."""


def noun_of(scope: SyncScope) -> str:
    """What a scope reads, in words."""
    match scope.what:
        case What.COVERAGE:
            label = ResourceType(scope.part).label if scope.part in ResourceType else scope.part
            return NOUNS.get(scope.part, f"{label} resources")
        case What.ACCOUNTS:
            return "account statuses"
        case What.FINDINGS:
            return "findings"
        case What.ORGANIZATION:
            return "the accounts of the organization"
    return str(scope)


@dataclass(frozen=True)
class Trouble:
    """What could not be read in one Region, for one and the same reason."""

    region: str
    state: str
    error: str
    since: datetime | None
    as_of: datetime | None
    scopes: tuple[SyncScope, ...]

    @property
    def resource_types(self) -> frozenset[str]:
        return frozenset(scope.part for scope in self.scopes if scope.what == What.COVERAGE)

    @property
    def is_released(self) -> bool:
        """Held, but a person let it go: the next read follows."""
        return all(scope.is_held and scope.hold_decision == HoldDecision.RELEASED for scope in self.scopes)

    @property
    def nouns(self) -> list[str]:
        return [noun_of(scope) for scope in self.scopes]


@dataclass(frozen=True)
class Freshness:
    """The scopes at one moment, and what follows from them for every page."""

    scopes: Sequence[SyncScope]
    now: datetime
    every: timedelta

    @classmethod
    def read(cls) -> Self:
        return cls(list(SyncScope.objects.that_pages_rest_on()), timezone.now(), settings.COVERAGE_SYNC_EVERY)

    def is_old(self, scope: SyncScope) -> bool:
        """Failed, held, or not read for three periods. A Region where Inspector is not offered is never old."""
        if scope.state == ScopeState.SKIPPED:
            return False
        if scope.state == ScopeState.NEW:
            return False
        return scope.is_in_trouble or scope.is_stale(self.every, self.now)

    @staticmethod
    def is_monitored(scope: SyncScope) -> bool:
        """Whether the scope's Region is still one of those that are read."""
        return scope.region in {GLOBAL, *settings.COVERAGE_REGIONS}

    @cached_property
    def coverage(self) -> dict[tuple[str, str], SyncScope]:
        """(Region, resource type) → its scope."""
        return {(scope.region, scope.part): scope for scope in self.scopes if scope.what == What.COVERAGE}

    @cached_property
    def findings(self) -> dict[str, SyncScope]:
        return {scope.region: scope for scope in self.scopes if scope.what == What.FINDINGS}

    @cached_property
    def regions(self) -> list[str]:
        """The Regions that are read, and those that once were."""
        once = {scope.region for scope in self.scopes if scope.region != GLOBAL}
        return [*settings.COVERAGE_REGIONS, *sorted(once.difference(settings.COVERAGE_REGIONS))]

    @cached_property
    def old_since(self) -> dict[tuple[str, str], datetime | None]:
        """(Region, resource type) → as of when its rows are shown, where that is not now."""
        return {key: scope.last_complete_at for key, scope in self.coverage.items() if self.is_old(scope)}

    def findings_are_known(self, region: str) -> bool:
        scope = self.findings.get(region)
        return scope is not None and (scope.last_complete_at is not None or scope.state == ScopeState.SKIPPED)

    def findings_as_of(self, region: str) -> datetime | None:
        """Since when the findings of a Region have not been read, where they are old."""
        scope = self.findings.get(region)
        return scope.last_complete_at if scope is not None and self.is_old(scope) else None

    def has_read(self, resource_types: Iterable[str], regions: Iterable[str]) -> bool:
        """Whether any of these types was ever looked for: only then is none of them an answer."""
        wanted, parts = set(regions), {*resource_types, STATISTICS}
        return any(
            scope.last_complete_at or scope.state == ScopeState.SKIPPED
            for (region, part), scope in self.coverage.items()
            if region in wanted and part in parts
        )

    @cached_property
    def is_running(self) -> bool:
        return any(scope.lease_until is not None and scope.lease_until > self.now for scope in self.scopes)

    @cached_property
    def _read_regions(self) -> dict[str, list[SyncScope]]:
        """The Regions in which coverage is read, with their scopes of coverage."""
        found: dict[str, list[SyncScope]] = {}
        for (region, _), scope in self.coverage.items():
            if scope.state != ScopeState.SKIPPED:
                found.setdefault(region, []).append(scope)
        return found

    @cached_property
    def current_regions(self) -> list[str]:
        return [
            region
            for region, scopes in self._read_regions.items()
            if not any(self.is_old(scope) or scope.last_complete_at is None for scope in scopes)
        ]

    @property
    def region_count(self) -> int:
        return len(self._read_regions)

    @cached_property
    def oldest(self) -> datetime | None:
        """The oldest complete read of coverage that a page may rest on."""
        times = [scope.last_complete_at for scopes in self._read_regions.values() for scope in scopes]
        return min((at for at in times if at), default=None)

    @cached_property
    def troubles(self) -> list[Trouble]:
        """What is failed, held or stale, joined where Region, state and error are the same.

        Holds of a Region are joined too: each has numbers of its own in its error, and one reason for all of them.
        """
        groups: dict[tuple[str, ...], list[SyncScope]] = {}
        for scope in self.scopes:
            if self.is_old(scope):
                groups.setdefault(self._kind_of_trouble(scope), []).append(scope)
        return [self._trouble(region, state, scopes) for (region, state, _), scopes in groups.items()]

    def _kind_of_trouble(self, scope: SyncScope) -> tuple[str, str, str]:
        if not self.is_monitored(scope):
            return scope.region, NOT_MONITORED, ""
        if scope.is_held:
            return scope.region, scope.state, scope.hold_decision
        return (scope.region, scope.state, scope.error) if scope.is_in_trouble else (scope.region, STALE, "")

    @staticmethod
    def _trouble(region: str, state: str, scopes: list[SyncScope]) -> Trouble:
        errors = {scope.error for scope in scopes} if state in {ScopeState.FAILED, ScopeState.HELD} else set()
        error = errors.pop() if len(errors) == 1 else ""
        complete = [scope.last_complete_at for scope in scopes if scope.last_complete_at]
        failing = [scope.failing_since for scope in scopes if scope.failing_since]
        return Trouble(region, state, error, min(failing, default=None), min(complete, default=None), tuple(scopes))
