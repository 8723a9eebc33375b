"""What AWS lets us do, asked over HTTP: the command's words, its exit, and what the database holds of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from aws import calls
from aws.choices import Permission
from aws.models import GLOBAL, PermissionCheck
from demo.organization import Organization
from demo.server import StandIn
from tests.stand_in import ADMIN, MEMBER, REGIONS

pytestmark = pytest.mark.django_db

DENIED = {
    "status": 403,
    "code": "AccessDeniedException",
    "message": "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: inspector2:ListFindings",
}
FINDINGS = "inspector2:ListFindings"


class Checked:
    def __init__(self, *arguments: str) -> None:
        out = io.StringIO()
        self.failed = ""
        try:
            call_command("check_aws", *arguments, stdout=out)
        except CommandError as error:
            self.failed = str(error)
        self.text = out.getvalue()


def stored(action: str, region: str = REGIONS[0]) -> PermissionCheck:
    return PermissionCheck.objects.get(region=region, action=action)


def test_everything_is_allowed_and_it_says_who_we_are(stand_in: StandIn) -> None:
    checked = Checked()
    assert checked.failed == ""
    assert f"{ADMIN} is the delegated administrator and sees every member." in checked.text
    assert set(PermissionCheck.objects.values_list("permission", flat=True)) == {Permission.ALLOWED}
    regional = {call.action for call in calls.READING} - {calls.ORGANIZATION.action}
    expected = {(region, action) for region in REGIONS for action in regional} | {(GLOBAL, calls.ORGANIZATION.action)}
    assert set(PermissionCheck.objects.values_list("region", "action")) == expected


def test_each_call_is_tried_in_its_cheapest_form_and_nothing_is_changed(stand_in: StandIn) -> None:
    Checked()
    assert not {call.operation for call in stand_in.calls} & {"Enable", "Disable", "AssociateMember"}
    sizes = [call.params["maxResults"] for call in stand_in.calls if "maxResults" in call.params]
    assert sizes == [1] * len(sizes) != []


def test_a_member_and_a_standalone_account_lack_nothing(
    organization: Organization, become: Callable[[str], None]
) -> None:
    become(MEMBER)
    checked = Checked("--region", REGIONS[0])
    assert f"{MEMBER} is a member of {ADMIN} and sees only itself." in checked.text
    assert checked.failed == "", checked.text
    organization.accounts[MEMBER].relationships[REGIONS[0]] = "REMOVED"
    assert f"{MEMBER} is a standalone account" in Checked("--region", REGIONS[0]).text


def test_a_denied_call_names_the_statement_to_add(stand_in: StandIn) -> None:
    stand_in.faults.add(operation="ListFindings", region=REGIONS[1], **DENIED)
    checked = Checked()
    assert checked.failed == "1 of 25 calls are not known to be allowed."
    assert "Denied: Access denied to ListFindings" in checked.text
    added = checked.text.partition("What to add")[2]
    assert FINDINGS in added
    assert added.count("inspector2:") == 1
    assert (stored(FINDINGS, REGIONS[1]).permission, stored(FINDINGS).permission) == ("denied", "allowed")


@pytest.mark.parametrize("call", [one for one in calls.READING if one.needs_policy], ids=lambda one: one.operation)
def test_every_call_that_is_denied_is_told_as_denied(stand_in: StandIn, call: calls.AwsCall) -> None:
    stand_in.faults.add(operation=call.operation, **DENIED)
    checked = Checked("--region", REGIONS[0])
    assert bool(checked.failed) is not call.is_optional
    region = GLOBAL if call is calls.ORGANIZATION else REGIONS[0]
    assert stored(call.action, region).permission == Permission.DENIED


def test_without_organizations_names_are_unknown_and_that_is_not_fatal(stand_in: StandIn) -> None:
    stand_in.faults.add(operation="ListAccounts", **DENIED)
    checked = Checked()
    assert checked.failed == ""
    assert "the names of accounts and their full number are unknown" in checked.text


def test_a_region_that_is_not_opted_in_is_said_to_be_and_is_no_failure(
    organization: Organization, stand_in: StandIn
) -> None:
    organization.not_opted_in.add(REGIONS[1])
    checked = Checked()
    assert checked.failed == ""
    assert f"{REGIONS[1]} is not opted in for this account" in checked.text
    assert stored(FINDINGS, REGIONS[1]).permission == Permission.NOT_OFFERED


def test_bad_credentials_are_said_once(organization: Organization, stand_in: StandIn) -> None:
    organization.not_opted_in.update(REGIONS)
    checked = Checked()
    assert checked.failed.startswith("AWS accepts these credentials in no Region.")
    assert checked.text == ""


def test_an_expired_token_is_said_once(stand_in: StandIn) -> None:
    body = b"<ErrorResponse><Error><Code>ExpiredToken</Code><Message>It expired.</Message></Error></ErrorResponse>"
    stand_in.faults.add(operation="GetCallerIdentity", status=403, body=body, headers={"Content-Type": "text/xml"})
    checked = Checked()
    assert "expired" in checked.failed, checked.text
    assert checked.text == ""


@pytest.mark.parametrize("operation", ["ListCoverage", "GetDelegatedAdminAccount", "GetCallerIdentity"])
def test_a_page_of_html_is_not_a_permission(stand_in: StandIn, operation: str) -> None:
    stand_in.faults.add(
        operation=operation,
        status=200,
        body=b"<html><title>Sign in to the proxy</title></html>",
        headers={"Content-Type": "text/html"},
    )
    checked = Checked("--region", REGIONS[0])
    assert "calls are not known to be allowed" in checked.failed
    action = next(call.action for call in calls.READING if call.operation == operation)
    assert stored(action).permission == Permission.FAILED
    assert "of this dashboard" not in checked.text


def test_throttling_is_neither_allowed_nor_denied(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    stand_in.faults.add(operation="ListFindings", status=429, code="ThrottlingException", message="Rate exceeded")
    checked = Checked("--region", REGIONS[0])
    assert "Not known: AWS kept throttling ListFindings" in checked.text
    assert checked.failed


def test_hostile_words_are_stored_and_move_no_cursor(stand_in: StandIn) -> None:
    words = "no\u0000 \u001b[2J\nus-east-1 everything allowed"
    stand_in.faults.add(operation="ListFindings", status=403, code="AccessDeniedException", message=words)
    checked = Checked("--region", REGIONS[0])
    assert "\x1b" not in checked.text
    assert not [line for line in checked.text.splitlines() if line.startswith("us-east-1 everything")]
    assert "\x00" not in stored(FINDINGS).error


def test_a_region_that_is_not_configured_is_refused(stand_in: StandIn) -> None:
    assert "mars-north-1 is not among COVERAGE_REGIONS" in Checked("--region", "mars-north-1").failed


def test_a_second_check_replaces_the_first(stand_in: StandIn) -> None:
    fault = {"operation": "ListFindings", "call": 1, **DENIED}
    stand_in.faults.add(**fault)
    Checked()
    assert Checked().failed == ""
    assert stored(FINDINGS).permission == Permission.ALLOWED
