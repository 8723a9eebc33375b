"""Every address of the table of rights, filled in and asked for: as a role, with a method, in a world of its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.choices import Event, ItemState
from accounts.models import (
    AccountGrant,
    ActivationItem,
    ActivationRequest,
    AuditEvent,
    ClaimRule,
    Person,
    SettingsRequest,
)
from aws.choices import ScopeState
from tests import authorization as table, factories
from tests.authorization import Line
from tests.factories import PAYMENTS, REGION, SEARCH

ROLES: dict[str, dict[str, Any]] = {
    table.INACTIVE: {"role": "site_admin", "becomes": {"is_active": False}},
    table.NOBODY: {},
    table.SUPERUSER: {"is_superuser": True, "is_staff": True},
    table.REMOVED: {"role": "site_admin", "becomes": {"role": ""}},
    table.VIEWER: {"role": "viewer"},
    table.ACCOUNT_VIEWER: {"role": "account_viewer", "accounts": [PAYMENTS]},
    table.ADMIN_OF_A: {"role": "delegated_admin", "accounts": [PAYMENTS]},
    table.ADMIN: {"role": "delegated_admin", "all_accounts": True},
    table.SITE_ADMIN: {"role": "site_admin"},
}


# --- The world: an account A that the granted people see, and a B like it that they do not


def made(settings: Any) -> dict[str, str]:
    """The world; what the addresses of the table name."""
    settings.COVERAGE_READ_ONLY = False
    settings.COVERAGE_WRITE_ROLE_ARN = "arn:aws:iam::999988887777:role/coverage-writer"
    factories.administered()
    factories.read()
    other = factories.person("other", role="account_viewer", accounts=[SEARCH])
    askers = {"A": factories.person("asker"), "B": other}
    given = {"A": PAYMENTS, "B": SEARCH, "person": str(other.pk)}
    for letter, account_id in (("A", PAYMENTS), ("B", SEARCH)):
        factories.scan_types(account_id, LAMBDA_CODE="DISABLED")
        row = factories.instance(f"web-{letter}", resource_id=f"i-{letter.lower()}", account_id=account_id)
        given[f"finding of {letter}"] = factories.finding(row).finding_arn
        given[f"request of {letter}"] = str(request_for(askers[letter], account_id).pk)
        given[f"settings of {letter}"] = str(settings_request_for(askers[letter], account_id).pk)
        AuditEvent.objects.create(at=timezone.now(), event=Event.REQUESTED, account_id=account_id)
    held = factories.fail("coverage", REGION, "AWS_EC2_INSTANCE", state=ScopeState.HELD)
    factories.run(held, outcome="held")
    group = Group.objects.create(name="a group")
    given |= {
        "held": str(held.pk),
        "generation": str(held.generation),
        "group": str(group.pk),
        "grant": str(AccountGrant.objects.create(group=group, account_id=SEARCH).pk),
        "rule": str(ClaimRule.objects.create(value="known", role="viewer").pk),
    }
    return given


def settings_request_for(person: Person, account_id: str) -> SettingsRequest:
    return SettingsRequest.objects.create(
        token=uuid.uuid4(),
        person=person,
        setting="deep_inspection",
        region=REGION,
        account_id=account_id,
        before={"status": "ACTIVATED"},
        wanted={"status": "DEACTIVATED"},
        created_at=timezone.now(),
        not_before=timezone.now(),
    )


def request_for(person: Person, account_id: str) -> ActivationRequest:
    made = ActivationRequest.objects.create(
        token=uuid.uuid4(),
        person=person,
        action="activate",
        scan_types=["EC2"],
        regions=[REGION],
        created_at=timezone.now(),
    )
    ActivationItem.objects.create(
        request=made, account_id=account_id, region=REGION, scan_type="CODE_REPOSITORY", state=ItemState.PLANNED
    )
    return made


def log_in(role: str, names: dict[str, str]) -> Client:
    """A client of this role; who was switched off or lost a role was logged in before."""
    client = Client()
    if role != table.ANONYMOUS:
        facts = dict(ROLES[role])
        becomes = facts.pop("becomes", {})
        person = factories.person(f"the {role}".replace(" ", "-"), **facts)
        client.force_login(person)
        if becomes:
            Person.objects.filter(pk=person.pk).update(**becomes)
        names["oneself"] = str(person.pk)
    names.setdefault("oneself", names["person"])
    return client


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: filled(one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    return re.sub(r"\{([^}]+)\}", lambda match: names[match[1]], value)


@contextmanager
def undone() -> Iterator[None]:
    """Each request meets the same world."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def asked(client: Client, method: str, line: Line, names: dict[str, str], headers: dict[str, str]) -> Any:
    data = filled(line.data, names) if method == "POST" else None
    session = dict(client.cookies)
    with undone():
        response = getattr(client, method.lower())(filled(line.address, names), data, headers=headers)
        if response.streaming:
            b"".join(response.streaming_content)
    client.cookies.clear()
    client.cookies.update(session)
    return response
