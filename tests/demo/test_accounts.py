"""Who am I, members, statuses, settings: what each kind of caller is answered."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from demo.organization import Organization
from demo.server import StandIn
from tests.demo.conftest import ADMIN, MEMBER, OTHER, OUTSIDER, Connect, connect_to, refusal_of


def test_the_caller_is_the_account_of_its_keys(aws: StandIn, connect: Connect) -> None:
    assert connect("sts").get_caller_identity()["Account"] == ADMIN
    assert connect("sts", account_id=MEMBER).get_caller_identity()["Account"] == MEMBER
    aws.keys["AKIAREADER"] = OTHER
    client = boto3.client(
        "sts",
        endpoint_url=aws.url,
        region_name="us-east-1",
        aws_access_key_id="AKIAREADER",
        aws_secret_access_key="any",
    )
    assert client.get_caller_identity()["Account"] == OTHER


def test_an_assumed_role_acts_in_its_account(aws: StandIn, organization: Organization, connect: Connect) -> None:
    role = connect("sts").assume_role(
        RoleArn=f"arn:aws:iam::{MEMBER}:role/team/reader", RoleSessionName="coverage", ExternalId="4711"
    )
    assert aws.calls[-1].params["ExternalId"] == "4711"
    keys = role["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1")
    identity = session.client("sts", endpoint_url=aws.url).get_caller_identity()
    assert identity["Account"] == MEMBER
    assert identity["Arn"] == f"arn:aws:sts::{MEMBER}:assumed-role/reader/coverage"
    organization.add_instance(account_id=ADMIN)
    own = organization.add_instance(account_id=MEMBER)
    rows = session.client("inspector2", endpoint_url=aws.url).list_coverage()["coveredResources"]
    assert [row["resourceId"] for row in rows] == [own.resource_id]


def test_an_assumed_role_ends_with_its_time(connect: Connect, monkeypatch: pytest.MonkeyPatch, aws: StandIn) -> None:
    role = connect("sts").assume_role(
        RoleArn=f"arn:aws:iam::{MEMBER}:role/reader", RoleSessionName="coverage", DurationSeconds=900
    )
    keys = role["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1")
    client = session.client("inspector2", endpoint_url=aws.url)
    client.list_coverage()
    later = keys["Expiration"].timestamp() + 1
    monkeypatch.setattr("demo.server.time.time", lambda: later)
    assert refusal_of(client.list_coverage)[:2] == (403, "ExpiredTokenException")


def test_the_administrator_learns_who_it_is_from_an_error(connect: Connect) -> None:
    status, code, message = refusal_of(connect().get_delegated_admin_account)
    assert (status, code, message) == (400, "ValidationException", "Invoking account is the delegated admin.")


def test_a_member_is_told_its_administrator(connect: Connect) -> None:
    answer = connect(account_id=MEMBER).get_delegated_admin_account()
    assert answer["delegatedAdmin"] == {"accountId": ADMIN, "relationshipStatus": "ENABLED"}


@pytest.mark.parametrize("region", ["us-east-1", "sa-east-1"])
def test_who_has_no_administrator_is_told_so(region: str, connect: Connect) -> None:
    caller = OUTSIDER if region == "us-east-1" else ADMIN
    status, code, _ = refusal_of(connect(account_id=caller, region=region).get_delegated_admin_account)
    assert (status, code) == (404, "ResourceNotFoundException")


def test_a_standalone_account_administers_nobody() -> None:
    with StandIn(Organization.empty(ADMIN, standalone=True)) as aws:
        client = connect_to(aws, "inspector2", None, "us-east-1")
        assert refusal_of(client.get_delegated_admin_account)[1] == "ResourceNotFoundException"
        assert refusal_of(client.describe_organization_configuration)[1] == "AccessDeniedException"
        (own,) = client.batch_get_account_status()["accounts"]
        assert own["accountId"] == ADMIN


def test_the_administrator_can_be_another_one_in_one_region(organization: Organization, connect: Connect) -> None:
    organization.admins["eu-west-1"] = OTHER
    assert refusal_of(connect().get_delegated_admin_account)[1] == "ValidationException"
    assert refusal_of(connect(region="eu-west-1").list_members)[1] == "AccessDeniedException"
    members = connect(account_id=OTHER, region="eu-west-1").list_members()["members"]
    assert [one["accountId"] for one in members] == [MEMBER], "an administrator is not its own member"


@pytest.mark.parametrize(
    ("operation", "params", "sentence"),
    [
        ("describe_organization_configuration", {}, "describe the organization configuration"),
        ("update_organization_configuration", {"autoEnable": {"ec2": True, "ecr": True}},
         "update the organization configuration"),
        ("get_member", {"accountId": OTHER}, "get member account"),
        ("associate_member", {"accountId": OTHER}, "associate member account"),
        ("list_members", {}, "list member accounts"),
        ("disassociate_member", {"accountId": OTHER}, "disassociate member account"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("caller", [MEMBER, OUTSIDER])
def test_only_the_administrator_manages_members(
    operation: str, params: dict[str, Any], sentence: str, caller: str, connect: Connect
) -> None:
    status, code, message = refusal_of(getattr(connect(account_id=caller), operation), **params)
    assert (status, code) == (403, "AccessDeniedException")
    assert message == f"Invoking account does not have access to {sentence}"


def test_members_come_in_pages_of_fifty_without_the_administrator(connect: Connect, organization: Organization) -> None:
    for number in range(120):
        organization.add_account(f"{500_000_000_000 + number}")
    pages = list(connect().get_paginator("list_members").paginate())
    assert [len(page["members"]) for page in pages] == [50, 50, 22]
    members = [one["accountId"] for page in pages for one in page["members"]]
    assert len(set(members)) == 122
    assert not {ADMIN, OUTSIDER} & set(members)
    assert refusal_of(connect().list_members, maxResults=51)[1] == "ValidationException"


def test_a_removed_member_is_listed_only_when_asked_for(connect: Connect) -> None:
    client = connect()
    client.disassociate_member(accountId=MEMBER)
    assert [one["accountId"] for one in client.list_members()["members"]] == [OTHER]
    everybody = client.list_members(onlyAssociated=False)["members"]
    assert {one["accountId"]: one["relationshipStatus"] for one in everybody} == {MEMBER: "REMOVED", OTHER: "ENABLED"}
    assert refusal_of(client.get_member, accountId=OUTSIDER)[:2] == (404, "ResourceNotFoundException")


def test_status_tells_reachable_accounts_from_the_others(organization: Organization, connect: Connect) -> None:
    organization.accounts[OTHER].refuses = True
    answer = connect().batch_get_account_status(accountIds=[MEMBER, OTHER, OUTSIDER, "999999999999"])
    (member,) = answer["accounts"]
    assert member["accountId"] == MEMBER
    assert member["state"] == {"status": "ENABLED"}
    states = {name: state["status"] for name, state in member["resourceState"].items()}
    assert states == {
        "ec2": "ENABLED",
        "ecr": "ENABLED",
        "lambda": "ENABLED",
        "lambdaCode": "DISABLED",
        "codeRepository": "DISABLED",
        "ami": "DISABLED",
    }
    assert {one["accountId"]: one["errorCode"] for one in answer["failedAccounts"]} == dict.fromkeys(
        (OTHER, OUTSIDER, "999999999999"), "ACCESS_DENIED"
    )
    assert answer["failedAccounts"][0]["errorMessage"] == "Invoking account does not have access to this account"


def test_a_suspended_member_says_so(organization: Organization, connect: Connect) -> None:
    account = organization.accounts[MEMBER]
    account.state, account.relationships["us-east-1"] = "SUSPENDED", "ACCOUNT_SUSPENDED"
    organization.add_instance(account_id=MEMBER)
    client = connect()
    (suspended,) = client.batch_get_account_status(accountIds=[MEMBER])["accounts"]
    assert suspended["state"]["status"] == "SUSPENDED"
    assert client.list_coverage()["coveredResources"] == []


def test_other_services_are_motos_own(connect: Connect) -> None:
    regions = {one["RegionName"] for one in connect("ec2", check=False).describe_regions()["Regions"]}
    assert {"us-east-1", "eu-west-1"} <= regions


def test_status_without_ids_is_the_callers_own(connect: Connect) -> None:
    (own,) = connect(account_id=MEMBER).batch_get_account_status()["accounts"]
    assert own["accountId"] == MEMBER


def test_status_of_more_than_a_hundred_accounts_is_refused(connect: Connect) -> None:
    ids = [f"{number:012}" for number in range(101)]
    assert refusal_of(connect().batch_get_account_status, accountIds=ids)[:2] == (400, "ValidationException")


def test_any_per_account_error_can_be_scripted(organization: Organization, connect: Connect) -> None:
    organization.refuse(MEMBER, "SSM_THROTTLED", operation="BatchGetAccountStatus", region="us-east-1")
    (failed,) = connect().batch_get_account_status(accountIds=[MEMBER])["failedAccounts"]
    assert failed["errorCode"] == "SSM_THROTTLED"
    assert connect(region="eu-west-1").batch_get_account_status(accountIds=[MEMBER])["failedAccounts"] == []


def test_permissions_leave_out_what_a_policy_manages(organization: Organization, connect: Connect) -> None:
    organization.accounts[ADMIN].policy_blocked = {"EC2"}
    permissions = connect().list_account_permissions()["permissions"]
    assert {one["service"] for one in permissions} == {"ECR", "LAMBDA"}
    own = connect(account_id=MEMBER).list_account_permissions(service="EC2")["permissions"]
    assert [one["operation"] for one in own] == ["ENABLE_SCANNING"]


def test_usage_comes_for_every_visible_account(organization: Organization, connect: Connect) -> None:
    organization.add_instance(account_id=MEMBER)
    pages = list(connect().get_paginator("list_usage_totals").paginate(PaginationConfig={"PageSize": 2}))
    totals = {one["accountId"]: one["usage"] for page in pages for one in page["totals"]}
    assert sorted(totals) == [ADMIN, MEMBER, OTHER]
    hours = {account_id: {one["type"]: one["total"] for one in usage} for account_id, usage in totals.items()}
    assert hours[MEMBER]["EC2_INSTANCE_HOURS"] == 720
    assert hours[OTHER]["EC2_INSTANCE_HOURS"] == 0


def test_organizations_names_accounts_states_and_units(organization: Organization, connect: Connect) -> None:
    organization.add_account("555555555555", name="closed", state="CLOSED", member=False)
    client = connect("organizations")
    accounts = {
        one["Id"]: one
        for page in client.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
        for one in page["Accounts"]
    }
    assert len(accounts) == 5
    assert (accounts[MEMBER]["Name"], accounts[MEMBER]["Email"]) == ("payments-prod", "aws+payments-prod@example.com")
    assert accounts["555555555555"]["State"] == "CLOSED"
    assert "Status" not in accounts["555555555555"]
    (path,) = accounts[MEMBER]["Paths"]
    (root,) = client.list_roots()["Roots"]
    (workloads,) = (
        one
        for one in client.list_organizational_units_for_parent(ParentId=root["Id"])["OrganizationalUnits"]
        if one["Name"] == "Workloads"
    )
    production = client.list_organizational_units_for_parent(ParentId=workloads["Id"])["OrganizationalUnits"]
    assert path == f"{next(one['Path'] for one in production if one['Name'] == 'Production')}{MEMBER}/"


def test_organizations_answers_no_ordinary_member(connect: Connect) -> None:
    client = connect("organizations", account_id=MEMBER)
    assert refusal_of(client.list_accounts)[1] == "AccessDeniedException"


def test_a_region_that_is_not_opted_in_knows_no_credentials(organization: Organization, connect: Connect) -> None:
    organization.not_opted_in.add("eu-west-1")
    status, code, _ = refusal_of(connect(region="eu-west-1").list_coverage)
    assert (status, code) == (403, "UnrecognizedClientException")
    assert connect().list_coverage()["coveredResources"] == []
