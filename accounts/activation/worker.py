"""A worker carries a request out: it looks at AWS, sends what is not so yet, and looks again until it is so."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts import inspector
from accounts.activation.allowed import why_not
from accounts.activation.items import (
    FIRST_LOOK,
    LONGEST_WAIT,
    SETTLES_WITHIN,
    audit_answer,
    finish,
    key_of,
    on_the_way,
    remember_status,
    save,
    settle,
    target,
    wait,
)
from accounts.activation.lease import Lease, Overtaken
from accounts.activation.preview import SWITCHABLE
from accounts.activation.requests import PAUSE
from accounts.choices import OPEN_STATES, Action, ItemState, RelationshipStatus, RequestState, ResourceScanType, Status
from accounts.models import MEMBERSHIP, ActivationItem, ActivationRequest, AwsAccount, Person, RegionalAccount
from aws import session
from aws.errors import THROTTLED, describe, error_code, is_answer, request_id
from aws.guards import MOST_ACCOUNTS, NotAllowed

log = logging.getLogger(__name__)

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


def follow_up() -> list[int]:
    """The requests that have something due now: to send, to look at, or left behind by a worker that died."""
    free = Q(request__lease_until=None) | Q(request__lease_until__lt=Now())
    due = ActivationItem.objects.due().filter(free, request__state=RequestState.CONFIRMED)
    return sorted(set(due.values_list("request_id", flat=True)))


def carry_out(request_pk: int) -> bool:
    """Do what is due of one request. False if another worker is at it. Running it twice sends nothing twice."""
    lease = Lease.take(request_pk)
    if lease is None:
        return False
    request = ActivationRequest.objects.select_related("person").get(pk=request_pk)
    try:
        for region in sorted(set(request.items.due().values_list("region", flat=True))):
            _Region(request, region, lease).work()
        with lease.held():
            finish(request)
    except Overtaken as overtaken:
        log.warning("Request %s: %s", request_pk, overtaken)
    finally:
        lease.give_back()
    return True


@dataclass
class _Region:
    """The due items of one request in one Region: look, then send what is not so yet, then look again later."""

    request: ActivationRequest
    region: str
    lease: Lease
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
                    wait(item, message=describe(error), code=error_code(error))
            return
        with self.lease.held():
            for item in items:
                self._look(item)
            planned = [item for item in items if item.state == ItemState.PLANNED and item.is_due]
        for step, some in _steps(planned, self.action):
            with self.lease.held():
                ready = self._claim([item for item in self._allowed(some) if self._may_go(item)])
            if ready:
                self._send(step, ready)

    def _allowed(self, items: Sequence[ActivationItem]) -> Iterator[ActivationItem]:
        """What may still be sent: the others are cancelled. Asked anew before each call, not once at the beginning.

        Rights may have been taken away since the click, or since the call before: of the person, or of this
        installation.
        """
        person = Person.objects.get(pk=self.request.person_id)
        why = why_not(person, self.action)
        named = AwsAccount.objects.visible_to(person).filter(account_id__in={item.account_id for item in items})
        visible = set(named.values_list("account_id", flat=True))
        for item in items:
            if why or item.account_id not in visible:
                message = why or f"{person.get_username()} may not change this account any more."
                settle(item, ItemState.CANCELLED, message=message)
            else:
                yield item

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
        key = key_of(item.scan_type)
        return str(((told.get("resourceState") or {}).get(key) or {}).get("status") or "")

    def _look(self, item: ActivationItem) -> None:
        """Take over what AWS says; decide whether the item is done, on its way, back at the start, or out of time."""
        status, before = self._status(item), item.status
        if item.scan_type != MEMBERSHIP and item.account_id not in self.statuses.told:
            self._look_at_what_is_not_told(item)
            return
        item.status = status or item.status
        if status and status != before:
            remember_status(item)
        if status == target(self.action, item.scan_type):
            settle(item, ItemState.DONE, message="" if item.sent_at else "It was so already.")
        elif status == on_the_way(self.action, item.scan_type):
            item.state = ItemState.SENT
            item.sent_at = item.sent_at or timezone.now()
            wait(item)
        elif item.state == ItemState.SENDING:
            # The answer was lost, with a worker or on the way, and AWS shows no trace of it: it was not done.
            if item.attempts >= MOST_ATTEMPTS:
                words = f"{item.error_message} AWS shows no trace of {item.attempts} attempts.".strip()
                settle(item, ItemState.REFUSED, message=words)
                return
            item.state = ItemState.PLANNED
            save(item)
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
            settle(item, ItemState.REFUSED, code=code, message=words)
            return
        if is_late:
            item.state = ItemState.UNSETTLED
        wait(item, code=code, message=words)

    def _look_at_what_does_not_move(self, item: ActivationItem) -> None:
        error = self._error(item)
        is_back = item.status == item.from_status and item.sent_at and timezone.now() - item.sent_at > LONGEST_WAIT
        if error[0] and is_back:
            settle(item, ItemState.REFUSED, code=error[0], message=error[1])
        elif is_back and item.state == ItemState.UNSETTLED:
            # Not on its way any more, for whatever reason: it must not be kept from being changed for ever.
            words = "AWS began with it, and more than an hour later it is as it was before. AWS gives no reason."
            settle(item, ItemState.REFUSED, message=words)
        else:
            wait(item)

    def _error(self, item: ActivationItem) -> tuple[str, str]:
        told = (self.statuses.told.get(item.account_id) or {}).get("resourceState") or {}
        state = told.get(key_of(item.scan_type)) or {}
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
            settle(item, ItemState.CANCELLED, message="What had to come first was refused.")
            return False
        if membership in OPEN_STATES or standard in {ItemState.PLANNED, ItemState.SENDING}:
            wait(item)
            return False
        return True

    def _claim(self, items: list[ActivationItem]) -> list[ActivationItem]:
        """Put on record what is about to be sent. What was cancelled in the meantime is left out."""
        token, claimed = self._token(items), []
        for item in items:
            item.state, item.client_token = ItemState.SENDING, token
            item.attempts += 1
            item.not_before = timezone.now() + FIRST_LOOK
            if save(item):
                claimed.append(item)
        return claimed

    def _send(self, scan_type: str, items: list[ActivationItem]) -> None:
        """One call for up to 100 accounts (to associate: for one), all of them claimed before it leaves."""
        name = f"{self.request.person.get_username()}-request-{self.request.pk}"
        try:
            client = session.writer(self.region, name)
            if scan_type == MEMBERSHIP:
                associated_by = inspector.associate(client, items[0].account_id)
            else:
                ids, token = [item.account_id for item in items], str(items[0].client_token)
                answer = inspector.switch(client, self.action, ids, scan_type, token)
        except NotAllowed as stopped:
            with self.lease.held():
                for item in items:
                    settle(item, ItemState.CANCELLED, message=str(stopped))
        except Exception as error:
            with self.lease.held():
                for item in items:
                    self._failed(item, error)
        else:
            with self.lease.held():
                for item in items:
                    if scan_type == MEMBERSHIP:
                        self._begun(item, RelationshipStatus.CREATED, associated_by)
                    else:
                        self._answered(item, answer)

    def _failed(self, item: ActivationItem, error: Exception) -> None:
        """A no of AWS ends or delays the item. Anything else leaves open whether it was done: whoever is next looks."""
        if is_answer(error):
            self._refuse(item, error_code(error), describe(error), request_id(error))
            return
        log.warning("Request %s: the answer for %s was lost: %s", self.request.pk, self.region, error)
        item.error_message = describe(error)
        save(item)

    def _token(self, items: Sequence[ActivationItem]) -> uuid.UUID:
        """The token of a call whose answer was lost, if exactly this is sent again; AWS then does it once."""
        tokens = {item.client_token for item in items} or {None}
        token = tokens.pop()
        is_same = token and not tokens and self.request.items.filter(client_token=token).count() == len(items)
        return token if token and is_same else uuid.uuid4()

    def _has_just_joined(self, item: ActivationItem) -> bool:
        """A member that was associated a moment ago is refused until that is known everywhere at AWS."""
        joined = self.items.get((item.account_id, MEMBERSHIP))
        return joined is not None and joined.settled_at is not None and timezone.now() - joined.settled_at < PAUSE

    def _answered(self, item: ActivationItem, answer: inspector.Switched) -> None:
        if item.account_id in answer.refused:
            self._refuse(item, *answer.refused[item.account_id], answer.request_id)
        elif item.account_id in answer.begun:
            status = answer.begun[item.account_id].get(key_of(item.scan_type), "")
            self._begun(item, status or on_the_way(self.action, item.scan_type), answer.request_id)
        else:
            item.error_message = "AWS' answer does not mention this account."
            save(item)

    def _begun(self, item: ActivationItem, status: str, aws_request_id: str) -> None:
        item.state, item.status, item.aws_request_id = ItemState.SENT, status, aws_request_id
        item.sent_at = timezone.now()
        if wait(item):
            audit_answer(item)
            remember_status(item)

    def _refuse(self, item: ActivationItem, code: str, message: str, aws_request_id: str) -> None:
        item.aws_request_id = aws_request_id
        if code == ALREADY and self.action == Action.ACTIVATE:
            item.status = Status.ENABLED
            settle(item, ItemState.DONE, message="It was so already.")
        elif item.attempts < MOST_ATTEMPTS and (
            code in TRANSIENT | THROTTLED or (code == ACCESS_DENIED and self._has_just_joined(item))
        ):
            item.state, item.client_token = ItemState.PLANNED, None
            wait(item, code=code, message=message)
        else:
            settle(item, ItemState.REFUSED, code=code, message=message)


def _steps(items: Iterable[ActivationItem], action: Action) -> Iterator[tuple[str, list[ActivationItem]]]:
    """One call per scan type, up to 100 accounts each, the administrator's own account apart; in the order needed.

    Associating takes one account a call.
    """
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
        accounts_a_call = 1 if order[place] == MEMBERSHIP else MOST_ACCOUNTS
        for start in range(0, len(some), accounts_a_call):
            yield order[place], some[start : start + accounts_a_call]
