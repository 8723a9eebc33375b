"""What a person asks for, agrees to and gives up. Nothing is sent here."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.activation.allowed import Refused
from accounts.choices import Event, ItemState, Setting
from accounts.configuration.allowed import being_changed, caller_of, impossible, why_not
from accounts.configuration.kinds import Kind, Value, kind_of
from accounts.models import Person, SettingsRequest


@dataclass(frozen=True)
class Change:
    """One setting in one Region, from what is known of it to what is wanted."""

    setting: Setting
    region: str
    account_id: str
    before: Value | None
    wanted: Value

    @property
    def kind(self) -> Kind:
        return kind_of(self.setting)

    @property
    def changes(self) -> bool:
        return self.before is not None and any(self.before.get(name) != value for name, value in self.wanted.items())

    @property
    def digest(self) -> str:
        """Of what the person saw: if it differs at the click, they decided about something else."""
        shown = [self.setting, self.region, self.account_id, self.before, dict(self.wanted)]
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()

    def why_not(self, person: Person) -> str:
        return why_not(person, self.setting, self.account_id, self.wanted) or (
            impossible(self.setting, self.region, self.account_id)
            or being_changed(self.setting, self.region, self.account_id)
        )


class Stale(Exception):
    """What the person saw is not so any more."""

    def __init__(self, now: Change) -> None:
        super().__init__("Something changed since this was shown.")
        self.now = now


@dataclass(frozen=True)
class Confirmation:
    """What a person sent with the click."""

    token: uuid.UUID
    digest: str
    reason: str = ""
    ip: str | None = None


def change_of(setting: Setting, region: str, account_id: str, wanted: Value) -> Change:
    return Change(setting, region, account_id, kind_of(setting).stored(region, account_id), wanted)


def confirm(person: Person, change: Change, given: Confirmation) -> SettingsRequest:
    """Store the request and its audit in one transaction. Sent twice, the same form gives the same request."""
    if earlier := _earlier(person, given):
        return earlier
    if why := why_not(person, change.setting, change.account_id, change.wanted):
        raise Refused(why)
    if change.kind.is_destructive(change.wanted) and not given.reason.strip():
        raise Refused("Say why this is done: the reason is kept.")
    try:
        with transaction.atomic():
            if change.digest != given.digest:
                raise Stale(change)
            if why := change.why_not(person):
                raise Refused(why)
            if not change.changes:
                raise Refused("Nothing would change.")
            return _store(person, change, given)
    except (IntegrityError, Stale, Refused) as clash:
        # What came in between may be the same form, sent a moment ago.
        if earlier := _earlier(person, given):
            return earlier
        if isinstance(clash, IntegrityError):
            raise Stale(change) from None
        raise


def _earlier(person: Person, given: Confirmation) -> SettingsRequest | None:
    return SettingsRequest.objects.filter(token=given.token, person=person).first()


def _store(person: Person, change: Change, given: Confirmation) -> SettingsRequest:
    now = timezone.now()
    made = SettingsRequest.objects.create(
        token=given.token,
        person=person,
        setting=change.setting,
        region=change.region,
        account_id=change.account_id,
        before=change.before,
        wanted=change.wanted,
        reason=given.reason.strip(),
        waits=settings.COVERAGE_SECOND_PERSON,
        created_at=now,
        not_before=now,
    )
    remember(made, Event.REQUESTED, person.get_username(), ip=given.ip)
    return made


def remember(request: SettingsRequest, event: Event, actor: str, *, ip: str | None = None) -> None:
    """Put it into the audit. What is set for the whole organization is told of the account that administers it."""
    kind = kind_of(request.setting)
    audit.record(
        event,
        actor,
        ip=ip,
        account_id=request.account_id or caller_of(request.region)[0],
        region=request.region,
        subject=f"{request.get_setting_display()}, settings request {request.pk}: {request.get_state_display()}",
        from_value=kind.sentence(request.before),
        to_value=kind.sentence(request.wanted),
        reason=request.reason,
        error_code=request.error_code,
        error_message=request.error_message,
        aws_request_id=request.aws_request_id,
    )


def approve(request: SettingsRequest, person: Person, ip: str | None = None) -> None:
    """The second person agrees. It must be another one, who may do the same."""
    if person.pk == request.person_id:
        raise Refused("A second person has to agree: somebody else than the one who asked.")
    if why := why_not(person, Setting(request.setting), request.account_id, request.wanted):
        raise Refused(why)
    with transaction.atomic():
        waiting = SettingsRequest.objects.filter(pk=request.pk, state=ItemState.PLANNED, waits=True)
        if not waiting.update(waits=False, approved_by=person, approved_at=timezone.now()):
            raise Refused("This request does not wait for anybody any more.")
        remember(request, Event.APPROVED, person.get_username(), ip=ip)


def cancel(request: SettingsRequest, person: Person, ip: str | None = None) -> None:
    """Give up what was not sent yet. A worker claims what it sends first, so that one of the two is too late."""
    if not person.may_activate or (not request.account_id and not person.sees_all_accounts):
        raise Refused("You may not change this.")
    with transaction.atomic():
        request.error_message = f"Cancelled by {person.get_username()}."
        given_up = SettingsRequest.objects.filter(pk=request.pk, state=ItemState.PLANNED).update(
            state=ItemState.CANCELLED,
            settled_at=timezone.now(),
            not_before=None,
            error_message=request.error_message,
        )
        if not given_up:
            raise Refused("It is too late: this was sent already.")
        request.state = ItemState.CANCELLED
        remember(request, Event.CANCELLED, person.get_username(), ip=ip)
