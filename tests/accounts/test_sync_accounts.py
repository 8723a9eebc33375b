"""Accounts from AWS into the database, over HTTP against the stand-in AWS."""

from __future__ import annotations

import json

import pytest

from accounts import tasks
from accounts.choices import ResourceScanType
from accounts.models import (
    AccountChange,
    AwsAccount,
    OrganizationSettings,
    OrganizationSettingsChange,
    RegionalAccount,
    ScanTypeStatus,
)
from accounts.sync import sync_accounts
from aws import session
from aws.choices import RunOutcome
from demo.organization import Organization
from demo.server import StandIn
from tests import factories
from tests.stand_in import ADMIN, MEMBER, ON

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"
DENIED = {"status": 403, "code": "AccessDeniedException", "message": "no"}


def statuses(account_id: str) -> dict[str, str]:
    rows = ScanTypeStatus.objects.filter(account_id=account_id, region=REGION)
    return dict(rows.values_list("scan_type", "status"))


def test_members_and_what_is_activated_in_them_are_stored(organization: Organization, stand_in: StandIn) -> None:
    run = sync_accounts(REGION)
    assert (run.outcome, run.read) == (RunOutcome.COMPLETE, 2)
    admin, member = (RegionalAccount.objects.get(account_id=one) for one in (ADMIN, MEMBER))
    assert (admin.is_delegated_admin, admin.relationship_label) == (True, "Delegated administrator")
    assert (member.relationship_label, member.status) == ("Member", "ENABLED")
    assert statuses(MEMBER).items() >= ON.items()
    assert "ec2" in OrganizationSettings.objects.get(region=REGION).auto_enable
    assert not AccountChange.objects.exists(), "the first sight is no change"


def test_a_deactivated_scan_type_is_remembered(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    organization.accounts[MEMBER].scan_types[REGION]["ECR"] = "DISABLED"
    sync_accounts(REGION)
    change = AccountChange.objects.get()
    assert (change.account_id, change.region, change.field) == (MEMBER, REGION, "ECR")
    assert (change.from_value, change.to_value) == ("ENABLED", "DISABLED")
    assert statuses(MEMBER)["ECR"] == "DISABLED"


def test_an_account_that_refuses_keeps_its_last_known_status_and_is_unknown_since(
    organization: Organization, stand_in: StandIn
) -> None:
    sync_accounts(REGION)
    organization.accounts[MEMBER].refuses = True
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    row = RegionalAccount.objects.get(account_id=MEMBER)
    assert row.unknown_since is not None
    assert row.error_code == "ACCESS_DENIED"
    assert statuses(MEMBER).items() >= ON.items()
    since = row.unknown_since
    sync_accounts(REGION)
    assert RegionalAccount.objects.get(account_id=MEMBER).unknown_since == since
    organization.accounts[MEMBER].refuses = False
    sync_accounts(REGION)
    assert RegionalAccount.objects.get(account_id=MEMBER).unknown_since is None


def test_more_than_a_hundred_accounts_are_asked_for_in_several_calls(
    organization: Organization, stand_in: StandIn
) -> None:
    for number in range(120):
        organization.add_account(f"5{number:011d}", member=True, scan_types={REGION: dict(ON)})
    assert sync_accounts(REGION).read == 122
    asked = [len(call.params["accountIds"]) for call in stand_in.calls if call.operation == "BatchGetAccountStatus"]
    assert asked == [100, 22]
    assert len([call for call in stand_in.calls if call.operation == "ListMembers"]) == 3
    assert RegionalAccount.objects.filter(status="ENABLED").count() == 122


@pytest.mark.parametrize("operation", ["ListMembers", "BatchGetAccountStatus", "GetConfiguration"])
def test_a_denied_call_changes_nothing(organization: Organization, stand_in: StandIn, operation: str) -> None:
    sync_accounts(REGION)
    stand_in.faults.add(operation=operation, **DENIED)
    run = sync_accounts(REGION)
    assert (run.outcome, run.error.startswith(f"Access denied to {operation}")) == (RunOutcome.FAILED, True)
    assert RegionalAccount.objects.get(account_id=MEMBER).relationship_label == "Member"
    assert statuses(MEMBER).items() >= ON.items()


def test_a_second_read_of_the_same_writes_nothing(
    organization: Organization, stand_in: StandIn, writes_of, monkeypatch
) -> None:
    monkeypatch.setattr("accounts.sync.MEMBER_SETTINGS_A_READ", 200)
    for number in range(120):
        organization.add_account(f"5{number:011d}", member=True, scan_types={REGION: dict(ON)})
    assert writes_of(lambda: sync_accounts(REGION)), "the first read writes"
    assert writes_of(lambda: sync_accounts(REGION)) == []


def test_an_account_in_neither_list_is_unknown_and_not_off(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    stand_in.faults.add(operation="BatchGetAccountStatus", body=b'{"accounts": [], "failedAccounts": []}')
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    row = RegionalAccount.objects.get(account_id=MEMBER)
    assert (row.error_code, row.status, row.unknown_since is None) == ("NOT_ANSWERED", "ENABLED", False)
    assert statuses(MEMBER).items() >= ON.items()


def test_an_answer_without_its_list_is_no_answer(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    stand_in.faults.add(operation="BatchGetAccountStatus", body=b"{}")
    assert sync_accounts(REGION).outcome == RunOutcome.FAILED
    assert RegionalAccount.objects.get(account_id=MEMBER).unknown_since is None


@pytest.mark.parametrize("fault", [{"body": b""}, {"body": b"<p>proxy</p>"}, {"body": b"[]"}, {"edit": "cut"}])
def test_a_broken_answer_is_no_change_of_the_settings(organization: Organization, stand_in: StandIn, fault) -> None:
    sync_accounts(REGION)
    before = OrganizationSettings.objects.get(region=REGION).configuration
    assert before
    stand_in.faults.add(operation="GetConfiguration", **fault)
    run = sync_accounts(REGION)
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "IncompletePage")
    assert OrganizationSettings.objects.get(region=REGION).configuration == before
    assert not OrganizationSettingsChange.objects.exists()


def test_a_time_that_cannot_be_read_fails_the_read_with_its_reason(
    organization: Organization, stand_in: StandIn
) -> None:
    sync_accounts(REGION)
    stand_in.faults.add(operation="ListMembers", edit="set", value={"members.0.updatedAt": "yesterday"})
    run = sync_accounts(REGION)
    assert run.outcome == RunOutcome.FAILED
    assert "list_members answered with a value that cannot be read" in run.error
    assert RegionalAccount.objects.get(account_id=MEMBER).relationship_label == "Member"


@pytest.mark.parametrize(
    "fault", [{"body": b"{}"}, {"body": b""}, {"body": b"<p>proxy</p>"}, {"edit": "null_rows"}, {"edit": "cut"}]
)
def test_a_broken_list_of_members_removes_nobody(organization: Organization, stand_in: StandIn, fault) -> None:
    organization.add_account("333300001111", member=True, scan_types={REGION: dict(ON)})
    sync_accounts(REGION)
    stand_in.faults.add(operation="ListMembers", **fault)
    assert sync_accounts(REGION).outcome == RunOutcome.FAILED
    assert RegionalAccount.objects.filter(relationship_status="ENABLED").count() == 2
    assert not AccountChange.objects.exists()


@pytest.mark.parametrize("account_id", ["1", "a/b", "１２３４５６７８９０１２", "1234567890123", ""])
def test_a_member_that_is_no_account_fails_the_read(
    organization: Organization, stand_in: StandIn, account_id: str
) -> None:
    stand_in.faults.add(operation="ListMembers", edit="add_rows", value=[{"accountId": account_id}])
    assert "is no account id" in sync_accounts(REGION).error
    assert not RegionalAccount.objects.exists()


def test_an_answer_about_others_or_without_a_state_tells_nothing(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    on = {"status": "ENABLED"}
    told = [{"accountId": MEMBER}, {"accountId": "333300001111", "state": on, "resourceState": {"ec2": on}}]
    failed = [{"accountId": "444400001111", "errorCode": "ACCESS_DENIED"}]
    body = json.dumps({"accounts": told, "failedAccounts": failed}).encode()
    stand_in.faults.add(operation="BatchGetAccountStatus", body=body)
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    row = RegionalAccount.objects.get(account_id=MEMBER)
    assert (row.error_code, row.status, row.unknown_since is None) == ("NOT_ANSWERED", "ENABLED", False)
    assert statuses(MEMBER).items() >= ON.items()
    assert set(ScanTypeStatus.objects.values_list("account_id", flat=True)) == {ADMIN, MEMBER}


def test_words_that_nobody_knew_cost_no_account(organization: Organization, stand_in: StandIn) -> None:
    long = "A_NEW_STATE_\ud800\x00" + "X" * 200
    stand_in.faults.add(operation="ListMembers", edit="set", value={"members.0.relationshipStatus": long})
    refused = [{"accountId": MEMBER, "errorCode": long, "errorMessage": long}]
    told = [{"accountId": ADMIN, "state": {"status": long}, "resourceState": {"ec2": {"status": long}}}]
    body = json.dumps({"accounts": told, "failedAccounts": refused}).encode()
    stand_in.faults.add(operation="BatchGetAccountStatus", body=body)
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    assert RegionalAccount.objects.get(account_id=MEMBER).relationship_status.startswith("A_NEW_STATE_\ufffd\ufffdXX")


def test_a_member_that_joins_and_is_removed_leaves_a_history(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    organization.add_account("333300001111", member=True, scan_types={REGION: dict(ON)})
    sync_accounts(REGION)
    organization.accounts["333300001111"].relationships[REGION] = "REMOVED"
    sync_accounts(REGION)
    rows = AccountChange.objects.order_by("id").values_list("account_id", "region", "field", "from_value", "to_value")
    assert list(rows) == [
        ("333300001111", REGION, "relationship", "", "ENABLED"),
        ("333300001111", REGION, "relationship", "ENABLED", "REMOVED"),
    ]
    row = RegionalAccount.objects.get(account_id="333300001111")
    assert (row.relationship_label, row.unknown_since) == ("Removed", None)
    assert statuses("333300001111").items() >= ON.items(), "what was last known stays"


def test_a_member_that_is_no_longer_listed_was_removed(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    del organization.accounts[MEMBER]
    sync_accounts(REGION)
    assert RegionalAccount.objects.get(account_id=MEMBER).relationship_label == "Removed"


def test_many_members_that_vanish_at_once_are_held_until_a_person_confirms_it(
    organization: Organization, stand_in: StandIn
) -> None:
    ids = [f"5{number:011d}" for number in range(30)]
    for account_id in ids:
        organization.add_account(account_id, member=True, scan_types={REGION: dict(ON)})
    sync_accounts(REGION)
    for account_id in ids:
        del organization.accounts[account_id]
    run = sync_accounts(REGION)
    assert run.outcome == RunOutcome.HELD
    assert f"30 of 31 accounts are no longer listed among the members in {REGION}" in run.error
    assert RegionalAccount.objects.associated().count() == 32
    factories.decide_held()
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    assert RegionalAccount.objects.associated().count() == 2


def test_changed_settings_are_remembered_one_by_one(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    assert not OrganizationSettingsChange.objects.exists(), "the first sight is no change"
    before = OrganizationSettings.objects.get(region=REGION).auto_enable["ec2"]
    organization.auto_enable.setdefault(REGION, {})["ec2"] = not before
    scan_mode = {"scanModeState": {"scanMode": "EC2_SSM_AGENT_BASED", "scanModeStatus": "SUCCESS"}}
    organization.settings[REGION, ADMIN] = {"ec2Configuration": scan_mode}
    sync_accounts(REGION)
    rows = OrganizationSettingsChange.objects.order_by("id").values_list("region", "setting", "from_value", "to_value")
    assert list(rows) == [
        (REGION, "auto_enable.ec2", str(before), str(not before)),
        (REGION, "ec2Configuration.scanModeState.scanMode", "EC2_HYBRID", "EC2_SSM_AGENT_BASED"),
    ]


def test_the_sixth_scan_type_is_stored_where_aws_reports_it(organization: Organization, stand_in: StandIn) -> None:
    organization.accounts[MEMBER].scan_types[REGION]["AMI"] = "ENABLED"
    sync_accounts(REGION)
    assert statuses(MEMBER)["AMI"] == "ENABLED"


def test_no_scan_type_that_the_installed_sdk_knows_is_missed() -> None:
    known = {scan_type.key for scan_type in ResourceScanType}
    state = session.inspector(REGION).meta.service_model.shape_for("ResourceState")
    assert set(state.members) == known  # type: ignore[attr-defined]


def test_the_tasks_do_what_the_functions_do(organization: Organization, stand_in: StandIn) -> None:
    tasks.sync_organization()
    tasks.sync_accounts(REGION)
    assert AwsAccount.objects.get(account_id=MEMBER).name == "payments-prod"
    assert RegionalAccount.objects.filter(region=REGION).count() == 2


def test_a_policy_over_the_own_account_is_known_before_anything_is_refused(
    organization: Organization, stand_in: StandIn
) -> None:
    organization.accounts[ADMIN].policy_blocked = {"EC2"}
    sync_accounts(REGION)
    told = {row.scan_type: row.error_code for row in ScanTypeStatus.objects.filter(account_id=ADMIN)}
    assert told["EC2"] == "BLOCKED_BY_ORGANIZATION_POLICY"
    assert told["ECR"] == told["LAMBDA"] == told["LAMBDA_CODE"] == ""
    assert not ScanTypeStatus.objects.exclude(account_id=ADMIN).exclude(error_code="").exists()
    organization.accounts[ADMIN].policy_blocked = set()
    sync_accounts(REGION)
    assert not ScanTypeStatus.objects.exclude(error_code="").exists(), "and is over as soon as AWS says so"


def test_who_may_not_ask_what_it_may_switch_reads_the_rest(organization: Organization, stand_in: StandIn) -> None:
    stand_in.faults.add(operation="ListAccountPermissions", **DENIED)
    organization.accounts[ADMIN].policy_blocked = {"EC2", "ECR", "LAMBDA"}
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    assert not ScanTypeStatus.objects.exclude(error_code="").exists()
