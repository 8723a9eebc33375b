"""What the list of accounts can be sorted by: every column. What is no field of an account is worked out as a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Case, CharField, Count, Exists, IntegerField, Max, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Concat, LPad

from accounts.choices import RelationshipStatus, Status
from accounts.models import AwsAccountQuerySet, RegionalAccount, ScanTypeStatus
from coverage_site.paging import Order, Sort
from scanning.choices import Kind, ResourceType
from scanning.models import CoverageCount, FindingCount

KEY = "sort_key"
RELATIONSHIP, STATE, GAPS, FINDINGS = "relationship", "state", "gaps", "findings"
SEVERITIES = ("critical", "high", "medium", "low")
WIDTH = 9
"""Digits of a number within a text that is sorted by: no count of resources or findings is longer."""


def sorts_for(scan_types: Iterable[str]) -> dict[str, Sort]:
    """The sorts by name. Of what needs somebody, the most of it comes first."""
    sorts = [
        Sort("name", "name", "name"),
        Sort("id", "id", "account_id"),
        Sort(RELATIONSHIP, "relationship", KEY),
        Sort(STATE, "state", "state", first_down=True),
        *(Sort(name, name, KEY, first_down=True) for name in scan_types),
        Sort(GAPS, "gaps", KEY, first_down=True),
        Sort(FINDINGS, "findings", KEY, first_down=True),
    ]
    return {sort.name: sort for sort in sorts}


def with_key(rows: AwsAccountQuerySet, order: Order, regions: Sequence[str]) -> AwsAccountQuerySet:
    """The accounts with what they are sorted by. Those that are alike follow their names."""
    if order.sort.field != KEY:
        return rows
    keys = {RELATIONSHIP: _relationship, GAPS: _gaps, FINDINGS: _findings}
    name = order.sort.name
    key = keys[name](regions) if name in keys else _scan_type(name, regions)
    return rows.annotate(**{KEY: Concat(key, Value(" "), "name", output_field=CharField())})


def _digits(number: str | Combinable, width: int = WIDTH) -> LPad:
    return LPad(Cast(number, CharField()), width, Value("0"))


def _text(rows: Subquery, otherwise: str) -> Coalesce:
    return Coalesce(rows, Value(otherwise), output_field=CharField())


def _relationship(regions: Sequence[str]) -> Coalesce:
    """The administrator, members, what is on its way or over, and those that never were members."""
    place = Case(
        When(is_delegated_admin=True, then=Value("0")),
        When(relationship_status=RelationshipStatus.ENABLED, then=Value("1")),
        When(~Q(relationship_status=""), then=Concat(Value("3 "), "relationship_status")),
        When(~Q(status=""), then=Value("2")),
        default=Value("4"),
        output_field=CharField(),
    )
    here = RegionalAccount.objects.filter(account_id=OuterRef("account_id"), region__in=regions)
    furthest = here.order_by().annotate(place=place).values("account_id").annotate(furthest=Max("place"))
    return _text(Subquery(furthest.values("furthest")), "4")


def _scan_type(scan_type: str, regions: Sequence[str]) -> Coalesce:
    """What is off in any Region after what is unknown, on its way, and activated; then in how many Regions."""
    of_account = RegionalAccount.objects.filter(account_id=OuterRef("account_id"), region=OuterRef("region"))
    unknown = Exists(of_account.exclude(unknown_since=None))
    place = Case(
        When(unknown, then=3),
        When(status=Status.ENABLED, then=1),
        When(status__in=[Status.ENABLING, Status.DISABLING, Status.SUSPENDING], then=2),
        When(status__in=[Status.DISABLED, Status.SUSPENDED], then=4),
        default=3,
        output_field=IntegerField(),
    )
    here = ScanTypeStatus.objects.filter(
        Exists(of_account.associated()), account_id=OuterRef("account_id"), scan_type=scan_type, region__in=regions
    )
    worst = here.order_by().annotate(place=place).values("account_id").annotate(worst=Max("place"), off=_not_on())
    return _text(Subquery(worst.values_list(Concat(Cast("worst", CharField()), _digits("off", 3)))), "0")


def _not_on() -> Count:
    return Count("pk", filter=~Q(place=1))


def _gaps(regions: Sequence[str]) -> Coalesce:
    here = CoverageCount.objects.filter(account_id=OuterRef("account_id"), region__in=regions, kind=Kind.FIX)
    counted = here.exclude(resource_type=ResourceType.AWS_ACCOUNT).order_by().values("account_id")
    return _text(Subquery(counted.annotate(total=Sum("count")).values_list(_digits("total"))), "")


def _findings(regions: Sequence[str]) -> Coalesce:
    """By critical findings, where these are as many by high ones, and so on."""
    here = FindingCount.objects.filter(account_id=OuterRef("account_id"), region__in=regions)
    counted = here.order_by().values("account_id").annotate(**{f"all_{name}": Sum(name) for name in SEVERITIES})
    return _text(Subquery(counted.values_list(Concat(*(_digits(f"all_{name}") for name in SEVERITIES)))), "")
