"""What a person asks for, confirms, agrees to, gives up and tries again. Nothing is sent here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.activation.allowed import Refused, why_not
from accounts.activation.items import facts_of, finish, target
from accounts.activation.preview import Preview, Wish, preview
from accounts.choices import Action, Event, ItemState, RequestState
from accounts.models import MEMBERSHIP, ActivationItem, ActivationRequest, AwsAccount, Person

FIRST_WAVE = 5
PAUSE = timedelta(minutes=5)


class Stale(Exception):
    """What the person saw is not so any more; `now` is what they would change instead."""

    def __init__(self, now: Preview) -> None:
        super().__init__("Something changed since this was shown.")
        self.now = now


@dataclass(frozen=True)
class Confirmation:
    """What a person sent with the click."""

    token: uuid.UUID
    digest: str
    reason: str = ""
    in_waves: bool = False
    ip: str | None = None


def confirm(person: Person, wish: Wish, given: Confirmation) -> ActivationRequest:
    """Store the request with its items and the audit, in one transaction. Nothing is sent here.

    Sent twice, the same form gives the same request. Raises Refused if this person may not, and Stale if anything
    differs from what they saw.
    """
    if why := why_not(person, wish.action):
        raise Refused(why)
    if wish.action == Action.DEACTIVATE and not given.reason.strip():
        raise Refused("Say why this is deactivated: the reason is kept.")
    if len(wish.account_ids) > settings.COVERAGE_MOST_ACCOUNTS:
        raise Refused(f"One request takes up to {settings.COVERAGE_MOST_ACCOUNTS:,} accounts (COVERAGE_MOST_ACCOUNTS).")
    try:
        with transaction.atomic():
            if earlier := _earlier(person, given):
                return earlier
            seen = preview(person, wish)
            if seen.digest != given.digest:
                raise Stale(seen)
            if not seen.sent:
                raise Refused("Nothing would change.")
            return _store(person, wish, given, seen)
    except (IntegrityError, Stale) as clash:
        # What came in between may be the same form, sent a moment ago.
        if earlier := _earlier(person, given):
            return earlier
        raise clash if isinstance(clash, Stale) else Stale(preview(person, wish)) from None


def _earlier(person: Person, given: Confirmation) -> ActivationRequest | None:
    return ActivationRequest.objects.filter(token=given.token, person=person).first()


def _store(person: Person, wish: Wish, given: Confirmation, seen: Preview) -> ActivationRequest:
    now = timezone.now()
    waits = settings.COVERAGE_SECOND_PERSON
    made = ActivationRequest.objects.create(
        token=given.token,
        person=person,
        action=wish.action,
        scan_types=list(wish.scan_types),
        regions=list(wish.regions),
        reason=given.reason.strip(),
        in_waves=given.in_waves,
        state=RequestState.WAITING if waits else RequestState.CONFIRMED,
        created_at=now,
    )
    first = set(list(dict.fromkeys(line.account_id for line in seen.sent))[:FIRST_WAVE])
    ActivationItem.objects.bulk_create(
        (
            ActivationItem(
                request=made,
                account_id=line.account_id,
                region=line.region,
                scan_type=line.scan_type,
                from_status=line.status,
                status=line.status,
                not_before=now if not given.in_waves or line.account_id in first else now + PAUSE,
            )
            for line in seen.sent
        ),
        batch_size=500,
    )
    audit.record_all(
        Event.REQUESTED,
        person.get_username(),
        (
            {
                "ip": given.ip,
                "account_id": line.account_id,
                "region": line.region,
                "scan_type": line.scan_type,
                "from_value": line.status,
                "to_value": target(wish.action, line.scan_type),
                "reason": made.reason,
                "request": made.pk,
            }
            for line in seen.sent
        ),
    )
    return made


def approve(request: ActivationRequest, person: Person, ip: str | None = None) -> None:
    """The second person agrees. It must be another one, who may do the same."""
    if person.pk == request.person_id:
        raise Refused("A second person has to agree: somebody else than the one who asked.")
    if why := why_not(person, Action(request.action)):
        raise Refused(why)
    accounts = set(request.items.values_list("account_id", flat=True))
    if accounts - set(AwsAccount.objects.visible_to(person).values_list("account_id", flat=True)):
        raise Refused("This request reaches accounts that you may not change.")
    with transaction.atomic():
        now = timezone.now()
        waiting = ActivationRequest.objects.filter(pk=request.pk, state=RequestState.WAITING)
        if not waiting.update(state=RequestState.CONFIRMED, approved_by=person, approved_at=now):
            raise Refused("This request does not wait for anybody any more.")
        # The pause between two waves begins now, and not when it was asked for.
        request.items.update(not_before=F("not_before") + (now - request.created_at))
        audit.record(Event.APPROVED, person.get_username(), ip=ip, request=request.pk)


def cancel(request: ActivationRequest, person: Person, ip: str | None = None) -> int:
    """Give up what was not sent yet, in the accounts that this person sees. Returns how many items.

    What AWS was already asked for goes on. The request's row is locked: a worker claims what it sends first.
    """
    with transaction.atomic():
        ActivationRequest.objects.select_for_update().get(pk=request.pk)
        waiting = request.items.filter(state=ItemState.PLANNED).visible_to(person)
        words, by = f"Cancelled by {person.get_username()}.", person.get_username()
        items = list(waiting)
        waiting.update(
            state=ItemState.CANCELLED, settled_at=timezone.now(), not_before=None, error_code="", error_message=words
        )
        for item in items:
            item.state, item.error_code, item.error_message = ItemState.CANCELLED, "", words
        if items:
            audit.record(Event.CANCELLED, by, ip=ip, request=request.pk, subject=f"{len(items)} items")
            audit.record_all(Event.SETTLED, by, ({**facts_of(item), "ip": ip} for item in items))
        finish(request)
    return len(items)


def retry(request: ActivationRequest, person: Person) -> Wish:
    """What failed of a request in the accounts that this person sees, as a new wish: previewed like any other."""
    failed = request.items.filter(state__in=[ItemState.REFUSED, ItemState.CANCELLED]).visible_to(person)
    failed = failed.exclude(scan_type=MEMBERSHIP)
    return Wish(
        Action(request.action),
        tuple(sorted(set(failed.values_list("account_id", flat=True)))),
        tuple(region for region in request.regions if failed.filter(region=region).exists()),
        tuple(sorted(set(failed.values_list("scan_type", flat=True)))),
    )
