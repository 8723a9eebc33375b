"""What the tests of activation do: ask, let beat and workers work, let time pass, and see what was sent."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.activation.preview import Wish, preview
from accounts.activation.requests import Confirmation, confirm
from accounts.activation.worker import carry_out, follow_up
from accounts.choices import Action
from accounts.models import (
    ActivationItem,
    ActivationRequest,
    Person,
)
from accounts.sync import sync_accounts, sync_organization
from aws import session
from demo.organization import Organization
from demo.server import StandIn
from tests.stand_in import ON, REGIONS

REGION = REGIONS[0]
CHANGING = {"Enable", "Disable", "AssociateMember"}


def read() -> None:
    sync_organization()
    for region in REGIONS:
        sync_accounts(region)


def add(organization: Organization, number: int, **fields: Any) -> list[str]:
    ids = [f"{300_000_000_000 + n}" for n in range(number)]
    for account_id in ids:
        fields = {"scan_types": {region: ON | {"LAMBDA_CODE": "DISABLED"} for region in REGIONS}, **fields}
        organization.add_account(account_id, name=f"account-{account_id[-3:]}", **fields)
    return ids


def wish(
    *account_ids: str, action: Action = Action.ACTIVATE, types: tuple[str, ...] = ("LAMBDA_CODE",), regions=(REGION,)
) -> Wish:
    return Wish(action, account_ids, tuple(regions), types)


def ask(person: Person, wanted: Wish, **given: Any) -> ActivationRequest:
    confirmation = {"token": uuid.uuid4(), "digest": preview(person, wanted).digest, "reason": "because", **given}
    return confirm(person, wanted, Confirmation(**confirmation))


def a_while_passes(minutes: float = 0.3) -> None:
    """Let what was told to wait be due, and what was sent be sent that much earlier."""
    ActivationItem.objects.exclude(not_before=None).update(not_before=timezone.now() - timedelta(seconds=1))
    for item in ActivationItem.objects.exclude(sent_at=None):
        assert item.sent_at is not None
        item.sent_at -= timedelta(minutes=minutes)
        item.save()


def work(rounds: int = 8) -> None:
    """What beat and workers do, until nothing is due."""
    for _ in range(rounds):
        for number in follow_up():
            carry_out(number)
        a_while_passes()


def sent(aws: StandIn, *operations: str) -> list[Any]:
    return [call for call in aws.calls if call.operation in (operations or CHANGING)]


def states(request: ActivationRequest) -> dict[tuple[str, str], str]:
    return {(item.account_id, item.scan_type): item.state for item in request.items.all()}


def add_and_read(organization: Organization, number: int, **fields: Any) -> list[str]:
    ids = add(organization, number, **fields)
    read()
    return ids


def reconnect(aws: StandIn) -> None:
    """monkeypatch.undo forgot the environment too."""
    os.environ["AWS_ENDPOINT_URL"] = aws.url
    os.environ.update({name.upper(): value for name, value in aws.credentials().items()})
    session.forget_clients()
