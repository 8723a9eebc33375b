"""Workers that die, lose an answer, meet one another, and changes that are slow, never done or go back."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import inspector
from accounts.activation import requests, worker
from accounts.activation.worker import carry_out, follow_up
from accounts.choices import Action, ItemState, RequestState
from accounts.models import (
    AccountChange,
    ActivationRequest,
    ScanTypeStatus,
)
from accounts.sync import sync_accounts
from tests.accounts.activating import (
    REGION,
    a_while_passes,
    add_and_read,
    ask,
    read,
    reconnect,
    sent,
    states,
    wish,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)


# --- Two, dead, or without an answer


def test_two_workers_at_once_send_one_call(changing, organization, dana):
    request = ask(dana, wish(*add_and_read(organization, 2)))
    changing.faults.add(operation="Enable", delay=0.5)
    outcomes = []

    def run() -> None:
        try:
            outcomes.append(carry_out(request.pk))
        finally:
            connection.close()

    workers = [threading.Thread(target=run) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(outcomes) == [False, False, False, True]
    assert len(sent(changing)) == 1


@pytest.mark.parametrize("action", list(Action))
def test_what_aws_did_although_the_answer_was_lost_is_not_sent_again(changing, organization, dana, action):
    ids = add_and_read(organization, 1)
    operation, types = ("Enable", ("LAMBDA_CODE",)) if action == Action.ACTIVATE else ("Disable", ("ECR",))
    changing.faults.add(operation=operation, call=1, edit="cut", value=10)
    request = ask(dana, wish(*ids, action=action, types=types))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def test_a_worker_that_died_before_the_call_leaves_a_request_that_is_carried_out(
    changing, organization, dana, monkeypatch
):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids))
    monkeypatch.setattr("accounts.inspector.switch", _die)
    with pytest.raises(SystemExit):
        carry_out(request.pk)
    monkeypatch.undo()
    reconnect(changing)
    assert set(states(request).values()) == {ItemState.SENDING}
    a_while_passes()
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def test_a_worker_that_died_after_the_call_is_followed_by_a_look_and_no_second_call(
    changing, organization, dana, monkeypatch
):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids, action=Action.DEACTIVATE, types=("ECR",)))
    monkeypatch.setattr("accounts.activation.worker._Region._answered", _die)
    with pytest.raises(SystemExit):
        carry_out(request.pk)
    monkeypatch.undo()
    reconnect(changing)
    a_while_passes()
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def test_nothing_is_sent_while_the_state_cannot_be_read(changing, organization, dana):
    request = ask(dana, wish(*add_and_read(organization, 1)))
    fault = changing.faults.add(operation="BatchGetAccountStatus", status=403, code="AccessDeniedException")
    work(3)
    assert sent(changing) == []
    assert set(states(request).values()) == {ItemState.PLANNED}
    assert "Access denied to BatchGetAccountStatus" in request.items.get().error_message
    changing.faults.remove(fault)
    work()
    assert set(states(request).values()) == {ItemState.DONE}


def _die(*_: Any, **__: Any) -> None:
    raise SystemExit


# --- Slow, never, back


def test_what_takes_longer_than_an_hour_is_not_settled_and_is_still_looked_at(changing, organization, dana):
    organization.settle_reads = 10_000
    request = ask(dana, wish(*add_and_read(organization, 1)))
    for number in follow_up():
        carry_out(number)
    a_while_passes(minutes=61)
    for number in follow_up():
        carry_out(number)
    assert set(states(request).values()) == {ItemState.UNSETTLED}
    for transition in organization.transitions.values():
        transition.reads_left = 0
    a_while_passes()
    work(2)
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def test_what_goes_back_with_an_error_is_refused(changing, organization, dana):
    ids = add_and_read(organization, 1)
    organization.settle_reads = 10_000
    request = ask(dana, wish(*ids))
    for number in follow_up():
        carry_out(number)
    organization.transitions.clear()
    organization.accounts[ids[0]].scan_types[REGION]["LAMBDA_CODE"] = "DISABLED"
    changing.faults.add(
        operation="BatchGetAccountStatus",
        edit="set",
        value={"accounts.0.resourceState.lambdaCode.errorCode": "INTERNAL_ERROR"},
    )
    a_while_passes(minutes=10)
    work(2)
    item = request.items.get()
    assert (item.state, item.error_code) == (ItemState.REFUSED, "INTERNAL_ERROR")


def test_what_is_cancelled_while_a_worker_looks_is_not_sent(changing, organization, dana, monkeypatch):
    ids = add_and_read(organization, 2)
    request = ask(dana, wish(*ids))
    look = worker._Region._read

    def look_while_somebody_cancels(region: Any, items: Any) -> None:
        look(region, items)
        assert requests.cancel(request, dana) == 2

    monkeypatch.setattr("accounts.activation.worker._Region._read", look_while_somebody_cancels)
    carry_out(request.pk)
    assert sent(changing) == []
    request.refresh_from_db()
    assert (set(states(request).values()), request.state) == ({ItemState.CANCELLED}, RequestState.CANCELLED)


def test_a_worker_whose_lease_ran_out_sends_nothing_more(changing, organization, dana, monkeypatch):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids, action=Action.DEACTIVATE, types=("ECR",)))
    look = worker._Region._read

    def look_too_long(region: Any, items: Any) -> None:
        look(region, items)
        monkeypatch.undo()
        reconnect(changing)
        ActivationRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert carry_out(request.pk), "another worker takes over"

    monkeypatch.setattr("accounts.activation.worker._Region._read", look_too_long)
    carry_out(request.pk)
    assert len(sent(changing)) == 1
    a_while_passes()
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


@pytest.mark.parametrize("lost_before", [False, True])
def test_a_state_that_is_not_told_is_not_taken_for_not_done(changing, organization, dana, lost_before):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids, action=Action.DEACTIVATE, types=("ECR",)))
    if lost_before:
        changing.faults.add(operation="Disable", call=1, edit="cut", value=10)
        carry_out(request.pk)
    before = len(sent(changing))
    organization.refuse(ids[0], "ACCESS_DENIED", operation="BatchGetAccountStatus")
    a_while_passes()
    work(3)
    assert len(sent(changing)) == before, "nothing is sent blindly"
    assert "does not tell the state" in request.items.get().error_message
    organization.refusals.clear()
    a_while_passes()
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def test_one_attempt_is_one_call(changing, organization, dana):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids, action=Action.DEACTIVATE, types=("ECR",)))
    changing.faults.add(operation="Disable", status=500, code="InternalServerException")
    carry_out(request.pk)
    assert len(sent(changing)) == 1
    assert request.items.get().attempts == 1


def test_an_association_whose_answer_was_lost_is_looked_at(changing, organization, dana):
    organization.add_account("400000000001", name="newcomer", member=False)
    read()
    changing.faults.add(operation="AssociateMember", status=500, code="InternalServerException", call=1)
    request = ask(dana, wish("400000000001", types=("EC2",)))
    work(12)
    assert set(states(request).values()) == {ItemState.DONE}


def test_a_sync_that_read_before_takes_no_transition_back(changing, organization, dana, monkeypatch):
    ids = add_and_read(organization, 1)
    organization.settle_reads = 10_000
    request = ask(dana, wish(*ids))
    statuses = inspector.account_statuses

    def read_slowly(client: Any, account_ids: Any) -> Any:
        told = statuses(client, account_ids)
        monkeypatch.setattr("accounts.inspector.account_statuses", statuses)
        carry_out(request.pk)
        return told

    monkeypatch.setattr("accounts.inspector.account_statuses", read_slowly)
    sync_accounts(REGION)
    moves = AccountChange.objects.filter(account_id=ids[0], field="LAMBDA_CODE")
    assert list(moves.values_list("from_value", "to_value")) == [("DISABLED", "ENABLING")]
    assert ScanTypeStatus.objects.get(account_id=ids[0], region=REGION, scan_type="LAMBDA_CODE").status == "ENABLING"
