"""How many accounts are activated, of how many: the one number that everybody quotes, with what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

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
    states = dict(accounts.values_list("account_id", "state"))
    members = {
        row.account_id for row in RegionalAccount.objects.visible_to(person).in_regions(regions) if row.is_associated
    }
    enabled = set(
        ScanTypeStatus.objects.visible_to(person)
        .in_regions(regions)
        .filter(status=Status.ENABLED)
        .values_list("account_id", flat=True)
    )
    out_of_service = {AccountState.SUSPENDED, AccountState.PENDING_CLOSURE, AccountState.CLOSED}
    suspended = {account_id for account_id, state in states.items() if state in out_of_service}
    listed = {account_id for account_id in states if account_id in members} - suspended
    return ActivationSummary(
        listed=len(listed),
        activated=len(listed & enabled),
        not_members=len(states.keys() - members - suspended),
        suspended=len(suspended),
        denominator_known=organization_is_known(),
    )
