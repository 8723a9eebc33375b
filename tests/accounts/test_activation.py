"""Activating and deactivating, from the click to AWS and back: real calls against the stand-in AWS."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import activation, inspector
from accounts.activation import Confirmation, Refused, Stale, carry_out, confirm, follow_up
from accounts.choices import Action, Event, ItemState, RequestState
from accounts.models import (
    AccountChange,
    ActivationItem,
    ActivationRequest,
    AuditEvent,
    Person,
    ScanTypeStatus,
)
from accounts.preview import Wish, preview
from accounts.sync import sync_accounts, sync_organization
from aws import guards, session
from demo.organization import Organization
from demo.server import StandIn
from tests import factories
from tests.stand_in import ADMIN, MEMBER, ON, REGIONS

pytestmark = pytest.mark.django_db(transaction=True)

REGION = REGIONS[0]
CHANGING = {"Enable", "Disable", "AssociateMember"}


@pytest.fixture
def changing(settings: Any, organization: Organization, stand_in: StandIn) -> StandIn:
    """An installation that may change things, with its accounts read once."""
    settings.COVERAGE_READ_ONLY = False
    settings.COVERAGE_WRITE_ROLE_ARN = f"arn:aws:iam::{ADMIN}:role/coverage-writer"
    settings.COVERAGE_ALLOW_DEACTIVATION = True
    organization.settle_reads = 1
    read()
    return stand_in


@pytest.fixture
def dana(delegated_admin: Person) -> Person:
    return delegated_admin


def read() -> None:
    sync_organization()
    for region in REGIONS:
        sync_accounts(region)


def add(organization: Organization, number: int, **fields: Any) -> list[str]:
    ids = [f"{300_000_000_000 + n}" for n in range(number)]
    for account_id in ids:
        fields = {"scan_types": {region: ON | {"LAMBDA_CODE": "DISABLED"} for region in REGIONS}, **fields}
        organization.add_account(account_id, name=f"account-{account_id[-3:]}", **fields)
    return ids


def wish(
    *account_ids: str, action: Action = Action.ACTIVATE, types: tuple[str, ...] = ("LAMBDA_CODE",), regions=(REGION,)
) -> Wish:
    return Wish(action, account_ids, tuple(regions), types)


def ask(person: Person, wanted: Wish, **given: Any) -> ActivationRequest:
    confirmation = {"token": uuid.uuid4(), "digest": preview(person, wanted).digest, "reason": "because", **given}
    return confirm(person, wanted, Confirmation(**confirmation))


def a_while_passes(minutes: float = 0.3) -> None:
    """Let what was told to wait be due, and what was sent be sent that much earlier."""
    ActivationItem.objects.exclude(not_before=None).update(not_before=timezone.now() - timedelta(seconds=1))
    for item in ActivationItem.objects.exclude(sent_at=None):
        assert item.sent_at is not None
        item.sent_at -= timedelta(minutes=minutes)
        item.save()


def work(rounds: int = 8) -> None:
    """What beat and workers do, until nothing is due."""
    for _ in range(rounds):
        for number in follow_up():
            carry_out(number)
        a_while_passes()


def sent(aws: StandIn, *operations: str) -> list[Any]:
    return [call for call in aws.calls if call.operation in (operations or CHANGING)]


def states(request: ActivationRequest) -> dict[tuple[str, str], str]:
    return {(item.account_id, item.scan_type): item.state for item in request.items.all()}


# --- The way it should go


def test_a_request_is_recorded_sent_once_and_settles(changing, organization, dana):
    ids = add(organization, 3)
    read()
    request = ask(dana, wish(*ids))
    assert sent(changing) == [], "nothing is sent by the click"
    assert AuditEvent.objects.filter(event=Event.REQUESTED).count() == 3
    work()
    request.refresh_from_db()
    assert request.state == RequestState.SETTLED
    assert set(states(request).values()) == {ItemState.DONE}
    assert [call.params["accountIds"] for call in sent(changing)] == [ids], "one call for all three"
    assert (
        ScanTypeStatus.objects.filter(
            account_id__in=ids, region=REGION, scan_type="LAMBDA_CODE", status="ENABLED"
        ).count()
        == 3
    )
    moves = AccountChange.objects.filter(account_id=ids[0], field="LAMBDA_CODE").order_by("id")
    assert list(moves.values_list("from_value", "to_value")) == [("DISABLED", "ENABLING"), ("ENABLING", "ENABLED")]
    told = AuditEvent.objects.filter(account_id=ids[0]).order_by("id")
    assert [event.event for event in told] == [Event.REQUESTED, Event.ANSWERED, Event.SETTLED]
    assert told[1].aws_request_id
    assert {event.actor for event in told} == {dana.username}


def test_the_session_at_aws_names_the_person_and_the_request(changing, organization, dana):
    request = ask(dana, wish(*add_and_read(organization, 1)))
    work()
    call = sent(changing)[0]
    assert call.principal_arn.endswith(f":assumed-role/coverage-writer/delegated-admin-request-{request.pk}")


def add_and_read(organization: Organization, number: int, **fields: Any) -> list[str]:
    ids = add(organization, number, **fields)
    read()
    return ids


def test_standard_scanning_comes_along_and_goes_first(changing, organization, dana):
    off = {region: ON | {"LAMBDA": "DISABLED", "LAMBDA_CODE": "DISABLED"} for region in REGIONS}
    ids = add_and_read(organization, 1, scan_types=off)
    request = ask(dana, wish(*ids))
    work()
    assert [call.params["resourceTypes"] for call in sent(changing)] == [["LAMBDA"], ["LAMBDA_CODE"]]
    assert set(states(request).values()) == {ItemState.DONE}


def test_an_account_that_is_no_member_is_associated_first(changing, organization, dana):
    organization.add_account("400000000001", name="newcomer", member=False)
    read()
    request = ask(dana, wish("400000000001", types=("EC2",)))
    work()
    assert [call.operation for call in sent(changing)] == ["AssociateMember", "Enable"]
    assert set(states(request).values()) == {ItemState.DONE}


def test_deactivating_lambda_takes_code_scanning_along_before_it(changing, organization, dana):
    request = ask(dana, wish(MEMBER, action=Action.DEACTIVATE, types=("LAMBDA",)))
    work()
    assert [call.params["resourceTypes"] for call in sent(changing)] == [["LAMBDA_CODE"], ["LAMBDA"]]
    assert set(states(request).values()) == {ItemState.DONE}


def test_more_than_a_hundred_accounts_are_split_and_the_administrator_is_apart(changing, organization, dana):
    ids = add(organization, 120)
    organization.accounts[ADMIN].scan_types[REGION]["LAMBDA_CODE"] = "DISABLED"
    read()
    ask(dana, wish(*ids, ADMIN))
    work()
    assert sorted(len(call.params["accountIds"]) for call in sent(changing)) == [1, 20, 100]
    assert [ADMIN] in [call.params["accountIds"] for call in sent(changing)]
    assert len(sent(changing)) == 3


def test_waves_send_five_accounts_first(changing, organization, dana):
    ids = add_and_read(organization, 12)
    request = ask(dana, wish(*ids), in_waves=True)
    for number in follow_up():
        carry_out(number)
    assert [len(call.params["accountIds"]) for call in sent(changing)] == [5]
    ActivationItem.objects.update(not_before=timezone.now())
    work()
    assert [len(call.params["accountIds"]) for call in sent(changing)] == [5, 7]
    assert set(states(request).values()) == {ItemState.DONE}


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
        activation.approve(request, dana)
    with pytest.raises(Refused, match="Only delegated admins"):
        activation.approve(request, factories.person("viewing", role="viewer"))
    second = factories.person("second", role="delegated_admin", all_accounts=True)
    activation.approve(request, second)
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert AuditEvent.objects.get(event=Event.APPROVED).actor == "second"


# --- What AWS says no to, and what it does not say

FINAL = [
    "ACCESS_DENIED",
    "RESOURCE_NOT_FOUND",
    "RESOURCE_SCAN_NOT_DISABLED",
    "DISASSOCIATE_ALL_MEMBERS",
    "ACCOUNT_IS_ISOLATED",
    "EC2_SSM_RESOURCE_DATA_SYNC_LIMIT_EXCEEDED",
    "EC2_SSM_ASSOCIATION_VERSION_LIMIT_EXCEEDED",
    "BLOCKED_BY_ORGANIZATION_POLICY",
]


@pytest.mark.parametrize("code", FINAL)
def test_a_refusal_ends_the_item_with_aws_words_and_leaves_the_others(changing, organization, dana, code):
    ids = add_and_read(organization, 4)
    organization.refuse(ids[1], code, operation="Enable", message=f"AWS says {code}")
    request = ask(dana, wish(*ids))
    work()
    refused = request.items.get(state=ItemState.REFUSED)
    assert (refused.account_id, refused.error_code, refused.error_message) == (ids[1], code, f"AWS says {code}")
    assert sorted(states(request).values()) == [ItemState.DONE] * 3 + [ItemState.REFUSED]
    audited = AuditEvent.objects.get(event=Event.SETTLED, account_id=ids[1])
    assert (audited.error_code, audited.error_message) == (code, f"AWS says {code}")
    again = activation.retry(request, dana)
    assert again.account_ids == (ids[1],), "only what failed is tried again"


@pytest.mark.parametrize("code", sorted(activation.TRANSIENT))
def test_a_refusal_that_passes_is_tried_again(changing, organization, dana, code):
    ids = add_and_read(organization, 1)
    organization.refuse(ids[0], code, operation="Enable", times=2)
    request = ask(dana, wish(*ids))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 3


def test_a_refusal_that_does_not_pass_ends(changing, organization, dana):
    ids = add_and_read(organization, 1)
    organization.refuse(ids[0], "INTERNAL_ERROR", operation="Enable")
    request = ask(dana, wish(*ids))
    work(12)
    assert set(states(request).values()) == {ItemState.REFUSED}
    assert len(sent(changing)) == activation.MOST_ATTEMPTS


def test_already_enabled_is_done(changing, organization, dana):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids))
    organization.refuse(ids[0], "ALREADY_ENABLED", operation="Enable", times=1)
    work()
    assert set(states(request).values()) == {ItemState.DONE}


EXCEPTIONS = [
    (403, "AccessDeniedException"),
    (400, "ValidationException"),
    (404, "ResourceNotFoundException"),
    (409, "ConflictException"),
]


@pytest.mark.parametrize(("status", "code"), EXCEPTIONS)
def test_an_error_answer_ends_every_item_of_the_call(changing, organization, dana, status, code):
    ids = add_and_read(organization, 2)
    changing.faults.add(operation="Enable", status=status, code=code, message="AWS says no")
    request = ask(dana, wish(*ids))
    work()
    assert set(states(request).values()) == {ItemState.REFUSED}
    assert {item.error_code for item in request.items.all()} == {code}
    assert len(sent(changing)) == 1


def test_throttling_is_tried_again(changing, organization, dana):
    ids = add_and_read(organization, 1)
    changing.faults.add(operation="Enable", status=429, code="ThrottlingException", call=[1, 2])
    request = ask(dana, wish(*ids))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 3


LOST = [{"status": 500, "code": "InternalServerException"}, {"body": b"<html>"}, {"body": b""}]


@pytest.mark.parametrize("fault", LOST, ids=["500", "html", "empty"])
@pytest.mark.parametrize("action", list(Action))
def test_an_answer_that_says_nothing_is_followed_by_a_look(changing, organization, dana, action, fault):
    """AWS did not do it: the look shows no trace, and it is sent once more."""
    ids = add_and_read(organization, 1)
    operation, types = ("Enable", ("LAMBDA_CODE",)) if action == Action.ACTIVATE else ("Disable", ("ECR",))
    changing.faults.add(operation=operation, call=1, **fault)
    request = ask(dana, wish(*ids, action=action, types=types))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert [call.operation for call in sent(changing)] == [operation] * 2
    if action == Action.ACTIVATE:
        assert len({call.params["clientToken"] for call in sent(changing)}) == 1, "AWS could tell it is the same"


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
    monkeypatch.setattr("accounts.activation.inspector.switch", _die)
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
    monkeypatch.setattr("accounts.activation._Region._answered", _die)
    with pytest.raises(SystemExit):
        carry_out(request.pk)
    monkeypatch.undo()
    reconnect(changing)
    a_while_passes()
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 1


def _die(*_: Any, **__: Any) -> None:
    raise SystemExit


def reconnect(aws: StandIn) -> None:
    """monkeypatch.undo forgot the environment too."""
    import os

    os.environ["AWS_ENDPOINT_URL"] = aws.url
    os.environ.update({name.upper(): value for name, value in aws.credentials().items()})
    session.forget_clients()


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


def test_a_region_without_the_type_is_learned_from_the_refusal(changing, organization, dana):
    organization.lambda_code_regions = set()
    ids = add_and_read(organization, 2)
    request = ask(dana, wish(ids[0]))
    work()
    assert "not supported in us-east-1" in request.items.get().error_message
    later = preview(dana, wish(ids[1]))
    assert (later.sent, later.lines[0].why) == ([], "Inspector does not offer it in us-east-1.")


def test_what_a_policy_refused_is_told_in_the_next_preview(changing, organization, dana):
    ids = add_and_read(organization, 1)
    organization.refuse(ids[0], "BLOCKED_BY_ORGANIZATION_POLICY", operation="Enable")
    ask(dana, wish(*ids))
    work()
    assert "An organization policy refused it" in preview(dana, wish(*ids)).lines[0].why


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
    look = activation._Region._read

    def look_while_somebody_cancels(region: Any, items: Any) -> None:
        look(region, items)
        assert activation.cancel(request, dana) == 2

    monkeypatch.setattr("accounts.activation._Region._read", look_while_somebody_cancels)
    carry_out(request.pk)
    assert sent(changing) == []
    request.refresh_from_db()
    assert (set(states(request).values()), request.state) == ({ItemState.CANCELLED}, RequestState.CANCELLED)


def test_a_worker_whose_lease_ran_out_sends_nothing_more(changing, organization, dana, monkeypatch):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids, action=Action.DEACTIVATE, types=("ECR",)))
    look = activation._Region._read

    def look_too_long(region: Any, items: Any) -> None:
        look(region, items)
        monkeypatch.undo()
        reconnect(changing)
        ActivationRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert carry_out(request.pk), "another worker takes over"

    monkeypatch.setattr("accounts.activation._Region._read", look_too_long)
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


def test_the_pause_between_waves_begins_with_the_second_person(changing, organization, dana, settings):
    settings.COVERAGE_SECOND_PERSON = True
    request = ask(dana, wish(*add_and_read(organization, 7)), in_waves=True)
    earlier = timedelta(minutes=10)
    ActivationRequest.objects.update(created_at=request.created_at - earlier)
    request.items.update(not_before=F("not_before") - earlier)
    request.refresh_from_db()
    activation.approve(request, factories.person("second", role="delegated_admin", all_accounts=True))
    for number in follow_up():
        carry_out(number)
    assert [len(call.params["accountIds"]) for call in sent(changing)] == [5]


def test_who_sees_some_accounts_gives_up_and_retries_only_those(changing, organization, dana):
    ids = add_and_read(organization, 3)
    request = ask(dana, wish(*ids))
    partly = factories.person("partly", role="delegated_admin", accounts=ids[:1])
    assert activation.cancel(request, partly) == 1
    assert activation.retry(request, partly).account_ids == (ids[0],)
    assert sorted(states(request).values()) == [ItemState.CANCELLED] + [ItemState.PLANNED] * 2


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


def test_what_was_not_sent_can_be_given_up(changing, organization, dana):
    ids = add_and_read(organization, 8)
    request = ask(dana, wish(*ids), in_waves=True)
    for number in follow_up():
        carry_out(number)
    assert activation.cancel(request, dana) == 3
    work()
    assert sorted(states(request).values()) == [ItemState.CANCELLED] * 3 + [ItemState.DONE] * 5
    assert AuditEvent.objects.get(event=Event.CANCELLED).subject == "3 items"


# --- What cannot be changed, and why


def test_the_preview_tells_why_something_cannot_be_changed(changing, organization, dana):
    organization.add_account("400000000002", name="closed", state="SUSPENDED")
    ids = add_and_read(organization, 1)
    told = {
        line.account_id: (line.verdict.value, line.why) for line in preview(dana, wish(ids[0], "400000000002")).lines
    }
    assert told[ids[0]] == ("changes", "")
    assert told["400000000002"] == ("cannot", "It is suspended in AWS Organizations.")


def test_the_administrator_keeps_one_type_while_it_has_members(changing, organization, dana):
    everything = ("EC2", "ECR", "LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY")
    seen = preview(dana, wish(ADMIN, action=Action.DEACTIVATE, types=everything))
    assert seen.sent == []
    assert {line.why for line in seen.lines} == {
        "The delegated administrator keeps at least one scan type while it has members."
    }


def test_a_member_account_activates_itself_and_deactivates_nothing(changing, organization, dana, monkeypatch):
    organization.accounts[MEMBER].scan_types[REGION]["LAMBDA_CODE"] = "DISABLED"
    for name, value in changing.credentials(MEMBER).items():
        monkeypatch.setenv(name.upper(), value)
    session.forget_clients()
    factories.decide_held()
    sync_accounts(REGION)
    factories.decide_held()
    sync_accounts(REGION)
    assert [line.why for line in preview(dana, wish(MEMBER)).lines] == [""]
    refused = preview(dana, wish(MEMBER, action=Action.DEACTIVATE, types=("ECR",)))
    assert "may not deactivate" in refused.lines[0].why
    assert "Only the delegated administrator" in preview(dana, wish(ADMIN)).lines[0].why
