"""Roles, grants, groups and claim rules: who gives them, what is refused, and the audit of each change.

Everything is checked again under a lock of the site admins, so that two of them cannot switch one another off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.choices import Event, Role
from accounts.models import AccountGrant, ClaimRule, Person, account_id_validator


class Refused(Exception):
    """Rights that are not changed, and why, in words for people."""


@dataclass(frozen=True)
class Actor:
    """Who changes rights, and from where. Without a person it is whoever runs commands on the host."""

    name: str
    ip: str | None = None
    person: Person | None = None


HOST = Actor("manage.py")


@dataclass(frozen=True)
class Rights:
    """What a site admin sets for a person, besides grants."""

    role: str
    all_accounts: bool
    is_active: bool
    groups: frozenset[int]

    @classmethod
    def of(cls, person: Person) -> Rights:
        groups = frozenset(person.groups.values_list("pk", flat=True))
        return cls(person.role, person.all_accounts, person.is_active, groups)

    @property
    def is_active_site_admin(self) -> bool:
        return self.is_active and self.role == Role.SITE_ADMIN


def role_in_words(role: str, *, all_accounts: bool) -> str:
    label = str(Role(role).label) if role in Role else role or "No role"
    return f"{label} of all accounts" if all_accounts and role == Role.DELEGATED_ADMIN else label


def rights_in_words(rights: Rights) -> str:
    """As the audit keeps it: “Delegated admin of all accounts; groups: a, b; inactive”."""
    words = [role_in_words(rights.role, all_accounts=rights.all_accounts)]
    if names := Group.objects.filter(pk__in=rights.groups).order_by("name").values_list("name", flat=True):
        words.append(f"groups: {', '.join(names)}")
    return "; ".join(words if rights.is_active else [*words, "inactive"])


@contextmanager
def _changing(by: Actor) -> Iterator[frozenset[int]]:
    """A transaction in which nobody else changes who is a site admin; gives the ids of the active ones."""
    with transaction.atomic():
        locked = Person.objects.select_for_update().filter(role=Role.SITE_ADMIN, is_active=True).order_by("pk")
        admins = frozenset(person.pk for person in locked)
        if by.person is not None and by.person.pk not in admins:
            raise Refused("You are no site admin any more. Nothing was changed.")
        yield admins


# --- People


def change_rights(person: Person, wanted: Rights, by: Actor) -> bool:
    """Set role, groups and whether somebody may log in at all. False: it was so already."""
    with _changing(by) as admins:
        if by.person is not None and by.person.pk == person.pk:
            raise Refused("Nobody changes their own role. Ask another site admin.")
        person = Person.objects.select_for_update().get(pk=person.pk)
        before = Rights.of(person)
        if before == wanted:
            return False
        if admins == {person.pk} and not wanted.is_active_site_admin:
            raise Refused(f"{person} is the last active site admin. Give somebody else that role first.")
        facts = {"from_value": rights_in_words(before), "to_value": rights_in_words(wanted)}
        person.role, person.all_accounts, person.is_active = wanted.role, wanted.all_accounts, wanted.is_active
        person.save(update_fields=["role", "all_accounts", "is_active"])
        person.groups.set(wanted.groups)
        audit.record(Event.ROLE_CHANGED, by.name, ip=by.ip, subject=person.get_username(), **facts)
        if not wanted.is_active:
            end_sessions(person)
    return True


def end_sessions(person: Person) -> None:
    """So that whoever is let in again later has to log in again. A session names its person only inside."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(person.pk):
            session.delete()


# --- Grants


def add_grant(holder: Person | Group, by: Actor, *, account_id: str = "", organizational_unit: str = "") -> bool:
    """Let a person or a group see an account, or all below an organizational unit. False: it was so already."""
    if account_id:
        try:
            account_id_validator(account_id)
        except ValidationError as error:
            raise Refused(f"“{account_id[:60]}” is no account. {error.message}") from None
    with _changing(by):
        _refuse_own(holder, by)
        grant, is_new = AccountGrant.objects.get_or_create(
            person=holder if isinstance(holder, Person) else None,
            group=holder if isinstance(holder, Group) else None,
            account_id=account_id,
            organizational_unit=organizational_unit,
        )
        if is_new:
            _record_grant(Event.GRANT_ADDED, grant, by)
    return is_new


def remove_grant(grant: AccountGrant, by: Actor) -> None:
    with _changing(by):
        _refuse_own(grant.person or grant.group, by)
        _record_grant(Event.GRANT_REMOVED, grant, by)
        grant.delete()


def _refuse_own(holder: Person | Group | None, by: Actor) -> None:
    """What a group may see is given to everybody in it, oneself included."""
    if by.person is None:
        return
    if isinstance(holder, Person) and holder.pk == by.person.pk:
        raise Refused("Nobody changes their own grants. Ask another site admin.")
    if isinstance(holder, Group) and by.person.groups.filter(pk=holder.pk).exists():
        raise Refused("Nobody changes the grants of a group that they are in. Ask another site admin.")


def _record_grant(event: Event, grant: AccountGrant, by: Actor) -> None:
    what = grant.account_id or grant.organizational_unit
    values = {"to_value": what} if event == Event.GRANT_ADDED else {"from_value": what}
    subject = name_of_holder(grant)
    audit.record(event, by.name, ip=by.ip, subject=subject, account_id=grant.account_id, **values)


def name_of_holder(grant: AccountGrant) -> str:
    return grant.person.get_username() if grant.person else f"group {grant.group}"


# --- Groups


def create_group(name: str, by: Actor) -> Group:
    with _changing(by):
        _refuse_taken(name)
        group = Group.objects.create(name=name)
        audit.record(Event.SETTINGS_CHANGED, by.name, ip=by.ip, subject=f"group {name}", to_value="created")
    return group


def rename_group(group: Group, name: str, by: Actor) -> None:
    with _changing(by):
        if name == group.name:
            return
        _refuse_taken(name)
        facts = {"subject": f"group {group.name}", "from_value": group.name, "to_value": name}
        audit.record(Event.SETTINGS_CHANGED, by.name, ip=by.ip, **facts)
        group.name = name
        group.save(update_fields=["name"])


def _refuse_taken(name: str) -> None:
    if Group.objects.filter(name=name).exists():
        raise Refused(f"There is a group “{name}” already.")


def delete_group(group: Group, by: Actor) -> None:
    """With its grants and the rules that lead into it; everything that is lost is recorded by itself."""
    with _changing(by):
        _refuse_own(group, by)
        members = list(Person.objects.filter(groups=group).order_by("username"))
        before = {member.pk: rights_in_words(Rights.of(member)) for member in members}
        for grant in group.grants.select_related("group"):
            _record_grant(Event.GRANT_REMOVED, grant, by)
        for rule in ClaimRule.objects.filter(group=group):
            _record_rule(rule, by, before=rule_in_words(rule))
        audit.record(Event.SETTINGS_CHANGED, by.name, ip=by.ip, subject=f"group {group.name}", to_value="deleted")
        group.delete()
        facts = [
            {
                "subject": member.get_username(),
                "from_value": before[member.pk],
                "to_value": rights_in_words(Rights.of(member)),
                "ip": by.ip,
            }
            for member in members
        ]
        audit.record_all(Event.ROLE_CHANGED, by.name, facts)


# --- Rules


def save_rule(rule: ClaimRule, by: Actor) -> None:
    """Add a rule, or change one. It counts from the next login on."""
    rule.all_accounts = rule.all_accounts and rule.role == Role.DELEGATED_ADMIN
    if not rule.role and not rule.group:
        raise Refused("A rule gives a role, a group, or both.")
    with _changing(by):
        stored = ClaimRule.objects.select_related("group").filter(pk=rule.pk).first()
        if ClaimRule.objects.exclude(pk=rule.pk).filter(claim=rule.claim, value=rule.value).exists():
            raise Refused(f"There is a rule for {rule.claim}={rule.value} already.")
        before, after = rule_in_words(stored) if stored else "", rule_in_words(rule)
        rule.save()
        if before != after:
            _record_rule(rule, by, before=before, after=after)


def delete_rule(rule: ClaimRule, by: Actor) -> None:
    with _changing(by):
        _record_rule(rule, by, before=rule_in_words(rule))
        rule.delete()


def rule_in_words(rule: ClaimRule) -> str:
    gives = [role_in_words(rule.role, all_accounts=rule.all_accounts)] if rule.role else []
    gives += [f"group {rule.group}"] if rule.group else []
    return f"{rule.claim}={rule.value}: {', '.join(gives)}"


def _record_rule(rule: ClaimRule, by: Actor, *, before: str = "", after: str = "") -> None:
    subject = f"rule {rule.claim}={rule.value}"
    facts = {"subject": subject, "from_value": before, "to_value": after}
    audit.record(Event.SETTINGS_CHANGED, by.name, ip=by.ip, **facts)
