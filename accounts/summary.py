"""How many accounts are activated, of how many: the one number that everybody quotes, with what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from accounts.choices import AccountState, Status
from accounts.models import AwsAccount, Person, RegionalAccount, ScanTypeStatus
from aws.choices import ScopeState, What
from aws.models import SyncScope


@dataclass(frozen=True)
class ActivationSummary:
    """Accounts by what is activated in them. Those that are no members, or suspended, are counted beside `listed`."""

    listed: int
    activated: int
    not_members: int
    suspended: int
    denominator_known: bool

    @property
    def not_activated(self) -> int:
        return self.listed - self.activated


SUSPENDED = Q(state__in=[AccountState.SUSPENDED, AccountState.PENDING_CLOSURE, AccountState.CLOSED])


def is_member(regions: Sequence[str]) -> Q:
    """Inspector counts it among its accounts in at least one of the Regions."""
    return Q(Exists(RegionalAccount.objects.associated().filter(account_id=OuterRef("account_id"), region__in=regions)))


def is_activated(regions: Sequence[str]) -> Q:
    """At least one scan type is ENABLED in at least one of the Regions."""
    statuses = ScanTypeStatus.objects.filter(status=Status.ENABLED)
    return Q(Exists(statuses.filter(account_id=OuterRef("account_id"), region__in=regions)))


def organization_is_known() -> bool:
    """Whether AWS Organizations could be read: otherwise accounts that never joined Inspector are not known of."""
    return SyncScope.objects.of(What.ORGANIZATION).filter(state=ScopeState.OK).exists()


def activation_summary(person: Person, regions: list[str], account_ids: list[str] | None = None) -> ActivationSummary:
    """An account counts as activated when at least one scan type is ENABLED in at least one of the Regions."""
    accounts = AwsAccount.objects.visible_to(person).present()
    if account_ids is not None:
        accounts = accounts.filter(account_id__in=account_ids)
    numbers = accounts.aggregate(
        listed=Count("pk", filter=is_member(regions) & ~SUSPENDED),
        activated=Count("pk", filter=is_member(regions) & ~SUSPENDED & is_activated(regions)),
        not_members=Count("pk", filter=~is_member(regions) & ~SUSPENDED),
        suspended=Count("pk", filter=SUSPENDED),
    )
    return ActivationSummary(**numbers, denominator_known=organization_is_known())
