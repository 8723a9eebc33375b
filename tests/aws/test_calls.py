"""The list of calls against the code and against what arrives at AWS; the policies that follow from it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from aws import calls
from demo.organization import Organization
from demo.server import StandIn
from tests.calls import calls_made
from tests.stand_in import MEMBER, REGIONS


def iam_policy(*arguments: str) -> tuple[dict, str]:
    out, hint = io.StringIO(), io.StringIO()
    call_command("iam_policy", *arguments, stdout=out, stderr=hint)
    return json.loads(out.getvalue()), hint.getvalue()


def actions_of(*arguments: str) -> set[str]:
    return set(iam_policy(*arguments)[0]["Statement"][0]["Action"])


def test_the_list_names_every_call_that_the_code_makes_and_no_other() -> None:
    assert {call.action for call in calls.CALLS} == calls_made()
    assert all(call.purpose for call in calls.CALLS)


@pytest.mark.django_db(transaction=True)
def test_a_whole_sync_makes_every_call_for_reading_and_no_other(organization: Organization, stand_in: StandIn) -> None:
    for region in REGIONS:
        instance = organization.add_instance(region=region, account_id=MEMBER, name="checkout")
        organization.add_finding(instance, severity="CRITICAL", title="CVE-2026-1")
    call_command("sync", stdout=io.StringIO())
    assert {f"{call.service}:{call.operation}" for call in stand_in.calls} == {call.action for call in calls.READING}


def test_the_policy_to_read_with_changes_nothing() -> None:
    policy, hint = iam_policy()
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Allow"
    assert not {action for action in statement["Action"] if not action.split(":")[1].startswith(("List", "Get"))} - {
        "inspector2:BatchGetAccountStatus",
        "inspector2:BatchGetMemberEc2DeepInspectionStatus",
        "inspector2:DescribeOrganizationConfiguration",
    }
    assert "COVERAGE_READ_ROLE_ARN" in hint
    assert "sts:AssumeRole" in hint


def test_the_policy_to_write_with_makes_only_roles_of_inspector() -> None:
    policy, hint = iam_policy("--write")
    changes, roles = policy["Statement"]
    assert set(changes["Action"]) == {call.action for call in calls.CALLS if call.use == calls.WRITE}
    assert not {action for action in changes["Action"] if action.split(":")[1].startswith(("List", "Get", "Describe"))}
    assert roles["Action"] == "iam:CreateServiceLinkedRole"
    assert roles["Resource"] == "arn:aws:iam::*:role/aws-service-role/*"
    assert roles["Condition"] == {
        "StringLike": {"iam:AWSServiceName": ["inspector2.amazonaws.com", "agentless.inspector2.amazonaws.com"]}
    }
    assert "COVERAGE_WRITE_ROLE_ARN" in hint


def test_who_never_deactivates_need_not_allow_it() -> None:
    assert actions_of("--write") - actions_of("--write", "--without", "disable") == {
        "inspector2:Disable",
        "inspector2:DisassociateMember",
    }
    with pytest.raises(CommandError, match="--without goes with --write"):
        iam_policy("--without", "disable")


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")]
)
def test_roles_are_named_in_the_partition_of_the_regions(settings, region: str, partition: str) -> None:
    settings.COVERAGE_REGIONS = [region]
    assert iam_policy("--write")[0]["Statement"][1]["Resource"].startswith(f"arn:{partition}:iam::")
