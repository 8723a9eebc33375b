"""Changes: scan types, members, automatic activation, settings, each with Inspector's rules."""

from __future__ import annotations

from typing import Any

import pytest

from demo.organization import Organization
from tests.demo.conftest import ADMIN, MEMBER, OTHER, OUTSIDER, Connect, refusal_of


def states(client: Any, account_id: str = MEMBER) -> dict[str, str]:
    (account,) = client.batch_get_account_status(accountIds=[account_id])["accounts"]
    return {name: state["status"] for name, state in account["resourceState"].items()}


def failure(answer: dict[str, Any]) -> str:
    (failed,) = answer["failedAccounts"]
    assert answer["accounts"] == []
    return str(failed["errorCode"])


def test_a_scan_type_is_enabling_until_it_settles(organization: Organization, connect: Connect) -> None:
    organization.settle_reads = 2
    client = connect()
    answer = client.enable(accountIds=[MEMBER], resourceTypes=["LAMBDA_CODE"])
    assert answer["accounts"][0]["resourceStatus"]["lambdaCode"] == "ENABLING"
    assert [states(client)["lambdaCode"] for _ in range(4)] == ["ENABLING", "ENABLING", "ENABLED", "ENABLED"]


def test_settling_also_takes_its_time(organization: Organization, connect: Connect) -> None:
    moment = 1_000_000.0
    organization.clock = lambda: moment
    organization.settle_reads, organization.settle_seconds = 0, 60
    client = connect()
    client.enable(accountIds=[MEMBER], resourceTypes=["LAMBDA_CODE"])
    assert states(client)["lambdaCode"] == "ENABLING"
    moment += 61
    assert states(client)["lambdaCode"] == "ENABLED"


def test_deactivation_takes_resources_and_findings_along_and_activation_brings_resources_back(
    organization: Organization, connect: Connect
) -> None:
    organization.settle_reads = 0
    instance = organization.add_instance(account_id=MEMBER)
    image = organization.add_image(account_id=MEMBER)
    organization.add_finding(instance)
    client = connect()
    client.disable(accountIds=[MEMBER], resourceTypes=["EC2"])
    assert len(client.list_coverage()["coveredResources"]) == 2
    assert states(client)["ec2"] == "DISABLED"
    assert [one["resourceId"] for one in client.list_coverage()["coveredResources"]] == [image.resource_id]
    assert client.list_findings()["findings"] == []
    client.enable(accountIds=[MEMBER], resourceTypes=["EC2"])
    assert states(client)["ec2"] == "ENABLED"
    row = client.list_coverage()["coveredResources"][-1]
    assert (row["resourceId"], row["scanStatus"]["reason"]) == (instance.resource_id, "PENDING_INITIAL_SCAN")


def test_lambda_takes_lambda_code_along(organization: Organization, connect: Connect) -> None:
    organization.accounts[MEMBER].scan_types["us-east-1"]["LAMBDA_CODE"] = "ENABLED"
    answer = connect().disable(accountIds=[MEMBER], resourceTypes=["LAMBDA"])
    status = answer["accounts"][0]["resourceStatus"]
    assert (status["lambda"], status["lambdaCode"], status["ec2"]) == ("DISABLING", "DISABLING", "ENABLED")


def test_lambda_code_needs_lambda(organization: Organization, connect: Connect) -> None:
    del organization.accounts[MEMBER].scan_types["us-east-1"]["LAMBDA"]
    client = connect()
    assert failure(client.enable(accountIds=[MEMBER], resourceTypes=["LAMBDA_CODE"])) == "ACCESS_DENIED"
    both = client.enable(accountIds=[MEMBER], resourceTypes=["LAMBDA", "LAMBDA_CODE"])
    assert both["failedAccounts"] == []


@pytest.mark.parametrize("operation", ["enable", "disable"])
def test_lambda_code_is_not_offered_everywhere(operation: str, organization: Organization, connect: Connect) -> None:
    organization.lambda_code_regions.discard("eu-west-1")
    call = getattr(connect(region="eu-west-1"), operation)
    status, code, message = refusal_of(call, accountIds=[MEMBER], resourceTypes=["LAMBDA_CODE", "EC2"])
    assert (status, code) == (403, "AccessDeniedException")
    assert message == "Lambda code scanning is not supported in eu-west-1"


def test_what_a_policy_manages_cannot_be_changed(organization: Organization, connect: Connect) -> None:
    organization.accounts[MEMBER].policy_blocked = {"ECR"}
    client = connect()
    answer = client.disable(accountIds=[MEMBER], resourceTypes=["ECR"])
    assert failure(answer) == "BLOCKED_BY_ORGANIZATION_POLICY"
    assert states(client)["ecr"] == "ENABLED"
    assert client.disable(accountIds=[MEMBER], resourceTypes=["EC2"])["failedAccounts"] == []


def test_present_states_decide_what_may_begin(connect: Connect) -> None:
    client = connect()
    assert failure(client.enable(accountIds=[MEMBER], resourceTypes=["EC2"])) == "ALREADY_ENABLED"
    client.disable(accountIds=[MEMBER], resourceTypes=["EC2"])
    assert failure(client.enable(accountIds=[MEMBER], resourceTypes=["EC2"])) == "DISABLE_IN_PROGRESS"
    client.enable(accountIds=[OTHER], resourceTypes=["LAMBDA_CODE"])
    assert failure(client.disable(accountIds=[OTHER], resourceTypes=["LAMBDA_CODE"])) == "ENABLE_IN_PROGRESS"


def test_the_administrator_stays_while_it_has_members(organization: Organization, connect: Connect) -> None:
    everything = ["EC2", "ECR", "LAMBDA"]
    client = connect()
    assert failure(client.disable(accountIds=[ADMIN], resourceTypes=everything)) == "DISASSOCIATE_ALL_MEMBERS"
    assert client.disable(accountIds=[ADMIN], resourceTypes=["ECR"])["failedAccounts"] == []
    for account_id in (MEMBER, OTHER):
        client.disassociate_member(accountId=account_id)
    assert client.disable(accountIds=[ADMIN], resourceTypes=everything)["failedAccounts"] == []


def test_a_member_may_enable_but_never_disable_itself(connect: Connect) -> None:
    client = connect(account_id=MEMBER)
    assert client.enable(resourceTypes=["CODE_REPOSITORY"])["accounts"][0]["accountId"] == MEMBER
    status, code, message = refusal_of(client.disable, accountIds=[MEMBER], resourceTypes=["EC2"])
    assert (status, code) == (403, "AccessDeniedException")
    assert message == f"Member account {MEMBER} is not authorized to disable itself"


def test_one_account_that_fails_does_not_stop_the_others(organization: Organization, connect: Connect) -> None:
    organization.refuse(OTHER, "SSM_UNAVAILABLE", operation="Enable", scan_type="LAMBDA_CODE")
    answer = connect().enable(accountIds=[MEMBER, OTHER, OUTSIDER], resourceTypes=["LAMBDA_CODE"])
    assert [one["accountId"] for one in answer["accounts"]] == [MEMBER]
    assert {one["accountId"]: one["errorCode"] for one in answer["failedAccounts"]} == {
        OTHER: "SSM_UNAVAILABLE",
        OUTSIDER: "ACCESS_DENIED",
    }


def test_the_same_client_token_changes_once(organization: Organization, connect: Connect) -> None:
    organization.settle_reads = 0
    client = connect()
    asked = {"accountIds": [MEMBER], "resourceTypes": ["LAMBDA_CODE"], "clientToken": "one-and-the-same"}
    first = client.enable(**asked)
    assert states(client)["lambdaCode"] == "ENABLED"
    again = client.enable(**asked)
    assert again["accounts"] == first["accounts"]
    other = asked | {"accountIds": [OTHER]}
    assert refusal_of(client.enable, **other)[:2] == (409, "ConflictException")


def test_a_new_member_is_created_then_enabled_with_what_is_automatic(
    organization: Organization, connect: Connect
) -> None:
    client = connect()
    client.update_organization_configuration(autoEnable={"ec2": True, "ecr": False, "lambda": True})
    assert client.associate_member(accountId=OUTSIDER)["accountId"] == OUTSIDER
    assert client.get_member(accountId=OUTSIDER)["member"]["relationshipStatus"] == "CREATED"
    assert client.get_member(accountId=OUTSIDER)["member"]["relationshipStatus"] == "ENABLED"
    assert states(client, OUTSIDER)["ec2"] == "ENABLING"
    found = states(client, OUTSIDER)
    assert (found["ec2"], found["ecr"], found["lambda"]) == ("ENABLED", "DISABLED", "ENABLED")


def test_the_limit_of_members_is_a_402(organization: Organization, connect: Connect) -> None:
    organization.account_limit = 2
    status, code, _ = refusal_of(connect().associate_member, accountId=OUTSIDER)
    assert (status, code) == (402, "ServiceQuotaExceededException")


def test_automatic_activation_is_replaced_as_a_whole(connect: Connect) -> None:
    client = connect()
    client.update_organization_configuration(autoEnable={"ec2": True, "ecr": True, "lambda": True, "lambdaCode": True})
    client.update_organization_configuration(autoEnable={"ec2": True, "ecr": False})
    settings = client.describe_organization_configuration()["autoEnable"]
    assert {name for name, on in settings.items() if on} == {"ec2"}
    wrong = {"ec2": True, "ecr": True, "lambda": False, "lambdaCode": True}
    assert refusal_of(client.update_organization_configuration, autoEnable=wrong)[1] == "ValidationException"


def test_a_member_follows_its_administrators_settings_until_it_has_its_own(connect: Connect) -> None:
    client, member = connect(), connect(account_id=MEMBER)

    def duration(caller: Any, **params: str) -> str:
        state = caller.get_configuration(**params)["ecrConfiguration"]["rescanDurationState"]
        return str(state["rescanDuration"])

    client.update_configuration(ecrConfiguration={"rescanDuration": "DAYS_30"})
    assert duration(member) == "DAYS_30"
    client.update_configuration(accountId=MEMBER, ecrConfiguration={"rescanDuration": "LIFETIME"})
    assert (duration(client), duration(client, accountId=MEMBER), duration(member)) == (
        "DAYS_30",
        "LIFETIME",
        "LIFETIME",
    )
    client.update_configuration(
        accountId=MEMBER, updateConfigurationInheritance={"ecrConfiguration": "INHERIT_FROM_ADMIN"}
    )
    assert duration(member) == "DAYS_30"
    refused = refusal_of(member.update_configuration, ecrConfiguration={"rescanDuration": "DAYS_3"})
    assert refused[:2] == (403, "AccessDeniedException")


def test_deep_inspection_has_paths_of_the_account_and_of_the_organization(connect: Connect) -> None:
    client, member = connect(), connect(account_id=MEMBER)
    client.update_org_ec2_deep_inspection_configuration(orgPackagePaths=["/opt/vendor"])
    member.update_ec2_deep_inspection_configuration(packagePaths=["/srv/shop"])
    answer = member.get_ec2_deep_inspection_configuration()
    assert (answer["packagePaths"], answer["orgPackagePaths"]) == (["/srv/shop"], ["/opt/vendor"])
    assert refusal_of(member.update_ec2_deep_inspection_configuration, activateDeepInspection=False)[0] == 403
    too_many = [f"/opt/{number}" for number in range(6)]
    assert refusal_of(client.update_org_ec2_deep_inspection_configuration, orgPackagePaths=too_many)[0] == 400
    client.batch_update_member_ec2_deep_inspection_status(
        accountIds=[{"accountId": MEMBER, "activateDeepInspection": False}]
    )
    statuses = client.batch_get_member_ec2_deep_inspection_status()["accountIds"]
    assert {one["accountId"]: one["status"] for one in statuses} == {MEMBER: "DEACTIVATED", OTHER: "ACTIVATED"}
