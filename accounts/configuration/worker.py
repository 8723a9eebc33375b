"""A worker carries a request out: it looks at AWS, sends once what is not so yet, and looks until it is so."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.activation.items import FIRST_LOOK, LONGEST_WAIT, SETTLES_WITHIN
from accounts.activation.lease import LEASE, Overtaken
from accounts.activation.worker import MOST_ATTEMPTS
from accounts.choices import Event, ItemState, Setting
from accounts.configuration.allowed import why_not
from accounts.configuration.kinds import Kind, Look, Sent, kind_of
from accounts.configuration.requests import remember
from accounts.configuration.store import store
from accounts.models import SettingsRequest
from aws import session
from aws.errors import THROTTLED, describe, error_code, is_answer, request_id
from aws.guards import NotAllowed

log = logging.getLogger(__name__)

SEEN_WITHIN = timedelta(minutes=1)
"""How long a change may be invisible at AWS before it counts as not done, after its answer was lost."""
MOVING = ("state", "attempts", "sent_at", "settled_at", "error_code", "error_message", "aws_request_id")


def follow_up() -> list[int]:
    """The requests that have something due now: to send, to look at, or left behind by a worker that died."""
    return list(SettingsRequest.objects.due().order_by("pk").values_list("pk", flat=True))


def carry_out(request_pk: int) -> bool:
    """Do what is due of one request. False if another worker is at it. Running it twice sends nothing twice."""
    work = _Work.take(request_pk)
    if work is None:
        return False
    try:
        work.go_on()
    except Overtaken as overtaken:
        log.warning("Settings request %s: %s", request_pk, overtaken)
    return True


@dataclass
class _Work:
    """One request in the hands of one worker: `not_before` is its lease, and every write asks for it."""

    request: SettingsRequest
    until: datetime
    state_read: str

    @classmethod
    def take(cls, request_pk: int) -> _Work | None:
        due = SettingsRequest.objects.due().filter(pk=request_pk)
        found = due.select_related("person").first()
        now = due.values_list(Now(), flat=True).first()
        if found is None or now is None:
            return None
        until = now + LEASE
        is_ours = due.filter(state=found.state, not_before=found.not_before).update(not_before=until)
        return cls(found, until, found.state) if is_ours else None

    @property
    def kind(self) -> Kind:
        return kind_of(self.request.setting)

    def go_on(self) -> None:
        request = self.request
        try:
            now = self.kind.look(session.inspector(request.region), request.account_id)
        except Exception as error:
            # Not to know the state is no reason to send.
            log.warning("Settings request %s cannot look at %s: %s", request.pk, request.region, error)
            self._cannot_look(error)
            return
        if request.state == ItemState.SENDING:
            self._after_a_lost_answer(now)
        if request.state == ItemState.PLANNED:
            self._send_if_it_stands(now)
        elif request.state in {ItemState.SENT, ItemState.UNSETTLED}:
            self._look_at(now)

    def _cannot_look(self, error: Exception) -> None:
        asked = self.request.approved_at or self.request.created_at
        is_late = timezone.now() - (self.request.sent_at or asked) > SETTLES_WITHIN
        if is_late and self.request.state == ItemState.PLANNED:
            self._settle(ItemState.REFUSED, code=error_code(error), message=f"Nothing was sent. {describe(error)}")
        else:
            self._wait(code=error_code(error), message=describe(error))

    def _after_a_lost_answer(self, now: Look) -> None:
        """A worker died, or the answer did not arrive: what AWS shows decides, and nothing is repeated blindly."""
        request = self.request
        if now.is_pending or self.kind.is_so(now, request.wanted):
            request.state = ItemState.SENT
        elif request.sent_at and timezone.now() - request.sent_at < SEEN_WITHIN:
            self._wait(message=request.error_message)
        else:
            request.state = ItemState.PLANNED

    def _send_if_it_stands(self, now: Look) -> None:
        """Right before sending: is the person still allowed to, and does AWS still have what they saw?"""
        request = self.request
        why = why_not(request.person, Setting(request.setting), request.account_id, request.wanted)
        if why:
            self._settle(ItemState.CANCELLED, message=why)
        elif now.is_pending:
            self._wait(message="AWS is still applying an earlier change.")
        elif self.kind.is_so(now, request.wanted):
            store(request, now)
            self._settle(ItemState.DONE, message="It was so already.")
        elif not _same(now, request):
            store(request, now)
            has = self.kind.sentence(now.value)
            self._settle(ItemState.REFUSED, message=f"AWS has something else by now: {has}. Nothing was sent.")
        else:
            self._send(now)

    def _send(self, now: Look) -> None:
        """One call, claimed before it leaves."""
        request = self.request
        request.state, request.sent_at = ItemState.SENDING, timezone.now()
        request.attempts += 1
        self._write(timezone.now() + LEASE)
        try:
            writer = session.writer(request.region, f"{request.person.get_username()}-settings-{request.pk}")
            answer = self.kind.send(writer, request.account_id, now, request.wanted)
        except NotAllowed as stopped:
            self._settle(ItemState.CANCELLED, message=str(stopped))
        except Exception as error:
            self._failed(error)
        else:
            self._answered(answer)

    def _failed(self, error: Exception) -> None:
        """A no of AWS ends or delays it. Anything else leaves open whether it was done: whoever is next looks."""
        request, code = self.request, error_code(error)
        if not is_answer(error):
            log.warning("Settings request %s: the answer was lost: %s", request.pk, error)
            self._wait(message=describe(error))
            return
        request.aws_request_id = request_id(error)
        if code in THROTTLED and request.attempts < MOST_ATTEMPTS:
            request.state = ItemState.PLANNED
            self._wait(code=code, message=describe(error))
        else:
            self._settle(ItemState.REFUSED, code=code, message=describe(error))

    def _answered(self, answer: Sent) -> None:
        request = self.request
        request.aws_request_id = answer.request_id
        if answer.refused:
            self._settle(ItemState.REFUSED, message=answer.refused)
            return
        request.state = ItemState.SENT
        with transaction.atomic():
            self._wait()
            remember(request, Event.ANSWERED, request.person.get_username())

    def _look_at(self, now: Look) -> None:
        request = self.request
        is_late = request.sent_at is not None and timezone.now() - request.sent_at > SETTLES_WITHIN
        if now.error:
            store(request, now)
            self._settle(ItemState.REFUSED, code="FAILED", message=now.error)
        elif self.kind.is_so(now, request.wanted) and not now.is_pending:
            store(request, now)
            self._settle(ItemState.DONE)
        elif is_late and not now.is_pending and not _same(now, request):
            has = self.kind.sentence(now.value)
            self._settle(ItemState.REFUSED, message=f"AWS took it, and has something else by now: {has}.")
        else:
            request.state = ItemState.UNSETTLED if is_late else ItemState.SENT
            self._wait()

    def _wait(self, *, code: str = "", message: str = "") -> None:
        """Look or try again later: after 10 s, then in growing steps up to 5 min; after an hour with each sync."""
        request = self.request
        since = timezone.now() - (request.sent_at or request.created_at)
        pause = min(max(since, FIRST_LOOK), LONGEST_WAIT)
        if request.state == ItemState.UNSETTLED:
            pause = settings.COVERAGE_SYNC_EVERY
        request.error_code, request.error_message = code, message
        self._write(timezone.now() + pause)

    def _settle(self, state: ItemState, *, code: str = "", message: str = "") -> None:
        request = self.request
        request.state, request.settled_at = state, timezone.now()
        request.error_code, request.error_message = code, message
        with transaction.atomic():
            self._write(None)
            remember(request, Event.SETTLED, request.person.get_username())

    def _write(self, not_before: datetime | None) -> None:
        """Write where the request stands, unless somebody else moved it on since it was taken."""
        ours = SettingsRequest.objects.filter(pk=self.request.pk, not_before=self.until, state=self.state_read)
        values = {name: getattr(self.request, name) for name in MOVING}
        if not ours.update(not_before=not_before, **values):
            raise Overtaken("it was cancelled, or another worker has it.")
        self.state_read = self.request.state
        if not_before is not None:
            self.until = not_before


def _same(now: Look, request: SettingsRequest) -> bool:
    """Whether AWS still has what the form showed. Nothing at all and an empty value are the same."""
    names = {*now.value, *request.before}
    return all((now.value.get(name) or "") == (request.before.get(name) or "") for name in names)
