"""Whether a person may change this setting here, in words: asked at the click, and again right before it is sent."""

from __future__ import annotations

from django.conf import settings

from accounts.choices import AccountState, Setting
from accounts.configuration.kinds import FORMER, OF_ONE_ACCOUNT, Value, kind_of
from accounts.models import ActivationItem, AwsAccount, Person, RegionalAccount, SettingsRequest
from aws.choices import CallerKind, What
from aws.models import SyncScope

ITS_OWN = {Setting.EC2_SCAN_MODE, Setting.ECR_DURATIONS}
"""What a standalone account sets for itself."""


def why_not(person: Person, setting: Setting, account_id: str, wanted: Value) -> str:
    """Why this person cannot do this here; empty if they can."""
    if not person.may_activate:
        return "Only delegated admins change settings."
    if not account_id and not person.sees_all_accounts:
        return "Only delegated admins of all accounts change the organization's settings."
    if settings.COVERAGE_READ_ONLY:
        return "This installation only reads (COVERAGE_READ_ONLY is on)."
    if not settings.COVERAGE_WRITE_ROLE_ARN:
        return "This installation has no role to write with (COVERAGE_WRITE_ROLE_ARN)."
    if kind_of(setting).is_destructive(wanted) and not settings.COVERAGE_ALLOW_DEACTIVATION:
        return "Deactivating is switched off in this installation (COVERAGE_ALLOW_DEACTIVATION)."
    if account_id and not AwsAccount.objects.visible_to(person).filter(account_id=account_id).exists():
        return "You may not change this account."
    return ""


def impossible(setting: Setting, region: str, account_id: str) -> str:
    """Why it cannot be changed by anybody now; empty if it can."""
    caller, kind = caller_of(region)
    if not kind:
        return f"The accounts of {region} were not read yet."
    is_its_own = kind == CallerKind.STANDALONE and not account_id and setting in ITS_OWN
    if kind != CallerKind.DELEGATED_ADMIN and not is_its_own:
        return (
            "Only the delegated administrator may change this, which the account that this dashboard reads as is not."
        )
    return _impossible_in(setting, region, account_id, caller) if account_id else ""


def _impossible_in(setting: Setting, region: str, account_id: str, caller: str) -> str:
    account = AwsAccount.objects.get(account_id=account_id)
    row = RegionalAccount.objects.filter(account_id=account_id, region=region).first()
    if account_id == caller:
        return "This is the delegated administrator itself."
    if setting != Setting.ASSOCIATE:
        return "" if row and row.is_member else "The account is not a member here."
    if row and row.is_associated:
        return "The account is a member already."
    if account.departed_at or account.state not in {"", AccountState.ACTIVE}:
        return "It is not an active account of the organization."
    if row and row.relationship_status not in {*FORMER, "DISABLED"}:
        return f"It cannot be associated: {row.relationship_label.lower()}."
    return ""


def being_changed(setting: Setting, region: str, account_id: str) -> str:
    """What is under way already and must end first."""
    same = (
        {setting, Setting.ASSOCIATE, Setting.DISASSOCIATE}
        if setting not in ITS_OWN | {Setting.AUTOMATIC_ACTIVATION}
        else {setting}
    )
    here = SettingsRequest.objects.open().filter(region=region, account_id=account_id, setting__in=same)
    if number := here.values_list("pk", flat=True).first():
        return f"Settings request {number} is changing it: wait until that is settled."
    if setting in OF_ONE_ACCOUNT:
        items = ActivationItem.objects.open().filter(region=region, account_id=account_id)
        if number := items.values_list("request_id", flat=True).first():
            return f"Request {number} is changing this account: wait until that is settled."
    return ""


def caller_of(region: str) -> tuple[str, str]:
    """The account that this dashboard reads as in this Region, and what it is there."""
    scope = SyncScope.objects.of(What.ACCOUNTS).filter(region=region).exclude(caller_kind="").first()
    return (scope.caller_account, scope.caller_kind) if scope else ("", "")
