"""What makes an account one of those that a filter or a group of the Accounts page shows, for the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.activation.locks import BLOCKED
from accounts.choices import ItemState, Status
from accounts.models import ActivationItem, RegionalAccount, RegionalAccountQuerySet, ScanTypeStatus
from accounts.summary import SUSPENDED, is_activated, is_member
from scanning.choices import Kind, ResourceType, Severity
from scanning.models import CoverageCount, FindingCount

ALL, SOMETHING_OFF, NOT_ACTIVATED, NOT_MEMBERS = "all", "something-off", "not-activated", "not-members"
DEPARTED = "departed"
GROUPS = {
    ALL: "All",
    SOMETHING_OFF: "Something off",
    NOT_ACTIVATED: "Not activated",
    NOT_MEMBERS: "Not members",
    DEPARTED: "Departed",
}
EXPECTED = ("EC2", "ECR", "LAMBDA", "LAMBDA_CODE")
"""The scan types whose being off is a gap: code repositories and machine images are for those who use them."""
MEANINGS = {
    SOMETHING_OFF: "EC2, ECR, Lambda standard or Lambda code scanning is off in at least one Region",
    NOT_ACTIVATED: "Members without any activated scan type; suspended accounts are left out",
    NOT_MEMBERS: "In the organization and no member of Inspector; suspended accounts are left out",
    DEPARTED: "No longer in the organization; no other group has them",
}
"""What a group holds, told on hover."""
ADMINISTRATOR, STANDALONE, NO_MEMBER = "ADMINISTRATOR", "STANDALONE", "NO_MEMBER"
"""Relationships that have no RelationshipStatus."""
FIXABLE, NOTHING_FIXABLE = "fixable", "none"
TOLD_SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)
ON = (Status.ENABLED, Status.ENABLING)


def any_of(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)


def in_regions(regions: Sequence[str]) -> RegionalAccountQuerySet:
    """The account of the outer query, as Inspector in these Regions knows it."""
    return RegionalAccount.objects.filter(account_id=OuterRef("account_id"), region__in=regions)


def told_types(regions: Sequence[str]) -> QuerySet[ScanTypeStatus]:
    """Its scan types where Inspector counts it among its accounts and tells their status now."""
    told = RegionalAccount.objects.associated().filter(
        account_id=OuterRef("account_id"), region=OuterRef("region"), unknown_since=None
    )
    statuses = ScanTypeStatus.objects.filter(account_id=OuterRef("account_id"), region__in=regions)
    return statuses.filter(Exists(told))


def group_condition(group: str, regions: Sequence[str], read_regions: Sequence[str]) -> Q:
    """What makes an account one of a group. Where nothing was read, nobody is known not to be a member."""
    if group == DEPARTED:
        return Q(departed_at__isnull=False)
    present = Q(departed_at=None)
    if group == SOMETHING_OFF:
        return present & Q(Exists(told_types(regions).filter(scan_type__in=EXPECTED).exclude(status__in=ON)))
    if group == NOT_ACTIVATED:
        return present & is_member(regions) & ~SUSPENDED & ~is_activated(regions)
    if group == NOT_MEMBERS:
        return present & ~is_member(regions) & ~SUSPENDED if read_regions else Q(pk__in=[])
    return present


def related(relationship: str, regions: Sequence[str]) -> Q:
    """It has this relationship to the delegated administrator in one of the Regions; or is a member in none."""
    rows = in_regions(regions)
    if relationship == ADMINISTRATOR:
        return Q(Exists(rows.filter(is_delegated_admin=True)))
    if relationship == STANDALONE:
        return Q(Exists(rows.filter(is_delegated_admin=False, relationship_status="").exclude(status="")))
    if relationship == NO_MEMBER:
        return ~is_member(regions)
    return Q(Exists(rows.filter(is_delegated_admin=False, relationship_status=relationship)))


def is_locked(regions: Sequence[str], scan_types: Sequence[str]) -> Q:
    """An organization policy locks one of these scan types (of all, if none is named): locks_of, for the database."""
    here = {"account_id": OuterRef("account_id"), "region__in": regions}
    here |= {"scan_type__in": scan_types} if scan_types else {}
    changed_since = ScanTypeStatus.objects.filter(
        account_id=OuterRef("account_id"),
        region=OuterRef("region"),
        scan_type=OuterRef("scan_type"),
        changed_at__gt=OuterRef("settled_at"),
    )
    refused = ActivationItem.objects.filter(~Exists(changed_since), state=ItemState.REFUSED, error_code=BLOCKED, **here)
    return Q(Exists(ScanTypeStatus.objects.filter(error_code=BLOCKED, **here))) | Q(Exists(refused))


def with_gaps(word: str, regions: Sequence[str]) -> Q:
    """Something that Inspector lists of it could be scanned if somebody did something; or nothing."""
    counts = CoverageCount.objects.filter(account_id=OuterRef("account_id"), region__in=regions)
    fixable = Exists(counts.filter(kind=Kind.FIX, count__gt=0).exclude(resource_type=ResourceType.AWS_ACCOUNT))
    return Q(fixable) if word == FIXABLE else ~Q(fixable)


def with_findings(severity: str, regions: Sequence[str]) -> Q:
    """It has active findings of this severity."""
    counts = FindingCount.objects.filter(account_id=OuterRef("account_id"), region__in=regions)
    return Q(Exists(counts.filter(**{f"{severity.lower()}__gt": 0})))
