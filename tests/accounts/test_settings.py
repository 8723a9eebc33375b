"""Settings and memberships, from the click to AWS and back: real calls against the stand-in AWS."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.activation.allowed import Refused
from accounts.choices import Event, ItemState, Setting
from accounts.configuration import requests
from accounts.configuration.kinds import INHERIT, AutomaticActivation
from accounts.configuration.requests import Confirmation, Stale, change_of, confirm
from accounts.configuration.worker import carry_out, follow_up
from accounts.models import (
    AccountChange,
    AuditEvent,
    OrganizationSettings,
    OrganizationSettingsChange,
    Person,
    RegionalAccount,
    SettingsRequest,
)
from accounts.sync import sync_accounts
from aws import guards, session
from demo.organization import Organization
from tests import factories
from tests.accounts.activating import add_and_read, read, reconnect, sent
from tests.stand_in import ADMIN, MEMBER, REGIONS

pytestmark = pytest.mark.django_db(transaction=True)

REGION = REGIONS[0]
CHANGING = (
    "UpdateOrganizationConfiguration",
    "UpdateConfiguration",
    "AssociateMember",
    "DisassociateMember",
    "BatchUpdateMemberEc2DeepInspectionStatus",
)
ALL_ON = {"ec2": True, "ecr": True, "lambda": True, "lambdaCode": True, "codeRepository": True}


def ask(
    person: Person, setting: Setting, wanted: dict[str, Any], account_id: str = "", **given: Any
) -> SettingsRequest:
    change = change_of(setting, REGION, account_id, wanted)
    return confirm(
        person, change, Confirmation(**{"token": uuid.uuid4(), "digest": change.digest, "reason": "x", **given})
    )


def a_while_passes(minutes: float = 1) -> None:
    earlier = timedelta(minutes=minutes)
    SettingsRequest.objects.exclude(not_before=None).update(not_before=timezone.now() - timedelta(seconds=1))
    for request in SettingsRequest.objects.exclude(sent_at=None):
        assert request.sent_at is not None
        request.sent_at -= earlier
        request.save()


def work(rounds: int = 5) -> None:
    """What beat and workers do, until nothing is due."""
    for _ in range(rounds):
        for number in follow_up():
            carry_out(number)
        a_while_passes()


def state_of(request: SettingsRequest) -> str:
    request.refresh_from_db()
    return request.state


def automatic(organization: Organization) -> dict[str, bool]:
    return organization.auto_enable.get(REGION, {})


def told(request: SettingsRequest) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(subject__contains=f"settings request {request.pk}:").order_by("id"))


# --- Automatic activation


def test_only_what_was_asked_for_changes_in_the_automatic_activation(changing, organization, dana):
    organization.auto_enable[REGION] = {"ec2": True, "ami": True}
    read()
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    assert sent(changing, *CHANGING) == [], "nothing is sent by the click"
    work()
    assert state_of(request) == ItemState.DONE
    [call] = sent(changing, *CHANGING)
    off = dict.fromkeys(ALL_ON, False)
    assert call.params["autoEnable"] == {**off, "ec2": True, "ecr": True, "ami": True}
    assert automatic(organization)["ami"] is True
    assert OrganizationSettings.objects.get(region=REGION).auto_enable["ecr"] is True
    assert OrganizationSettingsChange.objects.filter(setting="auto_enable.ecr", to_value="True").count() == 1
    assert [event.event for event in told(request)] == [Event.REQUESTED, Event.ANSWERED, Event.SETTLED]
    assert {(event.actor, event.account_id) for event in told(request)} == {(dana.username, ADMIN)}
    assert told(request)[1].aws_request_id
    assert call.principal_arn.endswith(f"/delegated-admin-settings-{request.pk}")


def test_what_somebody_changed_at_aws_in_between_stops_it(changing, organization, dana):
    organization.auto_enable[REGION] = {"ec2": True}
    read()
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    organization.auto_enable[REGION] = {"ec2": False}
    work()
    assert state_of(request) == ItemState.REFUSED
    assert sent(changing, *CHANGING) == []
    assert "AWS has something else by now: EC2: off" in request.error_message
    assert OrganizationSettings.objects.get(region=REGION).auto_enable["ec2"] is False, "the page shows what is so"


def test_what_is_so_already_is_not_sent(changing, organization, dana):
    read()
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    organization.auto_enable[REGION] = {"ecr": True}
    work()
    assert (state_of(request), request.error_message) == (ItemState.DONE, "It was so already.")
    assert sent(changing, *CHANGING) == []


def test_a_form_that_was_overtaken_changes_nothing(changing, organization, dana):
    change = change_of(Setting.AUTOMATIC_ACTIVATION, REGION, "", {"ecr": True})
    organization.auto_enable[REGION] = {"ec2": True}
    sync_accounts(REGION)
    later = change_of(Setting.AUTOMATIC_ACTIVATION, REGION, "", {"ecr": True})
    with pytest.raises(Stale):
        confirm(dana, later, Confirmation(uuid.uuid4(), change.digest))
    assert not SettingsRequest.objects.exists()


def test_twenty_parallel_sends_of_one_form_are_one_request_and_one_call(changing, organization, dana):
    change = change_of(Setting.AUTOMATIC_ACTIVATION, REGION, "", {"ecr": True})
    given, found = Confirmation(uuid.uuid4(), change.digest), []

    def click() -> None:
        try:
            found.append(confirm(dana, change, given).pk)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(20)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert (len(found), len(set(found))) == (20, 1)
    work()
    assert len(sent(changing, *CHANGING)) == 1


def test_two_workers_at_once_send_one_call(changing, organization, dana):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    changing.faults.add(operation="UpdateOrganizationConfiguration", delay=0.5)
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
    assert len(sent(changing, *CHANGING)) == 1


def test_a_worker_whose_lease_ran_out_sends_nothing_more(changing, organization, dana, monkeypatch):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    look = AutomaticActivation.look

    def look_too_long(kind: Any, client: Any, account_id: str) -> Any:
        seen = look(kind, client, account_id)
        monkeypatch.undo()
        reconnect(changing)
        a_while_passes()
        assert carry_out(request.pk), "another worker takes over"
        return seen

    monkeypatch.setattr(AutomaticActivation, "look", look_too_long)
    carry_out(request.pk)
    assert len(sent(changing, *CHANGING)) == 1
    work()
    assert state_of(request) == ItemState.DONE
    assert len(sent(changing, *CHANGING)) == 1


def test_a_second_request_for_the_same_waits_for_the_first(changing, organization, dana):
    first = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    with pytest.raises(Refused, match=f"Settings request {first.pk} is changing it"):
        ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ec2": True})


# --- Who may


def test_a_right_that_was_taken_away_before_the_worker_came_cancels(changing, organization, dana):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    dana.role = "viewer"
    dana.save()
    work()
    assert state_of(request) == ItemState.CANCELLED
    assert sent(changing, *CHANGING) == []
    assert told(request)[-1].event == Event.SETTLED


def test_read_only_stops_the_click_and_what_was_asked_before(changing, organization, dana, settings):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    settings.COVERAGE_READ_ONLY = True
    with pytest.raises(Refused, match="only reads"):
        ask(dana, Setting.EC2_SCAN_MODE, {"scanMode": "EC2_SSM_AGENT_BASED"})
    work()
    assert state_of(request) == ItemState.CANCELLED
    assert sent(changing, *CHANGING) == []


def test_settings_of_the_organization_need_all_accounts(changing, organization):
    partly = factories.person("partly", role="delegated_admin", accounts=[MEMBER])
    with pytest.raises(Refused, match="all accounts"):
        ask(partly, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    with pytest.raises(Refused, match="may not change this account"):
        ask(partly, Setting.DISASSOCIATE, {"relationship": "REMOVED"}, ADMIN)
    assert ask(partly, Setting.EC2_SCAN_MODE, {"scanMode": "EC2_SSM_AGENT_BASED"}, MEMBER).pk


def test_ending_a_membership_and_deep_inspection_need_the_switch_of_deactivation(
    changing, organization, dana, settings
):
    settings.COVERAGE_ALLOW_DEACTIVATION = False
    with pytest.raises(Refused, match="switched off"):
        ask(dana, Setting.DISASSOCIATE, {"relationship": "REMOVED"}, MEMBER)
    with pytest.raises(Refused, match="switched off"):
        ask(dana, Setting.DEEP_INSPECTION, {"status": "DEACTIVATED"}, MEMBER)
    writer = session.writer(REGION, "test")
    with pytest.raises(guards.NotAllowed):
        writer.disassociate_member(accountId=MEMBER)
    with pytest.raises(guards.NotAllowed):
        writer.batch_update_member_ec2_deep_inspection_status(
            accountIds=[{"accountId": MEMBER, "activateDeepInspection": False}]
        )
    assert sent(changing, *CHANGING) == []


def test_ending_a_membership_needs_a_reason(changing, organization, dana):
    with pytest.raises(Refused, match="Say why"):
        ask(dana, Setting.DISASSOCIATE, {"relationship": "REMOVED"}, MEMBER, reason=" ")


def test_a_second_person_has_to_agree(changing, organization, dana, settings):
    settings.COVERAGE_SECOND_PERSON = True
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    work(2)
    assert sent(changing, *CHANGING) == []
    with pytest.raises(Refused, match="somebody else"):
        requests.approve(request, dana)
    with pytest.raises(Refused, match="Only delegated admins"):
        requests.approve(request, factories.person("viewing", role="viewer"))
    requests.approve(request, factories.person("second", role="delegated_admin", all_accounts=True))
    work()
    assert state_of(request) == ItemState.DONE
    assert Event.APPROVED in {event.event for event in told(request)}


def test_what_was_not_sent_can_be_given_up(changing, organization, dana):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    requests.cancel(request, dana)
    work()
    assert state_of(request) == ItemState.CANCELLED
    assert sent(changing, *CHANGING) == []
    with pytest.raises(Refused, match="too late"):
        requests.cancel(request, dana)


def test_a_member_account_changes_no_settings(changing, organization, dana, become):
    become(MEMBER)
    for _ in range(2):
        factories.decide_held()
        sync_accounts(REGION)
    with pytest.raises(Refused, match="Only the delegated administrator"):
        ask(dana, Setting.EC2_SCAN_MODE, {"scanMode": "EC2_SSM_AGENT_BASED"})


# --- Configuration


def test_the_scan_mode_changes_and_the_scanner_of_virtual_machines_stays(changing, organization, dana):
    organization.settings[(REGION, ADMIN)] = {
        "ec2Configuration": {
            "scanModeState": {"scanMode": "EC2_HYBRID", "scanModeStatus": "SUCCESS"},
            "vmScannerState": {"activated": True, "status": "SUCCESS"},
        }
    }
    read()
    request = ask(dana, Setting.EC2_SCAN_MODE, {"scanMode": "EC2_SSM_AGENT_BASED"})
    work()
    assert state_of(request) == ItemState.DONE
    [call] = sent(changing, *CHANGING)
    assert call.params == {"ec2Configuration": {"scanMode": "EC2_SSM_AGENT_BASED", "activateVMScanner": True}}
    state = OrganizationSettings.objects.get(region=REGION).configuration["ec2Configuration"]["scanModeState"]
    assert state["scanMode"] == "EC2_SSM_AGENT_BASED"


def test_one_duration_changes_and_the_others_stay(changing, organization, dana):
    organization.settings[(REGION, ADMIN)] = {
        "ecrConfiguration": {
            "rescanDurationState": {
                "rescanDuration": "LIFETIME",
                "pullDateRescanDuration": "DAYS_14",
                "pullDateRescanMode": "LAST_IN_USE_AT",
                "status": "SUCCESS",
            }
        }
    }
    read()
    request = ask(dana, Setting.ECR_DURATIONS, {"rescanDuration": "DAYS_30"})
    work()
    assert state_of(request) == ItemState.DONE
    assert sent(changing, *CHANGING)[0].params == {
        "ecrConfiguration": {
            "rescanDuration": "DAYS_30",
            "pullDateRescanDuration": "DAYS_14",
            "pullDateRescanMode": "LAST_IN_USE_AT",
        }
    }


def test_a_member_gets_a_setting_of_its_own_and_follows_the_administrator_again(changing, organization, dana):
    first = ask(dana, Setting.EC2_SCAN_MODE, {"scanMode": "EC2_SSM_AGENT_BASED"}, MEMBER)
    work()
    assert state_of(first) == ItemState.DONE
    assert sent(changing, *CHANGING)[0].params["accountId"] == MEMBER
    history = AccountChange.objects.get(account_id=MEMBER, region=REGION, field="scanMode")
    assert (history.from_value, history.to_value) == ("EC2_HYBRID", "EC2_SSM_AGENT_BASED")
    back = ask(dana, Setting.EC2_SCAN_MODE, {"scanMode": INHERIT}, MEMBER)
    work()
    assert state_of(back) == ItemState.DONE
    assert sent(changing, *CHANGING)[1].params == {
        "accountId": MEMBER,
        "updateConfigurationInheritance": {"ec2Configuration": INHERIT},
    }
    row = RegionalAccount.objects.get(account_id=MEMBER, region=REGION)
    assert row.configuration["ec2Configuration"]["scanModeState"]["scanMode"] == "EC2_HYBRID"


def test_a_pending_setting_is_waited_for_and_a_failed_one_is_told(changing, organization, dana):
    request = ask(dana, Setting.ECR_DURATIONS, {"rescanDuration": "DAYS_30"})
    carry_out(request.pk)
    state = organization.settings[(REGION, ADMIN)]["ecrConfiguration"]["rescanDurationState"]
    state["status"] = "PENDING"
    a_while_passes()
    work(2)
    assert state_of(request) == ItemState.SENT
    state["status"] = "FAILED"
    work(2)
    assert (state_of(request), request.error_code) == (ItemState.REFUSED, "FAILED")
    assert len(sent(changing, *CHANGING)) == 1


def test_deep_inspection_is_read_and_switched(changing, organization, dana):
    assert RegionalAccount.objects.get(account_id=MEMBER, region=REGION).deep_inspection == "ACTIVATED"
    request = ask(dana, Setting.DEEP_INSPECTION, {"status": "DEACTIVATED"}, MEMBER)
    work()
    assert state_of(request) == ItemState.DONE
    [call] = sent(changing, *CHANGING)
    assert call.params == {"accountIds": [{"accountId": MEMBER, "activateDeepInspection": False}]}
    assert RegionalAccount.objects.get(account_id=MEMBER, region=REGION).deep_inspection == "DEACTIVATED"


def test_deep_inspection_that_is_refused_is_told_in_aws_words(changing, organization, dana):
    request = ask(dana, Setting.DEEP_INSPECTION, {"status": "DEACTIVATED"}, MEMBER)
    changing.faults.add(
        operation="BatchUpdateMemberEc2DeepInspectionStatus",
        edit="set",
        value={"failedAccountIds": [{"accountId": MEMBER, "ec2ScanStatus": "DISABLED", "errorMessage": "EC2 is off"}]},
    )
    work()
    assert (state_of(request), request.error_message) == (ItemState.REFUSED, "EC2 is off")


# --- Memberships


def test_an_account_leaves_and_comes_back(changing, organization, dana):
    leaving = ask(dana, Setting.DISASSOCIATE, {"relationship": "REMOVED"}, MEMBER)
    work()
    assert state_of(leaving) == ItemState.DONE
    row = RegionalAccount.objects.get(account_id=MEMBER, region=REGION)
    assert (row.relationship_label, organization.accounts[MEMBER].relationships[REGION]) == ("Removed", "REMOVED")
    coming = ask(dana, Setting.ASSOCIATE, {"relationship": "ENABLED"}, MEMBER)
    work()
    assert state_of(coming) == ItemState.DONE
    assert [call.operation for call in sent(changing, *CHANGING)] == ["DisassociateMember", "AssociateMember"]
    assert RegionalAccount.objects.get(account_id=MEMBER, region=REGION).relationship_label == "Member"


def test_the_member_limit_is_told_in_aws_words(changing, organization, dana):
    organization.add_account("400000000001", name="newcomer", member=False)
    organization.account_limit = 1
    read()
    request = ask(dana, Setting.ASSOCIATE, {"relationship": "ENABLED"}, "400000000001")
    work()
    assert (state_of(request), request.error_code) == (ItemState.REFUSED, "ServiceQuotaExceededException")
    assert told(request)[-1].error_code == "ServiceQuotaExceededException"
    assert told(request)[-1].aws_request_id


# --- What AWS says no to, and what it does not say


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (409, "ConflictException"),
    ],
)
def test_a_refusal_ends_it_with_aws_words(changing, organization, dana, status, code):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    changing.faults.add(operation="UpdateOrganizationConfiguration", status=status, code=code)
    work()
    assert (state_of(request), request.error_code) == (ItemState.REFUSED, code)
    assert len(sent(changing, *CHANGING)) == 1


def test_throttling_is_tried_again(changing, organization, dana):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    changing.faults.add(operation="UpdateOrganizationConfiguration", status=429, code="ThrottlingException", call=1)
    work()
    assert state_of(request) == ItemState.DONE
    assert len(sent(changing, *CHANGING)) == 2


@pytest.mark.parametrize("fault", [{"edit": "cut", "value": 10}, {"status": 500, "code": "InternalServerException"}])
def test_an_answer_that_was_lost_is_followed_by_a_look_before_anything_is_sent_again(
    changing, organization, dana, fault
):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    changing.faults.add(operation="UpdateOrganizationConfiguration", call=1, **fault)
    carry_out(request.pk)
    assert state_of(request) == ItemState.SENDING
    was_done = automatic(organization).get("ecr", False)
    a_while_passes()
    work()
    assert state_of(request) == ItemState.DONE
    assert len(sent(changing, *CHANGING)) == (1 if was_done else 2)
    assert automatic(organization)["ecr"] is True


def test_a_worker_that_died_before_the_call_leaves_a_request_that_is_carried_out(
    changing, organization, dana, monkeypatch
):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    monkeypatch.setattr("accounts.inspector.set_automatic_activation", _die)
    with pytest.raises(SystemExit):
        carry_out(request.pk)
    monkeypatch.undo()
    reconnect(changing)
    assert follow_up() == [], "its lease keeps others away"
    a_while_passes()
    work()
    assert state_of(request) == ItemState.DONE
    assert len(sent(changing, *CHANGING)) == 1


def _die(*_: Any, **__: Any) -> None:
    raise SystemExit


def test_nothing_is_sent_while_the_state_cannot_be_read(changing, organization, dana):
    request = ask(dana, Setting.AUTOMATIC_ACTIVATION, {"ecr": True})
    changing.faults.add(operation="DescribeOrganizationConfiguration", status=403, code="AccessDeniedException")
    work(2)
    assert state_of(request) == ItemState.PLANNED
    SettingsRequest.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    work(1)
    assert (state_of(request), request.error_code) == (ItemState.REFUSED, "AccessDeniedException")
    assert "Nothing was sent" in request.error_message
    assert sent(changing, *CHANGING) == []


# --- What a sync reads


def test_a_sync_reads_the_settings_of_members_once_a_day_and_remembers_changes(changing, organization, dana):
    reads = len(
        [call for call in changing.calls if call.operation == "GetConfiguration" and call.params.get("accountId")]
    )
    assert reads == len(REGIONS), "one member in each Region"
    sync_accounts(REGION)
    again = len(
        [call for call in changing.calls if call.operation == "GetConfiguration" and call.params.get("accountId")]
    )
    assert again == reads
    organization.settings[(REGION, MEMBER)] = {"deepInspection": False}
    RegionalAccount.objects.update(settings_read_at=timezone.now() - timedelta(days=2))
    sync_accounts(REGION)
    change = AccountChange.objects.get(account_id=MEMBER, field="deep_inspection")
    assert (change.from_value, change.to_value) == ("ACTIVATED", "DEACTIVATED")


def test_a_read_goes_on_where_the_settings_of_members_are_denied(changing, organization, dana):
    for operation in ("BatchGetMemberEc2DeepInspectionStatus",):
        changing.faults.add(operation=operation, status=403, code="AccessDeniedException")
    RegionalAccount.objects.update(settings_read_at=None)
    assert sync_accounts(REGION).outcome == "complete"
    assert RegionalAccount.objects.get(account_id=MEMBER, region=REGION).deep_inspection == "ACTIVATED", "as last told"


def test_many_members_are_read_a_few_with_each_sync(changing, organization, dana, monkeypatch):
    monkeypatch.setattr("accounts.sync.MEMBER_SETTINGS_A_READ", 2)
    add_and_read(organization, 4)
    sync_accounts(REGION)
    known = RegionalAccount.objects.filter(region=REGION).exclude(settings_read_at=None)
    assert known.count() == 5
