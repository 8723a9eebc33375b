"""Accounts as the pages show them: what is activated in them, what of their coverage is missing, their findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Sum
from django.http import QueryDict

from accounts.activation.locks import Lock, locks_of
from accounts.choices import ResourceScanType
from accounts.models import OrganizationSettings, Person, RegionalAccount, ScanTypeStatus
from aws.choices import CallerKind, ScopeState, What
from scanning.choices import NOT_COVERED, Kind, ResourceType, Severity
from scanning.freshness import Freshness
from scanning.models import CoverageCount, FindingCount
from scanning.tabs import tab_of_type

USUAL_SCAN_TYPES = tuple(scan_type.value for scan_type in ResourceScanType if scan_type != ResourceScanType.AMI)


@dataclass
class Listed:
    """How many resources Inspector lists, and how many of them could be scanned if somebody did something."""

    listed: int = 0
    not_covered: int = 0
    fixable: int = 0

    @property
    def covered(self) -> int:
        return self.listed - self.not_covered

    def add(self, group: str, kind: str, count: int) -> None:
        self.listed += count
        self.not_covered += count if group in NOT_COVERED else 0
        self.fixable += count if kind == Kind.FIX else 0


@dataclass(frozen=True)
class Scopes:
    """Which Regions were read, and as whom: what is not read is not known, which differs from “not a member”."""

    freshness: Freshness
    regions: Sequence[str]

    @property
    def now(self) -> datetime:
        return self.freshness.now

    @property
    def callers(self) -> list[tuple[str, str, str]]:
        """(Region, the calling account, what kind of caller it is there)."""
        return [
            (scope.region, scope.caller_account, scope.caller_kind)
            for scope in self.freshness.scopes
            if scope.what == What.ACCOUNTS and scope.region in self.regions and scope.caller_kind
        ]

    def regions_as(self, kind: CallerKind) -> list[str]:
        return [region for region, _, caller_kind in self.callers if caller_kind == kind]

    @property
    def read_regions(self) -> list[str]:
        return [
            scope.region
            for scope in self.freshness.scopes
            if scope.what == What.ACCOUNTS and scope.region in self.regions and scope.last_complete_at
        ]

    @property
    def organization_is_known(self) -> bool:
        return any(scope.what == What.ORGANIZATION and scope.state == ScopeState.OK for scope in self.freshness.scopes)


@dataclass(frozen=True)
class Sheet:
    """What the accounts of one page have in common, read once for all of them."""

    scopes: Scopes
    regional: Mapping[tuple[str, str], RegionalAccount]
    statuses: Mapping[tuple[str, str, str], ScanTypeStatus]
    locks: Mapping[tuple[str, str, str], Lock] = field(default_factory=dict)
    listed: Mapping[str, Mapping[str, Listed]] = field(default_factory=dict)
    findings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    query: QueryDict = field(default_factory=QueryDict)

    @property
    def now(self) -> datetime:
        return self.scopes.now

    def relationships(self, account_id: str) -> dict[str, str]:
        """Region → relationship, for the Regions that were read."""
        found = {}
        for region in self.scopes.regions:
            row = self.regional.get((account_id, region))
            if row is not None:
                alone = row.is_associated and not row.is_member
                found[region] = "Standalone account" if alone else row.relationship_label
            elif region in self.scopes.read_regions:
                found[region] = "Not a member"
        return found

    def associated(self, account_id: str) -> list[RegionalAccount]:
        rows = (self.regional.get((account_id, region)) for region in self.scopes.regions)
        return [row for row in rows if row is not None and row.is_associated]

    def listed_in(self, account_id: str) -> Listed:
        total = Listed()
        for part in self.listed.get(account_id, {}).values():
            total.listed += part.listed
            total.not_covered += part.not_covered
            total.fixable += part.fixable
        return total


def scan_types_shown(person: Person) -> list[str]:
    """The scan types of the console, and the further ones that AWS reports of a visible account."""
    reported = ScanTypeStatus.objects.visible_to(person).exclude(scan_type__in=USUAL_SCAN_TYPES)
    return [*USUAL_SCAN_TYPES, *sorted(set(reported.order_by().values_list("scan_type", flat=True).distinct()))]


def read_sheet(person: Person, scopes: Scopes, account_ids: Iterable[str], query: QueryDict) -> Sheet:
    """What is known of these accounts: five queries, however many they are."""
    ids, regions = list(account_ids), list(scopes.regions)
    regional = RegionalAccount.objects.visible_to(person).in_regions(regions).filter(account_id__in=ids)
    statuses = list(ScanTypeStatus.objects.visible_to(person).in_regions(regions).filter(account_id__in=ids))
    return Sheet(
        scopes=scopes,
        regional={(row.account_id, row.region): row for row in regional},
        statuses={(row.account_id, row.region, row.scan_type): row for row in statuses},
        locks=locks_of(statuses, {row.account_id for row in statuses}, regions),
        listed=_listed(person, regions, ids),
        findings=_findings(person, regions, ids),
        query=query,
    )


def _listed(person: Person, regions: list[str], account_ids: list[str]) -> dict[str, dict[str, Listed]]:
    """Account → coverage page → its numbers. The account's own row (network reachability) is no resource."""
    counts = CoverageCount.objects.summed_for(person, account_ids).in_regions(regions)
    found: dict[str, dict[str, Listed]] = {}
    rows = counts.exclude(resource_type=ResourceType.AWS_ACCOUNT)
    for account_id, resource_type, group, kind, total in rows.totals("account_id", "resource_type", "group", "kind"):
        tab = tab_of_type(str(resource_type))
        of_page = found.setdefault(str(account_id), {}).setdefault(tab.slug, Listed())
        of_page.add(str(group), str(kind), int(str(total)))
    return found


def _findings(person: Person, regions: list[str], account_ids: list[str]) -> dict[str, dict[str, int]]:
    names = [severity.lower() for severity in Severity]
    rows = FindingCount.objects.visible_to(person).in_regions(regions).filter(account_id__in=account_ids)
    sums = rows.order_by().values_list("account_id").annotate(*(Sum(name) for name in names))
    return {account_id: dict(zip(names, numbers, strict=True)) for account_id, *numbers in sums}


@dataclass(frozen=True)
class AutomaticActivation:
    """What new member accounts start with, in the Regions where that is the same."""

    regions: str
    on: str
    off: str
    limit_reached: bool


def automatic_activation(scopes: Scopes) -> list[AutomaticActivation]:
    """The organization's settings, Regions with the same ones together. Empty if we are no delegated administrator."""
    wanted = scopes.regions_as(CallerKind.DELEGATED_ADMIN)
    if not wanted:
        return []
    alike: dict[tuple[tuple[str, ...], tuple[str, ...], bool], list[str]] = {}
    settings_of = {row.region: row for row in OrganizationSettings.objects.filter(region__in=wanted)}
    for row in (settings_of[region] for region in scopes.regions if region in settings_of):
        labels = {scan_type.key: str(scan_type.label) for scan_type in ResourceScanType}
        known_keys = [key for key in labels if key in row.auto_enable]
        keys = [*known_keys, *sorted(set(row.auto_enable).difference(labels))]
        on = tuple(labels.get(key, key) for key in keys if row.auto_enable[key])
        off = tuple(labels.get(key, key) for key in keys if not row.auto_enable[key])
        alike.setdefault((on, off, row.max_account_limit_reached), []).append(row.region)
    return [
        AutomaticActivation(", ".join(regions), ", ".join(on), ", ".join(off), limit)
        for (on, off, limit), regions in alike.items()
    ]
