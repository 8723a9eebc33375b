"""Activating and deactivating, from the click to AWS and back: real calls against the stand-in AWS."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.activation.preview import preview
from accounts.activation.worker import carry_out, follow_up
from accounts.choices import Action, Event, ItemState, RequestState
from accounts.models import (
    AccountChange,
    ActivationItem,
    AuditEvent,
    ScanTypeStatus,
)
from accounts.sync import sync_accounts
from aws import session
from tests import factories
from tests.accounts.activating import (
    REGION,
    add,
    add_and_read,
    ask,
    read,
    sent,
    states,
    wish,
    work,
)
from tests.stand_in import ADMIN, MEMBER, ON, REGIONS

pytestmark = pytest.mark.django_db(transaction=True)


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
