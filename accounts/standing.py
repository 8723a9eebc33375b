"""What the identity provider says of a person, turned into a role and groups by the rules that site admins keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from accounts import audit
from accounts.choices import Event, Role
from accounts.models import ClaimRule, Person

STRONGEST_FIRST = (Role.SITE_ADMIN, Role.DELEGATED_ADMIN, Role.VIEWER, Role.ACCOUNT_VIEWER)
"""Who is given several roles gets one: roles exclude one another."""


@dataclass(frozen=True)
class Standing:
    """A person's role and groups."""

    role: str = ""
    all_accounts: bool = False
    groups: frozenset[str] = frozenset()

    def __str__(self) -> str:
        role = Role(self.role).label if self.role else "No role"
        every = " for all accounts" if self.all_accounts else ""
        groups = f"; groups: {', '.join(sorted(self.groups))}" if self.groups else ""
        return f"{role}{every}{groups}"


def standing_by(claims: Mapping[str, Any]) -> Standing | None:
    """What the rules give for these claims. None: no rule speaks of them."""
    matching = [rule for rule in ClaimRule.objects.select_related("group") if rule.value in values(claims, rule.claim)]
    if not matching:
        return None
    role = next((role for role in STRONGEST_FIRST if any(rule.role == role for rule in matching)), "")
    return Standing(
        role=str(role),
        all_accounts=any(rule.all_accounts for rule in matching if rule.role == role and role == Role.DELEGATED_ADMIN),
        groups=frozenset(rule.group.name for rule in matching if rule.group is not None),
    )


def values(claims: Mapping[str, Any], name: str) -> set[str]:
    """The values of a claim, which may be one or a list. A dot leads into a claim, unless the name itself has it."""
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    return {str(one) for one in (found if isinstance(found, list) else [found]) if isinstance(one, str | int)}


def give(person: Person, standing: Standing, *, ip: str | None = None) -> None:
    """Make role and groups equal to the standing, and write down what changed."""
    with transaction.atomic():
        before = Standing(
            person.role, person.all_accounts, frozenset(person.groups.order_by("name").values_list("name", flat=True))
        )
        if before == standing:
            return
        person.role, person.all_accounts = standing.role, standing.all_accounts
        person.save(update_fields=["role", "all_accounts"])
        person.groups.set(Group.objects.filter(name__in=standing.groups))
        audit.record(
            Event.ROLE_CHANGED,
            person.username,
            ip=ip,
            subject=person.username,
            from_value=str(before),
            to_value=str(standing),
            reason="Claims of the identity provider",
        )
