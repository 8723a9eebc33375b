"""Who the caller is in a Region: every answer that AWS gives, over HTTP, and none of them guessed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.inspector import Caller, who_am_i
from accounts.models import RegionalAccount
from accounts.sync import sync_accounts
from aws import session
from aws.choices import CallerKind, RunOutcome
from aws.errors import ReadError, ServiceError
from aws.models import SyncScope
from demo.organization import Organization
from demo.server import StandIn
from tests.stand_in import ADMIN, MEMBER, ON, REGIONS

REGION = REGIONS[0]
OUTSIDER = "333300001111"
INSPECTOR_DENIES = {"status": 403, "code": "AccessDeniedException", "message": "Invoking account does not have access"}
IAM_DENIES = {
    "status": 403,
    "code": "AccessDeniedException",
    "message": f"User: arn:aws:sts::{ADMIN}:assumed-role/reader/x is not authorized to perform: inspector2:Something",
}
WHO_ADMINISTERS, MAY_DESCRIBE = "GetDelegatedAdminAccount", "DescribeOrganizationConfiguration"


def caller() -> Caller:
    return who_am_i(session.sts(REGION), session.inspector(REGION))


def test_the_error_is_the_administrator_is_the_positive_answer(stand_in: StandIn) -> None:
    assert caller() == Caller(ADMIN, CallerKind.DELEGATED_ADMIN, ADMIN)
    assert MAY_DESCRIBE not in [call.operation for call in stand_in.calls]


def test_an_answer_that_names_the_caller_makes_it_the_administrator(stand_in: StandIn) -> None:
    body = f'{{"delegatedAdmin": {{"accountId": "{ADMIN}", "relationshipStatus": "ENABLED"}}}}'.encode()
    stand_in.faults.add(operation=WHO_ADMINISTERS, body=body)
    assert caller().kind == CallerKind.DELEGATED_ADMIN


def test_an_answer_that_names_another_account_makes_the_caller_its_member(become: Callable[[str], None]) -> None:
    become(MEMBER)
    assert caller() == Caller(MEMBER, CallerKind.MEMBER, ADMIN)


@pytest.mark.parametrize("status", ["REMOVED", "DISABLED", "INVITED"])
def test_who_is_not_associated_with_the_administrator_it_is_told_of_stands_alone(
    organization: Organization, become: Callable[[str], None], status: str
) -> None:
    organization.accounts[MEMBER].relationships[REGION] = status
    become(MEMBER)
    assert caller() == Caller(MEMBER, CallerKind.STANDALONE)


def test_an_account_that_never_joined_stands_alone(organization: Organization, become: Callable[[str], None]) -> None:
    organization.add_account(OUTSIDER, member=False)
    become(OUTSIDER)
    assert caller() == Caller(OUTSIDER, CallerKind.STANDALONE)


@pytest.mark.parametrize("body", [b"{}", b'{"delegatedAdmin": null}'])
def test_an_empty_answer_names_no_administrator(stand_in: StandIn, body: bytes) -> None:
    stand_in.faults.add(operation=WHO_ADMINISTERS, body=body)
    assert caller().kind == CallerKind.DELEGATED_ADMIN, "it may describe the organization"
    stand_in.faults.add(operation=MAY_DESCRIBE, **INSPECTOR_DENIES)
    assert caller().kind == CallerKind.STANDALONE


def test_who_is_denied_the_first_question_is_known_by_the_second(stand_in: StandIn) -> None:
    stand_in.faults.add(operation=WHO_ADMINISTERS, **INSPECTOR_DENIES)
    assert caller() == Caller(ADMIN, CallerKind.DELEGATED_ADMIN, ADMIN)
    stand_in.faults.add(operation=MAY_DESCRIBE, **INSPECTOR_DENIES)
    assert caller() == Caller(ADMIN, CallerKind.STANDALONE)


def test_iam_that_denies_the_first_question_leaves_it_to_the_second(stand_in: StandIn) -> None:
    stand_in.faults.add(operation=WHO_ADMINISTERS, **IAM_DENIES)
    assert caller().kind == CallerKind.DELEGATED_ADMIN
    stand_in.faults.add(operation=MAY_DESCRIBE, **INSPECTOR_DENIES)
    with pytest.raises(ReadError, match="IAM denies inspector2:GetDelegatedAdminAccount"):
        caller()


def test_iam_that_denies_the_second_question_makes_nobody_standalone(
    stand_in: StandIn, become: Callable[[str], None], organization: Organization
) -> None:
    organization.add_account(OUTSIDER, member=False)
    become(OUTSIDER)
    stand_in.faults.add(operation=MAY_DESCRIBE, **IAM_DENIES)
    with pytest.raises(ServiceError, match="not authorized to perform"):
        caller()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>This is the page of a proxy.</html>",
        b"<p>proxy</p>",
        b'{"delegatedAdmin": {}}',
        b'{"delegatedAdmin": {"accountId": "9999',
    ],
)
def test_an_ambiguous_answer_is_an_error_and_not_a_guess(stand_in: StandIn, body: bytes) -> None:
    stand_in.faults.add(operation=WHO_ADMINISTERS, body=body)
    with pytest.raises(ReadError, match=r"does not say who the administrator is|was cut, or is not from AWS"):
        caller()


@pytest.mark.parametrize("fault", [{"code": "ValidationException", "message": "no such Region"}, {"body": b"{}"}])
def test_an_answer_to_the_second_question_that_says_nothing_is_an_error(stand_in: StandIn, fault) -> None:
    stand_in.faults.add(operation=WHO_ADMINISTERS, code="ResourceNotFoundException")
    stand_in.faults.add(operation=MAY_DESCRIBE, **fault)
    with pytest.raises((ReadError, ServiceError)):
        caller()


@pytest.mark.django_db(transaction=True)
def test_an_ambiguous_answer_keeps_the_last_known_identity(stand_in: StandIn) -> None:
    sync_accounts(REGION)
    fault = {"operation": WHO_ADMINISTERS, "body": b"<html>This is the page of a proxy.</html>"}
    stand_in.faults.add(**fault)
    assert sync_accounts(REGION).outcome == RunOutcome.FAILED
    scope = SyncScope.objects.get(what="accounts", region=REGION)
    assert (scope.caller_account, scope.caller_kind) == (ADMIN, CallerKind.DELEGATED_ADMIN)
    assert RegionalAccount.objects.get(account_id=MEMBER).is_member


@pytest.mark.django_db(transaction=True)
def test_a_member_reads_itself_alone_and_knows_its_administrator(
    stand_in: StandIn, become: Callable[[str], None], organization: Organization
) -> None:
    organization.add_account("444400001111", scan_types={REGION: dict(ON)})
    become(MEMBER)
    assert sync_accounts(REGION).read == 1
    row = RegionalAccount.objects.get()
    assert (row.account_id, row.administrator_id, row.relationship_label) == (MEMBER, ADMIN, "Member")
    assert "ListMembers" not in [call.operation for call in stand_in.calls]


@pytest.mark.django_db(transaction=True)
def test_a_standalone_account_reads_itself_alone(
    stand_in: StandIn, become: Callable[[str], None], organization: Organization
) -> None:
    organization.add_account(OUTSIDER, member=False, scan_types={REGION: dict(ON)})
    become(OUTSIDER)
    assert sync_accounts(REGION).read == 1
    row = RegionalAccount.objects.get()
    assert (row.account_id, row.administrator_id, row.relationship_label) == (OUTSIDER, "", "Standalone")


@pytest.mark.django_db(transaction=True)
def test_an_administrator_that_became_a_member_is_held_and_keeps_the_others(
    organization: Organization, stand_in: StandIn
) -> None:
    sync_accounts(REGION)
    organization.admins[REGION] = MEMBER
    organization.accounts[ADMIN].relationships[REGION] = "ENABLED"
    run = sync_accounts(REGION)
    assert run.outcome == RunOutcome.HELD
    assert "The caller changed" in run.error
    assert RegionalAccount.objects.get(account_id=MEMBER).is_member
