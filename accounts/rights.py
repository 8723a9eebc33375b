"""What a person sees and may do, in words: read the same way as the pages read it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from accounts.choices import Role
from accounts.models import AccountGrant, AwsAccount, Person

ACCOUNTS_NAMED = 50


@dataclass(frozen=True)
class Sight:
    """The accounts that a person sees now: how many, the first of them by name, and where they come from."""

    words: str
    accounts: list[AwsAccount]
    left_out: int = 0


def sight_of(person: Person) -> Sight:
    if not person.is_active:
        return Sight("Nothing: may not log in.", [])
    if not person.role:
        return Sight("Nothing: no role.", [])
    known = AwsAccount.objects.present()
    visible = known.visible_to(person)
    count, total = visible.count(), known.count()
    if person.sees_all_accounts:
        return Sight(f"All accounts, now {total:,}.", [])
    if not AccountGrant.objects.of(person).exists():
        return Sight("Nothing: the role counts for granted accounts alone, and none is granted.", [])
    named = list(visible.order_by("name", "account_id")[:ACCOUNTS_NAMED])
    return Sight(f"{count:,} of {total:,} account{'' if total == 1 else 's'}.", named, count - len(named))


def abilities_of(person: Person) -> list[str]:
    """Sentences, the same for everybody with these rights. Whoever sees nothing may do nothing."""
    if not person.is_active or not person.role:
        return []
    told = ["Reads coverage, findings and history of these accounts, and exports them."]
    if person.may_activate:
        told.append("Activates and deactivates scan types in these accounts." + _only_reads())
    if person.may_activate and person.all_accounts:
        told.append("Changes the organization's settings." + _only_reads())
    if person.may_sync:
        told.append("Starts reads before their time, and decides what becomes of what is held.")
    if person.is_site_admin:
        told.append("Gives roles and grants, and reads the whole audit. Activates nothing.")
    elif person.reads_audit:
        told.append("Reads in the audit what was done to these accounts.")
    return told


def _only_reads() -> str:
    return " Not now: this installation only reads." if settings.COVERAGE_READ_ONLY else ""


ROLES_IN_WORDS = {
    Role.VIEWER: "sees all accounts",
    Role.ACCOUNT_VIEWER: "sees granted accounts",
    Role.DELEGATED_ADMIN: "activates scan types, in granted or all accounts",
    Role.SITE_ADMIN: "sees all accounts, gives roles, reads the audit",
}
