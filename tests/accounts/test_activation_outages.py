"""A change of AWS while the queue or the database is away: it is done once, without anybody's help, and recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import current_app
from django.db import OperationalError

from accounts.activation.lease import Lease
from accounts.activation.worker import carry_out
from accounts.choices import Event, ItemState, RequestState
from accounts.models import ActivationRequest, AuditEvent
from tests.accounts.activating import a_while_passes, add_and_read, ask, sent, states, wish, work
from tests.accounts.test_pages_activation import confirmed
from tests.broker import broker_that

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["away", "silent", "loading"])
def test_what_is_confirmed_while_the_queue_is_away_is_stored_and_carried_out(
    changing, organization, dana, as_person, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    ids = add_and_read(organization, 2)
    with broker_that(kind) as url:
        monkeypatch.setattr(current_app.conf, "broker_url", url)
        started = time.monotonic()
        response = confirmed(as_person(dana), *ids)
        assert time.monotonic() - started < 15, "two pages on a busy machine; a worker's patience would be longer"
    request = ActivationRequest.objects.get()
    assert response["Location"] == f"/activation/{request.pk}/"
    assert sent(changing) == []
    work()
    request.refresh_from_db()
    assert request.state == RequestState.SETTLED
    assert len(sent(changing)) == 1


@pytest.mark.parametrize("transaction", [1, 2, 3, 4])
def test_a_database_that_goes_away_in_the_middle_neither_repeats_nor_forgets_the_call(
    changing, organization, dana, monkeypatch: pytest.MonkeyPatch, transaction: int
) -> None:
    """Whichever of a worker's transactions it hits: before the call, behind it, or at the end."""
    request = ask(dana, wish(*add_and_read(organization, 2)))
    seen: list[Any] = []
    held = Lease.held

    @contextmanager
    def away(lease: Lease) -> Iterator[None]:
        seen.append(lease)
        if len(seen) == transaction:
            raise OperationalError("the connection is closed")
        with held(lease):
            yield

    with monkeypatch.context() as patch:
        patch.setattr(Lease, "held", away)
        with pytest.raises(OperationalError):
            carry_out(request.pk)
    ActivationRequest.objects.update(lease_until=None)
    a_while_passes()
    work()
    request.refresh_from_db()
    assert request.state == RequestState.SETTLED
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1
    told = AuditEvent.objects.filter(event=Event.SETTLED).values_list("account_id", flat=True)
    assert len(told) == len(set(told)) == 2
