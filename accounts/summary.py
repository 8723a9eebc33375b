"""How many accounts are activated, of how many: the one number that everybody quotes, with what it leaves out."""

from __future__ import annotations

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


def organization_is_known() -> bool:
    """Whether AWS Organizations could be read: otherwise accounts that never joined Inspector are not known of."""
    return SyncScope.objects.of(What.ORGANIZATION).filter(state=ScopeState.OK).exists()


def activation_summary(person: Person, regions: list[str], account_ids: list[str] | None = None) -> ActivationSummary:
    """An account counts as activated when at least one scan type is ENABLED in at least one of the Regions."""
    accounts = AwsAccount.objects.visible_to(person).present()
    if account_ids is not None:
        accounts = accounts.filter(account_id__in=account_ids)
    of_account = {"account_id": OuterRef("account_id"), "region__in": regions}
    suspended = Q(state__in=[AccountState.SUSPENDED, AccountState.PENDING_CLOSURE, AccountState.CLOSED])
    numbers = accounts.annotate(
        is_member=Exists(RegionalAccount.objects.associated().filter(**of_account)),
        is_activated=Exists(ScanTypeStatus.objects.filter(status=Status.ENABLED, **of_account)),
    ).aggregate(
        listed=Count("pk", filter=Q(is_member=True) & ~suspended),
        activated=Count("pk", filter=Q(is_member=True, is_activated=True) & ~suspended),
        not_members=Count("pk", filter=Q(is_member=False) & ~suspended),
        suspended=Count("pk", filter=suspended),
    )
    return ActivationSummary(**numbers, denominator_known=organization_is_known())
