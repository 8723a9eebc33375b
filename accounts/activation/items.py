"""An item on its way: where it stands, when to look at it next, and what the audit and the cells are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.choices import Action, Event, ItemState, RelationshipStatus, RequestState, ResourceScanType
from accounts.models import MEMBERSHIP, AccountChange, ActivationItem, ActivationRequest, ScanTypeStatus

FIRST_LOOK = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=5)
SETTLES_WITHIN = timedelta(minutes=60)
MOVING = (
    "state",
    "status",
    "client_token",
    "attempts",
    "not_before",
    "sent_at",
    "settled_at",
    "error_code",
    "error_message",
    "aws_request_id",
)
"""The fields of an item that change on its way."""


def key_of(scan_type: str) -> str:
    return ResourceScanType(scan_type).key


def target(action: Action, scan_type: str) -> str:
    return RelationshipStatus.ENABLED.value if scan_type == MEMBERSHIP else action.target.value


def on_the_way(action: Action, scan_type: str) -> str:
    return RelationshipStatus.CREATED.value if scan_type == MEMBERSHIP else action.on_the_way.value


def save(item: ActivationItem) -> bool:
    """Write the item, unless somebody else moved it on since it was read; then take over where it stands now."""
    values = {name: getattr(item, name) for name in MOVING}
    if ActivationItem.objects.filter(pk=item.pk, state=item.state_read).update(**values):
        item.state_read = item.state
        return True
    item.refresh_from_db(fields=MOVING)
    item.state_read = item.state
    return False


def wait(item: ActivationItem, *, code: str = "", message: str = "") -> bool:
    """Look or try again later: after 10 s, then twice as long each time up to 5 min; after an hour with each sync."""
    now = timezone.now()
    since = now - item.sent_at if item.sent_at else timedelta(0)
    if item.state in {ItemState.SENT, ItemState.UNSETTLED} and since >= SETTLES_WITHIN:
        item.state, pause = ItemState.UNSETTLED, settings.COVERAGE_SYNC_EVERY
    elif item.sent_at:
        pause = min(max(since, FIRST_LOOK), LONGEST_WAIT)
    else:
        pause = min(FIRST_LOOK * 2 ** min(item.attempts, 5), LONGEST_WAIT)
    item.not_before, item.error_code, item.error_message = now + pause, code, message
    return save(item)


def settle(item: ActivationItem, state: ItemState, *, code: str = "", message: str = "") -> None:
    with transaction.atomic():
        item.state, item.settled_at, item.not_before = state, timezone.now(), None
        item.error_code, item.error_message = code, message
        if save(item):
            audit_answer(item, event=Event.SETTLED)
            remember_status(item)


def audit_answer(item: ActivationItem, *, event: Event = Event.ANSWERED) -> None:
    audit.record(event, item.request.person.get_username(), **facts_of(item))


def facts_of(item: ActivationItem) -> dict[str, Any]:
    """What the audit keeps of an item, wherever it stands."""
    return {
        "account_id": item.account_id,
        "region": item.region,
        "scan_type": item.scan_type,
        "from_value": item.from_status,
        "to_value": item.status,
        "subject": item.get_state_display(),
        "reason": item.request.reason,
        "request": item.request_id,
        "error_code": item.error_code,
        "error_message": item.error_message,
        "aws_request_id": item.aws_request_id,
    }


def remember_status(item: ActivationItem) -> None:
    """Show the transition wherever the cell appears, and remember it, without waiting for the next sync."""
    if item.scan_type == MEMBERSHIP or not item.status:
        return
    cell = {"account_id": item.account_id, "region": item.region}
    with transaction.atomic():
        known = ScanTypeStatus.objects.select_for_update().filter(scan_type=item.scan_type, **cell).first()
        if known is None or known.status == item.status:
            return
        now = timezone.now()
        AccountChange.objects.create(
            field=item.scan_type, from_value=known.status, to_value=item.status, at=now, **cell
        )
        known.status, known.changed_at = item.status, now
        known.save(update_fields=["status", "changed_at"])


def finish(request: ActivationRequest) -> None:
    """Settled when nothing is open any more. What AWS never settled keeps it open, and is looked at with each sync."""
    if not request.items.open().exists():
        is_cancelled = not request.items.exclude(state=ItemState.CANCELLED).exists()
        state = RequestState.CANCELLED if is_cancelled else RequestState.SETTLED
        requests = ActivationRequest.objects.filter(pk=request.pk, settled_at=None)
        requests.update(state=state, settled_at=timezone.now())
