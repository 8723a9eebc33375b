"""Rights that end between the page and the click, between the click and the worker, and while the worker is at it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import inspector
from accounts.activation.items import LONGEST_WAIT, wait
from accounts.activation.lease import LEASE, Lease
from accounts.activation.worker import MOST_ATTEMPTS, carry_out, follow_up
from accounts.choices import Action, Event, ItemState
from accounts.models import ActivationRequest, AuditEvent, Person
from tests import factories
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
from tests.reading import read as page_of
from tests.stand_in import REGIONS

pytestmark = pytest.mark.django_db(transaction=True)
PREVIEW, CONFIRM = "/activation/preview/", "/activation/confirm/"


def loses_the_role(person: Person, client: Client) -> None:
    Person.objects.filter(pk=person.pk).update(role="viewer")


def is_switched_off(person: Person, client: Client) -> None:
    Person.objects.filter(pk=person.pk).update(is_active=False)


def loses_the_account(person: Person, client: Client) -> None:
    person.grants.all().delete()


def is_logged_out_elsewhere(person: Person, client: Client) -> None:
    client.session.flush()


# --- Between the page and the click


def form_of(client: Client, *account_ids: str, **more: Any) -> dict[str, Any]:
    """The preview's form, filled in and not sent yet."""
    asked = {"action": "activate", "account": account_ids, "scan_type": ["LAMBDA_CODE"], "region": [REGION], **more}
    html = page_of(client.post(PREVIEW, asked)).html
    form = re.search(rf'action="{CONFIRM}".*?</form>', html, re.DOTALL)
    assert form, "there is nothing to confirm"
    found: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("change", "status", "leads_to"),
    [
        (loses_the_role, 403, ""),
        (loses_the_account, 400, ""),
        (is_switched_off, 302, "/login/"),
        (is_logged_out_elsewhere, 302, "/login/"),
    ],
)
def test_a_right_that_ends_between_the_page_and_the_click_stops_the_click(
    changing, organization, as_person, change, status, leads_to
):
    ids = add_and_read(organization, 1)
    person = factories.person("partly", role="delegated_admin", accounts=ids)
    client = as_person(person)
    form = form_of(client, *ids)
    change(person, client)
    answer = client.post(CONFIRM, form)
    assert answer.status_code == status
    assert answer.get("Location", "").startswith(leads_to)
    assert not ActivationRequest.objects.exists()
    work()
    assert sent(changing) == []


def test_who_comes_too_late_is_told_who_came_before(changing, organization, dana, as_person):
    ids = add_and_read(organization, 1)
    late = factories.person("late", role="delegated_admin", accounts=ids)
    client = as_person(late)
    form = form_of(client, *ids)
    first = ask(dana, wish(*ids))
    at = first.created_at
    words = f"Last changed by {dana.username} at {at:%H:%M} UTC (request {first.pk}). Nothing was sent."
    assert words in page_of(client.post(CONFIRM, form), 409).text
    work()
    assert words in page_of(client.post(CONFIRM, form), 409).text, "and when it is done as well"
    assert ActivationRequest.objects.count() == len(sent(changing)) == 1


def test_who_comes_too_late_is_told_what_aws_told_and_nothing_of_others(changing, organization, dana, as_person):
    ids = add_and_read(organization, 2)
    late = factories.person("late", role="delegated_admin", accounts=ids[:1])
    client = as_person(late)
    form = form_of(client, *ids[:1])
    ask(dana, wish(ids[1]))
    organization.accounts[ids[0]].scan_types[REGION]["LAMBDA_CODE"] = "ENABLED"
    read()
    text = page_of(client.post(CONFIRM, form), 409).text
    assert re.search(rf"AWS told at \d\d:\d\d UTC that {ids[0]} became ENABLED", text)
    assert ids[1] not in text


# --- Between the click and the worker, and between two of its calls


@pytest.mark.parametrize("change", [loses_the_role, is_switched_off, loses_the_account])
def test_a_right_that_ends_between_the_click_and_the_worker_cancels(changing, organization, client, change):
    ids = add_and_read(organization, 1)
    person = factories.person("partly", role="delegated_admin", accounts=ids)
    request = ask(person, wish(*ids))
    change(person, client)
    work()
    assert sent(changing) == []
    assert set(states(request).values()) == {ItemState.CANCELLED}
    assert AuditEvent.objects.filter(event=Event.SETTLED, subject="Cancelled", account_id=ids[0]).exists()


@pytest.mark.parametrize("change", [loses_the_role, is_switched_off, loses_the_account])
def test_a_right_that_ends_while_the_worker_is_at_it_stops_its_next_call(
    changing, organization, client, monkeypatch, change
):
    """Two Regions and two scan types in one go of one worker: four calls, and the right ends during the first."""
    ids = add_and_read(organization, 1, scan_types={region: {"EC2": "ENABLED"} for region in REGIONS})
    person = factories.person("partly", role="delegated_admin", accounts=ids)
    request = ask(person, wish(*ids, types=("ECR", "LAMBDA"), regions=REGIONS))
    switch = inspector.switch

    def switch_and_lose(*arguments: Any) -> Any:
        change(person, client)
        return switch(*arguments)

    monkeypatch.setattr("accounts.inspector.switch", switch_and_lose)
    assert carry_out(request.pk)
    assert len(sent(changing)) == 1
    work()
    assert len(sent(changing)) == 1
    counted = sorted(request.items.values_list("state", flat=True))
    assert counted == [ItemState.CANCELLED] * 3 + [ItemState.DONE]


def test_a_right_that_ends_between_two_associations_stops_the_second(changing, organization, client, monkeypatch):
    ids = ["400000000001", "400000000002"]
    for account_id in ids:
        organization.add_account(account_id, name=f"newcomer-{account_id[-1]}", member=False)
    read()
    person = factories.person("partly", role="delegated_admin", accounts=ids)
    request = ask(person, wish(*ids, types=("EC2",)))
    associate = inspector.associate

    def associate_and_lose(*arguments: Any) -> Any:
        loses_the_role(person, client)
        return associate(*arguments)

    monkeypatch.setattr("accounts.inspector.associate", associate_and_lose)
    assert carry_out(request.pk)
    assert [call.operation for call in sent(changing)] == ["AssociateMember"]


# --- A worker that was killed, its lease with it


def killed(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """As `kill -9` there: nothing more is run, and the lease is not given back."""

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(where, die)
    monkeypatch.setattr(Lease, "give_back", lambda _: None)


@pytest.mark.parametrize("where", ["accounts.inspector.switch", "accounts.activation.worker._Region._answered"])
@pytest.mark.parametrize("action", list(Action))
def test_what_a_killed_worker_left_is_taken_over_within_two_minutes_after_a_look(
    changing, organization, dana, monkeypatch, action, where
):
    """Before the call, or between the call and its record: in both cases one call is all that AWS ever sees."""
    ids = add_and_read(organization, 1)
    types = ("LAMBDA_CODE",) if action == Action.ACTIVATE else ("ECR",)
    request = ask(dana, wish(*ids, action=action, types=types))
    killed(monkeypatch, where)
    with pytest.raises(SystemExit):
        carry_out(request.pk)
    monkeypatch.undo()
    reconnect(changing)
    a_while_passes()
    assert (follow_up(), carry_out(request.pk)) == ([], False), "as long as it may live nobody takes over"
    request.refresh_from_db()
    assert LEASE.total_seconds() <= 120
    assert request.lease_until is not None
    ActivationRequest.objects.update(lease_until=request.lease_until - LEASE)
    looks = len([call for call in changing.calls if call.operation == "BatchGetAccountStatus"])
    work()
    assert len([call for call in changing.calls if call.operation == "BatchGetAccountStatus"]) > looks
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1
    told = list(AuditEvent.objects.filter(account_id=ids[0]).order_by("id").values_list("event", flat=True))
    assert (told[0], told[-1], told.count(Event.SETTLED)) == (Event.REQUESTED, Event.SETTLED, 1)


@pytest.mark.parametrize("action", list(Action))
def test_what_aws_never_answers_is_not_sent_for_ever(changing, organization, dana, action):
    ids = add_and_read(organization, 1)
    operation, types = ("Enable", ("LAMBDA_CODE",)) if action == Action.ACTIVATE else ("Disable", ("ECR",))
    changing.faults.add(operation=operation, status=500, code="InternalServerException")
    request = ask(dana, wish(*ids, action=action, types=types))
    work(MOST_ATTEMPTS + 3)
    assert len(sent(changing)) == MOST_ATTEMPTS
    item = request.items.get()
    assert item.state == ItemState.REFUSED
    assert "no trace of 6 attempts" in item.error_message


# --- Every refusal, for both directions; many at once


REFUSALS_OF_DISABLE = ["DISASSOCIATE_ALL_MEMBERS", "RESOURCE_SCAN_NOT_DISABLED", "ACCESS_DENIED", "UNHEARD_OF"]


@pytest.mark.parametrize("code", REFUSALS_OF_DISABLE)
def test_a_refused_deactivation_ends_with_aws_words_and_its_request_id_in_the_audit(changing, organization, dana, code):
    ids = add_and_read(organization, 2)
    organization.refuse(ids[1], code, operation="Disable", message=f"AWS says {code}")
    request = ask(dana, wish(*ids, action=Action.DEACTIVATE, types=("ECR",)))
    work()
    assert states(request) == {(ids[0], "ECR"): ItemState.DONE, (ids[1], "ECR"): ItemState.REFUSED}
    audited = AuditEvent.objects.get(event=Event.SETTLED, account_id=ids[1])
    assert (audited.error_code, audited.error_message) == (code, f"AWS says {code}")
    assert audited.aws_request_id
    assert audited.aws_request_id == AuditEvent.objects.get(event=Event.ANSWERED, account_id=ids[0]).aws_request_id
    assert len(sent(changing)) == 1


def test_of_a_hundred_seven_fail_each_with_its_own_end_and_only_those_are_tried_again(changing, organization, dana):
    from accounts.activation import requests

    ids = add_and_read(organization, 100)
    for account_id in ids[10:17]:
        organization.refuse(account_id, "ACCESS_DENIED", operation="Enable")
    request = ask(dana, wish(*ids))
    work()
    assert len(sent(changing)) == 1
    assert sorted(states(request).values()) == [ItemState.DONE] * 93 + [ItemState.REFUSED] * 7
    settled = AuditEvent.objects.filter(event=Event.SETTLED)
    assert sorted(settled.values_list("account_id", flat=True)) == ids
    refused = settled.filter(error_code="ACCESS_DENIED")
    assert sorted(refused.values_list("account_id", flat=True)) == ids[10:17]
    assert requests.retry(request, dana).account_ids == tuple(ids[10:17])


def test_who_gives_up_is_in_the_audit_of_each_account(changing, organization, dana):
    from accounts.activation import requests

    ids = add_and_read(organization, 3)
    request = ask(dana, wish(*ids))
    assert requests.cancel(request, dana, "192.0.2.7") == 3
    told = AuditEvent.objects.filter(event=Event.SETTLED, subject="Cancelled", actor=dana.username, ip="192.0.2.7")
    assert sorted(told.values_list("account_id", flat=True)) == ids


# --- Slow, suspended, back


def goes_on(request: ActivationRequest, minutes: float) -> None:
    """So many minutes later, a worker looks."""
    a_while_passes(minutes)
    for number in follow_up():
        carry_out(number)


def test_what_goes_back_without_a_reason_is_not_settled_and_then_refused_and_can_be_asked_again(
    changing, organization, dana
):
    ids = add_and_read(organization, 1)
    organization.settle_reads = 10_000
    request = ask(dana, wish(*ids))
    carry_out(request.pk)
    organization.transitions.clear()
    organization.accounts[ids[0]].scan_types[REGION]["LAMBDA_CODE"] = "DISABLED"
    goes_on(request, 20)
    assert request.items.get().state == ItemState.SENT, "AWS may still begin"
    goes_on(request, 45)
    assert request.items.get().state == ItemState.UNSETTLED
    goes_on(request, 15)
    item = request.items.get()
    assert (item.state, len(sent(changing))) == (ItemState.REFUSED, 1)
    assert "as it was before" in item.error_message
    organization.settle_reads = 1
    read()
    again = ask(dana, wish(*ids))
    work()
    assert set(states(again).values()) == {ItemState.DONE}


def test_what_aws_suspends_meanwhile_is_looked_at_and_not_sent_again(changing, organization, dana):
    ids = add_and_read(organization, 1)
    organization.settle_reads = 10_000
    request = ask(dana, wish(*ids))
    carry_out(request.pk)
    organization.transitions.clear()
    organization.accounts[ids[0]].scan_types[REGION]["LAMBDA_CODE"] = "SUSPENDED"
    for minutes, state in ((10, ItemState.SENT), (55, ItemState.UNSETTLED), (60, ItemState.UNSETTLED)):
        goes_on(request, minutes)
        assert request.items.get().state == state
    assert request.items.get().status == "SUSPENDED"
    assert len(sent(changing)) == 1


@pytest.mark.parametrize("hours", [0.5, 3])
def test_a_slow_change_is_one_call_however_long_it_takes(changing, organization, dana, hours):
    organization.settle_reads = 10_000
    request = ask(dana, wish(*add_and_read(organization, 1)))
    carry_out(request.pk)
    for _ in range(6):
        goes_on(request, hours * 60 / 6)
    for transition in organization.transitions.values():
        transition.reads_left = 0
    goes_on(request, 1)
    goes_on(request, 1)
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def test_the_looks_come_more_seldom_from_ten_seconds_to_five_minutes(changing, organization, dana, settings):
    request = ask(dana, wish(*add_and_read(organization, 1)))
    item = request.items.get()
    item.state = ItemState.SENT
    pauses = []
    for minutes in (0, 1, 3, 30, 61):
        item.sent_at = timezone.now() - minutes * (LONGEST_WAIT / 5)
        wait(item)
        assert item.not_before is not None
        pauses.append(round((item.not_before - timezone.now()).total_seconds()))
    assert pauses == [10, 60, 180, 300, settings.COVERAGE_SYNC_EVERY.total_seconds()]
    assert item.state == ItemState.UNSETTLED


# --- Through the pages, twenty at once


def test_twenty_parallel_posts_of_one_form_are_one_request_and_one_call(changing, organization, dana, as_person):
    from threading import Thread

    from django.db import connection

    client = as_person(dana)
    form = form_of(client, *add_and_read(organization, 2))
    answers = []

    def click() -> None:
        try:
            browser = Client()
            browser.cookies = client.cookies
            answers.append(browser.post(CONFIRM, form))
        finally:
            connection.close()

    clicks = [Thread(target=click) for _ in range(20)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    made = ActivationRequest.objects.get()
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, f"/activation/{made.pk}/")] * 20
    work()
    assert len(sent(changing)) == 1
    assert AuditEvent.objects.filter(event=Event.REQUESTED).count() == 2


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example"])
def test_a_form_of_another_origin_does_nothing_though_its_token_is_right(changing, organization, dana, origin):
    ids = add_and_read(organization, 1)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(dana)
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page_of(strict.get("/coverage/accounts/")).html)
    assert token
    asked = {"action": "activate", "account": ids, "scan_type": ["LAMBDA_CODE"], "region": [REGION]}
    asked["csrfmiddlewaretoken"] = token[1]
    assert strict.post(PREVIEW, asked).status_code == 200, "of its own origin it is understood"
    for address in (PREVIEW, CONFIRM):
        assert strict.post(address, asked, headers={"origin": origin}).status_code == 403
        foreign = {**asked, "csrfmiddlewaretoken": "a" * 64}
        assert strict.post(address, foreign).status_code == 403
        for kind in ("application/json", "text/plain"):
            assert strict.post(address, "action=activate", content_type=kind).status_code == 403
    assert not ActivationRequest.objects.exists()
    assert sent(changing) == []
