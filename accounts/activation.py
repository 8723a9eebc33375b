"""Activate and deactivate scan types: recorded before it is sent, sent once, watched until AWS says that it is so.

The database drives everything: whoever takes a request's lease looks at AWS first and sends only what is not so yet.
A worker that dies at any point leaves items whose state says what was about to be done; the next one looks before it
goes on, and repeats nothing blindly.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts import audit, inspector
from accounts.choices import (
    OPEN_STATES,
    Action,
    Event,
    ItemState,
    RelationshipStatus,
    RequestState,
    ResourceScanType,
    Status,
)
from accounts.models import (
    MEMBERSHIP,
    AccountChange,
    ActivationItem,
    ActivationRequest,
    AwsAccount,
    Person,
    RegionalAccount,
    ScanTypeStatus,
)
from accounts.preview import SWITCHABLE, Preview, Wish, preview
from aws import session
from aws.errors import THROTTLED, describe, error_code, is_answer, request_id
from aws.guards import MOST_ACCOUNTS, NotAllowed

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
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
FIRST_WAVE = 5
PAUSE = timedelta(minutes=5)
MOST_ATTEMPTS = 6
ALREADY = "ALREADY_ENABLED"
TRANSIENT = frozenset(
    {
        "ENABLE_IN_PROGRESS",
        "DISABLE_IN_PROGRESS",
        "SUSPEND_IN_PROGRESS",
        "SSM_THROTTLED",
        "SSM_UNAVAILABLE",
        "EVENTBRIDGE_THROTTLED",
        "EVENTBRIDGE_UNAVAILABLE",
        "INTERNAL_ERROR",
    }
)
"""Refusals that pass: tried again later, and final after MOST_ATTEMPTS."""
ACCESS_DENIED = "ACCESS_DENIED"


class Stale(Exception):
    """What the person saw is not so any more; `now` is what they would change instead."""

    def __init__(self, now: Preview) -> None:
        super().__init__("Something changed since this was shown.")
        self.now = now


class Refused(Exception):
    """The request breaks a rule of this dashboard; the message says which, for people."""


def why_not(person: Person, action: Action) -> str:
    """Why this person cannot do this here, in words; empty if they can."""
    if not person.may_activate:
        return "Only delegated admins activate and deactivate scan types."
    if settings.COVERAGE_READ_ONLY:
        return "This installation only reads (COVERAGE_READ_ONLY is on)."
    if not settings.COVERAGE_WRITE_ROLE_ARN:
        return "This installation has no role to write with (COVERAGE_WRITE_ROLE_ARN)."
    if action == Action.DEACTIVATE and not settings.COVERAGE_ALLOW_DEACTIVATION:
        return "Deactivating is switched off in this installation (COVERAGE_ALLOW_DEACTIVATION)."
    return ""


# --- A person confirms


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
                "to_value": _target(wish.action, line.scan_type),
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
        given_up = (
            request.items.filter(state=ItemState.PLANNED)
            .visible_to(person)
            .update(
                state=ItemState.CANCELLED,
                settled_at=timezone.now(),
                not_before=None,
                error_message=f"Cancelled by {person.get_username()}.",
            )
        )
        if given_up:
            audit.record(Event.CANCELLED, person.get_username(), ip=ip, request=request.pk, subject=f"{given_up} items")
        _finish(request)
    return given_up


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


# --- A worker carries it out


def follow_up() -> list[int]:
    """The requests that have something due now: to send, to look at, or left behind by a worker that died."""
    free = Q(request__lease_until=None) | Q(request__lease_until__lt=Now())
    due = ActivationItem.objects.due().filter(free, request__state=RequestState.CONFIRMED)
    return sorted(set(due.values_list("request_id", flat=True)))


class Overtaken(Exception):
    """The lease was lost to another worker; this one may write and send nothing more."""


def carry_out(request_pk: int) -> bool:
    """Do what is due of one request. False if another worker is at it. Running it twice sends nothing twice."""
    lease = _Lease.take(request_pk)
    if lease is None:
        return False
    request = ActivationRequest.objects.select_related("person").get(pk=request_pk)
    try:
        for region in sorted(set(request.items.due().values_list("region", flat=True))):
            _Region(request, region, lease).work()
        with lease.held():
            _finish(request)
    except Overtaken as overtaken:
        log.warning("Request %s: %s", request_pk, overtaken)
    finally:
        lease.give_back()
    return True


@dataclass
class _Lease:
    """Who is at a request. The request's row is locked in every transaction that writes, so that it is a fence, too."""

    request_pk: int
    until: datetime

    @classmethod
    def take(cls, request_pk: int) -> _Lease | None:
        confirmed = ActivationRequest.objects.filter(pk=request_pk, state=RequestState.CONFIRMED)
        now = confirmed.values_list(Now(), flat=True).first()
        if now is None:
            return None
        until = now + LEASE
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        return cls(request_pk, until) if confirmed.filter(free).update(lease_until=until) else None

    @contextmanager
    def held(self) -> Iterator[None]:
        """A transaction in which the lease is ours. It is renewed; Overtaken if somebody else has it."""
        with transaction.atomic():
            ours = ActivationRequest.objects.select_for_update().filter(pk=self.request_pk, lease_until=self.until)
            now = ours.values_list(Now(), flat=True).first()
            if now is None:
                raise Overtaken("another worker has its lease.")
            until = now + LEASE
            ours.update(lease_until=until)
            yield
        self.until = until

    def give_back(self) -> None:
        ActivationRequest.objects.filter(pk=self.request_pk, lease_until=self.until).update(lease_until=None)


@dataclass
class _Region:
    """The due items of one request in one Region: look, then send what is not so yet, then look again later."""

    request: ActivationRequest
    region: str
    lease: _Lease
    items: dict[tuple[str, str], ActivationItem] = field(default_factory=dict)
    statuses: inspector.AccountStatuses = field(default_factory=inspector.AccountStatuses)
    members: dict[str, str] = field(default_factory=dict)

    @property
    def action(self) -> Action:
        return Action(self.request.action)

    def work(self) -> None:
        self.items = {(item.account_id, item.scan_type): item for item in self.request.items.filter(region=self.region)}
        items = [item for item in self.items.values() if item.is_due]
        try:
            self._read(items)
        except Exception as error:
            # Not to know the state is no reason to send: everything waits.
            log.warning("Request %s cannot look at %s: %s", self.request.pk, self.region, error)
            with self.lease.held():
                for item in items:
                    _wait(item, message=describe(error), code=error_code(error))
            return
        with self.lease.held():
            for item in items:
                self._look(item)
            planned = [item for item in items if item.state == ItemState.PLANNED and item.is_due]
            self._cancel_what_is_not_allowed(planned)
        for step, some in _steps([item for item in planned if item.state == ItemState.PLANNED], self.action):
            with self.lease.held():
                ready = self._claim([item for item in some if self._may_go(item)])
            if ready:
                self._send(step, ready)

    def _cancel_what_is_not_allowed(self, items: Sequence[ActivationItem]) -> None:
        """Rights may have been taken away since the click: of the person, or of this installation."""
        why = why_not(self.request.person, self.action)
        visible = set(AwsAccount.objects.visible_to(self.request.person).values_list("account_id", flat=True))
        for item in items:
            if why or item.account_id not in visible:
                message = why or f"{self.request.person.get_username()} may not change this account any more."
                _settle(item, ItemState.CANCELLED, message=message)

    def _read(self, items: Sequence[ActivationItem]) -> None:
        client = session.inspector(self.region)
        if any(scan_type == MEMBERSHIP for _, scan_type in self.items):
            self.members = {
                str(member["accountId"]): str(member.get("relationshipStatus", ""))
                for member in inspector.list_members(client)
            }
        asked = sorted({item.account_id for item in items if item.scan_type != MEMBERSHIP})
        self.statuses = inspector.account_statuses(client, asked) if asked else self.statuses

    def _status(self, item: ActivationItem) -> str:
        """As AWS says now; empty where it does not say."""
        if item.scan_type == MEMBERSHIP:
            return self.members.get(item.account_id, "")
        told = self.statuses.told.get(item.account_id) or {}
        key = _key(item.scan_type)
        return str(((told.get("resourceState") or {}).get(key) or {}).get("status") or "")

    def _look(self, item: ActivationItem) -> None:
        """Take over what AWS says; decide whether the item is done, on its way, back at the start, or out of time."""
        status, before = self._status(item), item.status
        if item.scan_type != MEMBERSHIP and item.account_id not in self.statuses.told:
            self._look_at_what_is_not_told(item)
            return
        item.status = status or item.status
        if status and status != before:
            _remember_status(item)
        if status == _target(self.action, item.scan_type):
            _settle(item, ItemState.DONE, message="" if item.sent_at else "It was so already.")
        elif status == _on_the_way(self.action, item.scan_type):
            item.state = ItemState.SENT
            item.sent_at = item.sent_at or timezone.now()
            _wait(item)
        elif item.state == ItemState.SENDING:
            # The answer was lost, with a worker or on the way, and AWS shows no trace of it: it was not done.
            item.state = ItemState.PLANNED
            _save(item)
        elif item.state in {ItemState.SENT, ItemState.UNSETTLED}:
            self._look_at_what_does_not_move(item)

    def _look_at_what_is_not_told(self, item: ActivationItem) -> None:
        """Not to be told is not “not done”: nothing is sent, and after an hour it is said so."""
        refused = self.statuses.refused.get(item.account_id, {})
        code, message = str(refused.get("errorCode") or ""), str(refused.get("errorMessage") or "")
        words = f"Inspector does not tell the state of this account. {message}".strip()
        is_late = (
            timezone.now() - (item.sent_at or self.request.approved_at or self.request.created_at) > SETTLES_WITHIN
        )
        if is_late and item.state == ItemState.PLANNED:
            _settle(item, ItemState.REFUSED, code=code, message=words)
            return
        if is_late:
            item.state = ItemState.UNSETTLED
        _wait(item, code=code, message=words)

    def _look_at_what_does_not_move(self, item: ActivationItem) -> None:
        error = self._error(item)
        is_back = item.status == item.from_status and item.sent_at and timezone.now() - item.sent_at > LONGEST_WAIT
        if error[0] and is_back:
            _settle(item, ItemState.REFUSED, code=error[0], message=error[1])
        else:
            _wait(item)

    def _error(self, item: ActivationItem) -> tuple[str, str]:
        told = (self.statuses.told.get(item.account_id) or {}).get("resourceState") or {}
        state = told.get(_key(item.scan_type)) or {}
        return str(state.get("errorCode") or ""), str(state.get("errorMessage") or "")

    def _may_go(self, item: ActivationItem) -> bool:
        """Whether what must come first is done: the membership; or begun: standard scanning before code scanning."""
        states = {
            scan_type: one.state for (account_id, scan_type), one in self.items.items() if account_id == item.account_id
        }
        membership = states.get(MEMBERSHIP, ItemState.DONE) if item.scan_type != MEMBERSHIP else ItemState.DONE
        needs_standard = self.action == Action.ACTIVATE and item.scan_type == ResourceScanType.LAMBDA_CODE
        standard = states.get(ResourceScanType.LAMBDA, ItemState.DONE) if needs_standard else ItemState.DONE
        if {membership, standard} & {ItemState.REFUSED, ItemState.CANCELLED}:
            _settle(item, ItemState.CANCELLED, message="What had to come first was refused.")
            return False
        if membership in OPEN_STATES or standard in {ItemState.PLANNED, ItemState.SENDING}:
            _wait(item)
            return False
        return True

    def _claim(self, items: list[ActivationItem]) -> list[ActivationItem]:
        """Put on record what is about to be sent. What was cancelled in the meantime is left out."""
        token, claimed = self._token(items), []
        for item in items:
            item.state, item.client_token = ItemState.SENDING, token
            item.attempts += 1
            item.not_before = timezone.now() + FIRST_LOOK
            if _save(item):
                claimed.append(item)
        return claimed

    def _send(self, scan_type: str, items: list[ActivationItem]) -> None:
        """One call for up to 100 accounts, all of them claimed before it leaves."""
        name = f"{self.request.person.get_username()}-request-{self.request.pk}"
        try:
            client = session.writer(self.region, name)
            if scan_type == MEMBERSHIP:
                self._associate(client, items)
                return
            ids, token = [item.account_id for item in items], str(items[0].client_token)
            answer = inspector.switch(client, self.action, ids, scan_type, token)
        except NotAllowed as stopped:
            with self.lease.held():
                for item in items:
                    _settle(item, ItemState.CANCELLED, message=str(stopped))
        except Exception as error:
            with self.lease.held():
                for item in items:
                    self._failed(item, error)
        else:
            with self.lease.held():
                for item in items:
                    self._answered(item, answer)

    def _failed(self, item: ActivationItem, error: Exception) -> None:
        """A no of AWS ends or delays the item. Anything else leaves open whether it was done: whoever is next looks."""
        if is_answer(error):
            self._refuse(item, error_code(error), describe(error), request_id(error))
            return
        log.warning("Request %s: the answer for %s was lost: %s", self.request.pk, self.region, error)
        item.error_message = describe(error)
        _save(item)

    def _token(self, items: Sequence[ActivationItem]) -> uuid.UUID:
        """The token of a call whose answer was lost, if exactly this is sent again; AWS then does it once."""
        tokens = {item.client_token for item in items} or {None}
        token = tokens.pop()
        is_same = token and not tokens and self.request.items.filter(client_token=token).count() == len(items)
        return token if token and is_same else uuid.uuid4()

    def _associate(self, client: Inspector2Client, items: list[ActivationItem]) -> None:
        for item in items:
            try:
                said = inspector.associate(client, item.account_id)
            except Exception as error:
                with self.lease.held():
                    self._failed(item, error)
            else:
                with self.lease.held():
                    self._begun(item, RelationshipStatus.CREATED, said)

    def _has_just_joined(self, item: ActivationItem) -> bool:
        """A member that was associated a moment ago is refused until that is known everywhere at AWS."""
        joined = self.items.get((item.account_id, MEMBERSHIP))
        return joined is not None and joined.settled_at is not None and timezone.now() - joined.settled_at < PAUSE

    def _answered(self, item: ActivationItem, answer: inspector.Switched) -> None:
        if item.account_id in answer.refused:
            self._refuse(item, *answer.refused[item.account_id], answer.request_id)
        elif item.account_id in answer.begun:
            status = answer.begun[item.account_id].get(_key(item.scan_type), "")
            self._begun(item, status or _on_the_way(self.action, item.scan_type), answer.request_id)
        else:
            item.error_message = "AWS' answer does not mention this account."
            _save(item)

    def _begun(self, item: ActivationItem, status: str, aws_request_id: str) -> None:
        item.state, item.status, item.aws_request_id = ItemState.SENT, status, aws_request_id
        item.sent_at = timezone.now()
        if _wait(item):
            _audit_answer(item)
            _remember_status(item)

    def _refuse(self, item: ActivationItem, code: str, message: str, aws_request_id: str) -> None:
        item.aws_request_id = aws_request_id
        if code == ALREADY and self.action == Action.ACTIVATE:
            item.status = Status.ENABLED
            _settle(item, ItemState.DONE, message="It was so already.")
        elif item.attempts < MOST_ATTEMPTS and (
            code in TRANSIENT | THROTTLED or (code == ACCESS_DENIED and self._has_just_joined(item))
        ):
            item.state, item.client_token = ItemState.PLANNED, None
            _wait(item, code=code, message=message)
        else:
            _settle(item, ItemState.REFUSED, code=code, message=message)


def _steps(items: Iterable[ActivationItem], action: Action) -> Iterator[tuple[str, list[ActivationItem]]]:
    """One call per scan type, up to 100 accounts each, the administrator's own account apart; in the order needed."""
    order = [MEMBERSHIP, *SWITCHABLE]
    if action == Action.DEACTIVATE:
        place = order.index(ResourceScanType.LAMBDA)
        order[place : place + 2] = reversed(order[place : place + 2])
    rows = list(items)
    own = set(
        RegionalAccount.objects.filter(is_delegated_admin=True, account_id__in={row.account_id for row in rows})
        .values_list("account_id", "region")
        .order_by()
    )

    def key(item: ActivationItem) -> tuple[int, bool, str]:
        is_own = (item.account_id, item.region) in own
        return order.index(item.scan_type), is_own, str(item.client_token or "")

    for (place, _, _), group in groupby(sorted(rows, key=key), key=key):
        some = list(group)
        for start in range(0, len(some), MOST_ACCOUNTS):
            yield order[place], some[start : start + MOST_ACCOUNTS]


# --- Items


def _key(scan_type: str) -> str:
    return ResourceScanType(scan_type).key


def _target(action: Action, scan_type: str) -> str:
    return RelationshipStatus.ENABLED.value if scan_type == MEMBERSHIP else action.target.value


def _on_the_way(action: Action, scan_type: str) -> str:
    return RelationshipStatus.CREATED.value if scan_type == MEMBERSHIP else action.on_the_way.value


def _save(item: ActivationItem) -> bool:
    """Write the item, unless somebody else moved it on since it was read; then take over where it stands now."""
    values = {name: getattr(item, name) for name in MOVING}
    if ActivationItem.objects.filter(pk=item.pk, state=item.state_read).update(**values):
        item.state_read = item.state
        return True
    item.refresh_from_db(fields=MOVING)
    item.state_read = item.state
    return False


def _wait(item: ActivationItem, *, code: str = "", message: str = "") -> bool:
    """Look or try again later: after 10 s, then twice as long each time up to 5 min; after an hour with each sync."""
    now = timezone.now()
    since = now - item.sent_at if item.sent_at else timedelta(0)
    if item.state in {ItemState.SENT, ItemState.UNSETTLED} and since >= SETTLES_WITHIN:
        item.state, wait = ItemState.UNSETTLED, settings.COVERAGE_SYNC_EVERY
    elif item.sent_at:
        wait = min(max(since, FIRST_LOOK), LONGEST_WAIT)
    else:
        wait = min(FIRST_LOOK * 2 ** min(item.attempts, 5), LONGEST_WAIT)
    item.not_before, item.error_code, item.error_message = now + wait, code, message
    return _save(item)


def _settle(item: ActivationItem, state: ItemState, *, code: str = "", message: str = "") -> None:
    with transaction.atomic():
        item.state, item.settled_at, item.not_before = state, timezone.now(), None
        item.error_code, item.error_message = code, message
        if _save(item):
            _audit_answer(item, event=Event.SETTLED)
            _remember_status(item)


def _audit_answer(item: ActivationItem, *, event: Event = Event.ANSWERED) -> None:
    request = item.request
    audit.record(
        event,
        request.person.get_username(),
        account_id=item.account_id,
        region=item.region,
        scan_type=item.scan_type,
        from_value=item.from_status,
        to_value=item.status,
        subject=item.get_state_display(),
        reason=request.reason,
        request=request.pk,
        error_code=item.error_code,
        error_message=item.error_message,
        aws_request_id=item.aws_request_id,
    )


def _remember_status(item: ActivationItem) -> None:
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


def _finish(request: ActivationRequest) -> None:
    """Settled when nothing is open any more. What AWS never settled keeps it open, and is looked at with each sync."""
    if not request.items.open().exists():
        is_cancelled = not request.items.exclude(state=ItemState.CANCELLED).exists()
        state = RequestState.CANCELLED if is_cancelled else RequestState.SETTLED
        requests = ActivationRequest.objects.filter(pk=request.pk, settled_at=None)
        requests.update(state=state, settled_at=timezone.now())
