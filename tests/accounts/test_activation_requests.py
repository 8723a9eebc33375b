"""What a person asks: sent twice, seen too late, no longer allowed, switched off here, given up."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from accounts.activation import requests
from accounts.activation.allowed import Refused
from accounts.activation.preview import preview
from accounts.activation.requests import Confirmation, Stale, confirm
from accounts.activation.worker import carry_out, follow_up
from accounts.choices import Action, Event, ItemState
from accounts.models import (
    ActivationRequest,
    AuditEvent,
    ScanTypeStatus,
)
from aws import guards, session
from tests import factories
from tests.accounts.activating import (
    REGION,
    add_and_read,
    ask,
    sent,
    states,
    wish,
    work,
)
from tests.stand_in import MEMBER

pytestmark = pytest.mark.django_db(transaction=True)


# --- Clicked twice, seen too late, no longer allowed


def test_twenty_parallel_sends_of_one_form_are_one_request_and_one_call(changing, organization, dana):
    ids = add_and_read(organization, 2)
    digest, token, found = preview(dana, wish(*ids)).digest, uuid.uuid4(), []

    def click() -> None:
        try:
            found.append(confirm(dana, wish(*ids), Confirmation(token, digest)).pk)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(20)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert len(found) == 20
    assert len(set(found)) == 1
    work()
    assert len(sent(changing)) == 1
    assert AuditEvent.objects.filter(event=Event.REQUESTED).count() == 2


def test_a_form_that_was_overtaken_changes_nothing(changing, organization, dana):
    ids = add_and_read(organization, 2)
    digest = preview(dana, wish(*ids)).digest
    ScanTypeStatus.objects.filter(account_id=ids[0], scan_type="LAMBDA_CODE").update(status="ENABLED")
    with pytest.raises(Stale) as stale:
        confirm(dana, wish(*ids), Confirmation(uuid.uuid4(), digest))
    assert [line.account_id for line in stale.value.now.sent] == [ids[1]]
    assert not ActivationRequest.objects.exists()


def test_what_another_request_is_changing_is_left_out(changing, organization, dana):
    ids = add_and_read(organization, 1)
    first = ask(dana, wish(*ids))
    opposite = preview(dana, wish(*ids, action=Action.DEACTIVATE))
    assert opposite.sent == []
    assert opposite.lines[0].why == f"Request {first.pk} is changing it."
    with pytest.raises(Refused, match="Nothing would change"):
        ask(dana, wish(*ids, action=Action.DEACTIVATE))


def test_a_right_that_was_taken_away_before_the_worker_came_cancels(changing, organization, dana):
    request = ask(dana, wish(*add_and_read(organization, 2)))
    dana.role = "viewer"
    dana.save()
    work()
    assert sent(changing) == []
    assert set(states(request).values()) == {ItemState.CANCELLED}
    assert "Only delegated admins" in request.items.all()[0].error_message
    assert AuditEvent.objects.filter(event=Event.SETTLED, subject="Cancelled").count() == 2


def test_an_account_that_was_taken_away_before_the_worker_came_is_cancelled_alone(changing, organization):
    ids = add_and_read(organization, 2)
    person = factories.person("partly", role="delegated_admin", accounts=ids)
    request = ask(person, wish(*ids))
    person.grants.filter(account_id=ids[0]).delete()
    work()
    assert states(request) == {(ids[0], "LAMBDA_CODE"): ItemState.CANCELLED, (ids[1], "LAMBDA_CODE"): ItemState.DONE}


def test_accounts_that_the_person_does_not_see_are_as_if_they_did_not_exist(changing, organization):
    ids = add_and_read(organization, 2)
    person = factories.person("partly", role="delegated_admin", accounts=ids[:1])
    assert {line.account_id for line in preview(person, wish(*ids, "999999999999")).lines} == {ids[0]}


@pytest.mark.parametrize("role", ["viewer", "account_viewer", "site_admin", ""])
def test_nobody_but_a_delegated_admin_asks(changing, organization, role):
    ids = add_and_read(organization, 1)
    person = factories.person("somebody", role=role)
    with pytest.raises(Refused, match="Only delegated admins"):
        confirm(person, wish(*ids), Confirmation(uuid.uuid4(), preview(person, wish(*ids)).digest))


# --- Switches


def test_read_only_stops_the_click_and_what_was_asked_before(changing, organization, dana, settings):
    ids = add_and_read(organization, 2)
    request = ask(dana, wish(ids[0]))
    settings.COVERAGE_READ_ONLY = True
    with pytest.raises(Refused, match="only reads"):
        ask(dana, wish(ids[1]))
    work()
    assert sent(changing) == []
    assert set(states(request).values()) == {ItemState.CANCELLED}


def test_no_client_of_this_process_changes_anything_while_read_only(changing, settings):
    writer = session.writer(REGION, "test")
    settings.COVERAGE_READ_ONLY = True
    with pytest.raises(guards.NotAllowed):
        session.writer(REGION, "test")
    for client in (writer, session.inspector(REGION)):
        with pytest.raises(guards.NotAllowed):
            client.enable(accountIds=[MEMBER], resourceTypes=["EC2"])
        with pytest.raises(guards.NotAllowed):
            client.update_organization_configuration(autoEnable={"ec2": True, "ecr": True})
    assert sent(changing) == []


def test_the_clients_that_read_change_nothing_even_where_changes_are_on(changing):
    with pytest.raises(guards.NotAllowed):
        session.inspector(REGION).enable(accountIds=[MEMBER], resourceTypes=["EC2"])
    assert sent(changing) == []


@pytest.mark.parametrize(
    "careless",
    [
        {},
        {"accountIds": [], "resourceTypes": ["EC2"]},
        {"accountIds": [MEMBER], "resourceTypes": []},
        {"accountIds": [MEMBER]},
        {"resourceTypes": ["EC2"]},
        {"accountIds": [f"{n:012}" for n in range(101)], "resourceTypes": ["EC2"]},
        {"accountIds": [MEMBER, MEMBER], "resourceTypes": ["EC2"]},
        {"accountIds": ["0123"], "resourceTypes": ["EC2"]},
        {"accountIds": ["１２３４５６７８９０１２"], "resourceTypes": ["EC2"]},
    ],
)
@pytest.mark.parametrize("operation", ["enable", "disable"])
def test_a_call_that_names_too_little_or_too_much_never_leaves(changing, operation, careless):
    with pytest.raises(guards.NotAllowed):
        getattr(session.writer(REGION, "test"), operation)(**careless)
    assert sent(changing) == []


def test_deactivating_has_a_switch_of_its_own(changing, dana, settings):
    settings.COVERAGE_ALLOW_DEACTIVATION = False
    with pytest.raises(Refused, match="switched off"):
        ask(dana, wish(MEMBER, action=Action.DEACTIVATE, types=("ECR",)))
    with pytest.raises(guards.NotAllowed):
        session.writer(REGION, "test").disable(accountIds=[MEMBER], resourceTypes=["ECR"])


def test_deactivating_needs_a_reason(changing, dana):
    with pytest.raises(Refused, match="Say why"):
        ask(dana, wish(MEMBER, action=Action.DEACTIVATE, types=("ECR",)), reason="  ")


def test_a_request_takes_so_many_accounts_and_no_more(changing, organization, dana, settings):
    settings.COVERAGE_MOST_ACCOUNTS = 2
    ids = add_and_read(organization, 3)
    with pytest.raises(Refused, match="up to 2 accounts"):
        ask(dana, wish(*ids))


def test_a_second_person_has_to_agree(changing, organization, dana, settings):
    settings.COVERAGE_SECOND_PERSON = True
    request = ask(dana, wish(*add_and_read(organization, 1)))
    work()
    assert sent(changing) == []
    with pytest.raises(Refused, match="somebody else"):
        requests.approve(request, dana)
    with pytest.raises(Refused, match="Only delegated admins"):
        requests.approve(request, factories.person("viewing", role="viewer"))
    second = factories.person("second", role="delegated_admin", all_accounts=True)
    requests.approve(request, second)
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert AuditEvent.objects.get(event=Event.APPROVED).actor == "second"


# --- Agreed to, given up, tried again


def test_the_pause_between_waves_begins_with_the_second_person(changing, organization, dana, settings):
    settings.COVERAGE_SECOND_PERSON = True
    request = ask(dana, wish(*add_and_read(organization, 7)), in_waves=True)
    earlier = timedelta(minutes=10)
    ActivationRequest.objects.update(created_at=request.created_at - earlier)
    request.items.update(not_before=F("not_before") - earlier)
    request.refresh_from_db()
    requests.approve(request, factories.person("second", role="delegated_admin", all_accounts=True))
    for number in follow_up():
        carry_out(number)
    assert [len(call.params["accountIds"]) for call in sent(changing)] == [5]


def test_who_sees_some_accounts_gives_up_and_retries_only_those(changing, organization, dana):
    ids = add_and_read(organization, 3)
    request = ask(dana, wish(*ids))
    partly = factories.person("partly", role="delegated_admin", accounts=ids[:1])
    assert requests.cancel(request, partly) == 1
    assert requests.retry(request, partly).account_ids == (ids[0],)
    assert sorted(states(request).values()) == [ItemState.CANCELLED] + [ItemState.PLANNED] * 2


def test_what_was_not_sent_can_be_given_up(changing, organization, dana):
    ids = add_and_read(organization, 8)
    request = ask(dana, wish(*ids), in_waves=True)
    for number in follow_up():
        carry_out(number)
    assert requests.cancel(request, dana) == 3
    work()
    assert sorted(states(request).values()) == [ItemState.CANCELLED] * 3 + [ItemState.DONE] * 5
    assert AuditEvent.objects.get(event=Event.CANCELLED).subject == "3 items"
