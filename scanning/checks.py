"""What was checked on AWS' side: which calls are allowed, and how our counts compare with AWS'. From the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.conf import settings
from django.utils.safestring import SafeString

from aws.calls import CALLS, AwsCall
from aws.choices import Permission, What
from aws.models import GLOBAL, PermissionCheck, SyncRequest, SyncScope
from coverage_site.drawing import draw_time
from scanning.choices import ResourceType
from scanning.models import CountComparison

MARKS = {
    Permission.ALLOWED.value: "ok",
    Permission.DENIED.value: "bad",
    Permission.NOT_OFFERED.value: "off",
    Permission.FAILED.value: "limit",
}
CALL_OF = {call.action: call for call in CALLS}


@dataclass(frozen=True)
class PermissionLine:
    action: str
    purpose: str
    mark: str
    label: str
    words: str
    checked: SafeString


@dataclass(frozen=True)
class RegionPermissions:
    region: str
    lines: Sequence[PermissionLine]
    missing: Sequence[str]
    """Actions to add to the policy of the role to read with."""


def permissions(now: datetime) -> list[RegionPermissions]:
    """As AWS answered when each call was last tried; what concerns no Region first."""
    rows = sorted(PermissionCheck.objects.all(), key=lambda row: (_place(row.region), _place_of_call(row.action)))
    found = []
    for region, checks in groupby(rows, key=lambda row: row.region):
        some = list(checks)
        found.append(
            RegionPermissions(
                "Every Region" if region == GLOBAL else region,
                [_line(row, now) for row in some],
                [row.action for row in some if row.permission == Permission.DENIED],
            )
        )
    return found


def _place(region: str) -> int:
    order = [GLOBAL, *settings.COVERAGE_REGIONS]
    return order.index(region) if region in order else len(order)


def _place_of_call(action: str) -> int:
    actions = list(CALL_OF)
    return actions.index(action) if action in actions else len(actions)


def _line(row: PermissionCheck, now: datetime) -> PermissionLine:
    call: AwsCall | None = CALL_OF.get(row.action)
    return PermissionLine(
        action=row.action,
        purpose=call.purpose if call else "",
        mark=MARKS.get(row.permission, "off"),
        label=row.get_permission_display(),
        words=row.error,
        checked=draw_time(row.checked_at, now),
    )


@dataclass(frozen=True)
class CountLine:
    """One resource type and reason in a Region: ours, AWS', and the difference."""

    resource_type: str
    reason: str
    """As AWS writes it: the same reason has several labels, by type and frequency."""

    ours: int
    theirs: int

    @property
    def difference(self) -> int:
        return self.ours - self.theirs

    @property
    def difference_in_words(self) -> str:
        return f"{self.difference:+,}".replace("-", "−") if self.difference else "0"


@dataclass(frozen=True)
class RegionComparison:
    region: str
    compared: SafeString
    error: str
    lines: Sequence[CountLine]

    @property
    def differing(self) -> list[CountLine]:
        return [line for line in self.lines if line.difference]

    @property
    def total(self) -> int:
        return sum(line.theirs for line in self.lines)


def comparisons(now: datetime, *, sees_errors: bool) -> list[RegionComparison]:
    """Region by Region; an error of the last comparison stands beside the older counts that it left."""
    scopes = {scope.region: scope for scope in SyncScope.objects.of(What.COMPARISON)}
    rows: dict[str, list[CountComparison]] = {}
    for row in CountComparison.objects.order_by("resource_type", "status_reason"):
        rows.setdefault(row.region, []).append(row)
    found = []
    for region in sorted({*scopes, *rows}, key=_place):
        scope, counted = scopes.get(region), rows.get(region, [])
        found.append(
            RegionComparison(
                region,
                draw_time(counted[0].compared_at if counted else None, now),
                scope.error if scope and scope.is_in_trouble and sees_errors else "",
                sorted((_count(row) for row in counted), key=lambda line: -abs(line.difference)),
            )
        )
    return found


def _count(row: CountComparison) -> CountLine:
    known = row.resource_type in ResourceType
    label = str(ResourceType(row.resource_type).label) if known else row.resource_type
    return CountLine(label, row.status_reason or "—", row.ours, row.theirs)


def asked_for_lately(name: str) -> SyncRequest | None:
    """The request for this check that still waits for a worker."""
    return SyncRequest.objects.waiting().filter(region=name).first()
