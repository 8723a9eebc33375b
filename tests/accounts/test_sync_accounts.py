"""Accounts from AWS into the database, over HTTP against the stand-in AWS."""

from __future__ import annotations

import pytest

from accounts.inspector import who_am_i
from accounts.models import AccountChange, AwsAccount, OrganizationSettings, RegionalAccount, ScanTypeStatus
from accounts.summary import activation_summary, organization_is_known
from accounts.sync import sync_accounts, sync_organization
from aws import session
from aws.choices import CallerKind, RunOutcome
from aws.errors import ReadError
from demo.organization import Organization
from demo.server import StandIn
from tests.stand_in import ADMIN, MEMBER, ON

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"
DENIED = {"status": 403, "code": "AccessDeniedException", "message": "no"}


def become(account_id: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stand_in.credentials(account_id).items():
        monkeypatch.setenv(name.upper(), value)
    session.forget_clients()


def caller_kind() -> CallerKind:
    return who_am_i(session.sts(REGION), session.inspector(REGION)).kind


def statuses(account_id: str) -> dict[str, str]:
    rows = ScanTypeStatus.objects.filter(account_id=account_id, region=REGION)
    return dict(rows.values_list("scan_type", "status"))


def test_the_administrator_a_member_and_a_stranger_are_told_apart(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caller_kind() == CallerKind.DELEGATED_ADMIN
    become(MEMBER, stand_in, monkeypatch)
    caller = who_am_i(session.sts(REGION), session.inspector(REGION))
    assert (caller.kind, caller.admin_account_id) == (CallerKind.MEMBER, ADMIN)
    organization.add_account("333300001111", member=False)
    become("333300001111", stand_in, monkeypatch)
    assert caller_kind() in {CallerKind.STANDALONE, CallerKind.MEMBER}


def test_who_is_denied_the_first_question_is_known_by_the_second(stand_in: StandIn) -> None:
    stand_in.faults.add(operation="GetDelegatedAdminAccount", **DENIED)
    assert caller_kind() == CallerKind.DELEGATED_ADMIN
    stand_in.faults.add(operation="DescribeOrganizationConfiguration", **DENIED)
    assert caller_kind() == CallerKind.STANDALONE


@pytest.mark.parametrize(
    "body",
    [
        b"<html>This is the page of a proxy.</html>",
        b'{"delegatedAdmin": {}}',
        b'{"delegatedAdmin": {"accountId": "9999',
    ],
)
def test_an_ambiguous_answer_is_an_error_and_not_a_guess(stand_in: StandIn, body: bytes) -> None:
    stand_in.faults.add(operation="GetDelegatedAdminAccount", body=body)
    with pytest.raises(ReadError, match="does not say who the administrator is"):
        caller_kind()


def test_members_and_what_is_activated_in_them_are_stored(organization: Organization, stand_in: StandIn) -> None:
    run = sync_accounts(REGION)
    assert (run.outcome, run.read) == (RunOutcome.COMPLETE, 2)
    admin, member = (RegionalAccount.objects.get(account_id=one) for one in (ADMIN, MEMBER))
    assert (admin.is_delegated_admin, admin.relationship_label) == (True, "Delegated administrator")
    assert (member.relationship_label, member.status) == ("Member", "ENABLED")
    assert statuses(MEMBER).items() >= ON.items()
    assert "ec2" in OrganizationSettings.objects.get(region=REGION).auto_enable
    assert not AccountChange.objects.exists(), "the first sight is no change"


def test_a_second_read_of_the_same_changes_nothing(organization: Organization, stand_in: StandIn) -> None:
    sync_accounts(REGION)
    run = sync_accounts(REGION)
    assert (run.new, run.changed) == (0, 0)
    assert not AccountChange.objects.exists()


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


def test_the_organization_gives_names_and_states(organization: Organization, stand_in: StandIn) -> None:
    organization.add_account("333300001111", name="sandbox-17", member=False, state="SUSPENDED")
    assert sync_organization().outcome == RunOutcome.COMPLETE
    assert organization_is_known()
    assert AwsAccount.objects.get(account_id=MEMBER).name == "payments-prod"
    assert AwsAccount.objects.get(account_id="333300001111").state_label == "Suspended"


def test_an_account_that_left_is_departed_and_stays(organization: Organization, stand_in: StandIn) -> None:
    organization.add_account("333300001111", name="sandbox-17", member=False)
    sync_organization()
    del organization.accounts["333300001111"]
    sync_organization()
    gone = AwsAccount.objects.get(account_id="333300001111")
    assert gone.departed_at is not None
    organization.add_account("333300001111", name="sandbox-17", member=False)
    sync_organization()
    assert AwsAccount.objects.get(account_id="333300001111").departed_at is None


def test_without_organizations_accounts_are_known_by_their_id_and_the_denominator_is_not(
    organization: Organization, stand_in: StandIn, viewer
) -> None:
    stand_in.faults.add(operation="ListAccounts", **DENIED)
    assert sync_organization().outcome == RunOutcome.FAILED
    sync_accounts(REGION)
    assert set(AwsAccount.objects.values_list("account_id", "name")) == {(ADMIN, ""), (MEMBER, "")}
    assert not activation_summary(viewer, [REGION]).denominator_known


def test_the_summary_leaves_out_who_is_no_member_and_who_is_suspended(
    organization: Organization, stand_in: StandIn, viewer
) -> None:
    organization.add_account("333300001111", member=False)
    organization.add_account("444400001111", member=True, scan_types={REGION: dict.fromkeys(ON, "DISABLED")})
    organization.add_account("555500001111", member=True, state="SUSPENDED")
    sync_organization()
    sync_accounts(REGION)
    summary = activation_summary(viewer, [REGION])
    assert summary.denominator_known
    assert (summary.not_members, summary.suspended) == (1, 1)
    assert summary.not_activated == 1 + (0 if statuses(ADMIN).get("EC2") == "ENABLED" else 1)
