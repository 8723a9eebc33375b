"""Every operation that the stand-in serves answers in the SDK's own shape."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name

from demo import directory
from demo.organization import Organization
from demo.server import INSPECTOR, StandIn
from tests.demo.conftest import MEMBER, OTHER, Connect

INSPECTOR_PARAMS: dict[str, dict[str, Any]] = {
    "ListCoverage": {},
    "ListCoverageStatistics": {"groupBy": "RESOURCE_TYPE"},
    "ListFindings": {},
    "BatchGetFindingDetails": {"findingArns": ["<arn>", "arn:aws:inspector2:us-east-1:111111111111:finding/none"]},
    "BatchGetCodeSnippet": {"findingArns": ["<code arn>", "<arn>"]},
    "ListFindingAggregations": {"aggregationType": "ACCOUNT"},
    "GetDelegatedAdminAccount": {"as": MEMBER},
    "ListDelegatedAdminAccounts": {},
    "ListMembers": {},
    "GetMember": {"accountId": MEMBER},
    "BatchGetAccountStatus": {"accountIds": [MEMBER, "999999999999"]},
    "DescribeOrganizationConfiguration": {},
    "GetConfiguration": {},
    "GetEc2DeepInspectionConfiguration": {},
    "BatchGetMemberEc2DeepInspectionStatus": {"accountIds": [MEMBER, "999999999999"]},
    "ListAccountPermissions": {},
    "BatchGetFreeTrialInfo": {"accountIds": [MEMBER, "999999999999"]},
    "ListUsageTotals": {},
    "Enable": {"accountIds": [MEMBER, "999999999999"], "resourceTypes": ["LAMBDA_CODE"]},
    "Disable": {"accountIds": [MEMBER], "resourceTypes": ["ECR"]},
    "AssociateMember": {"accountId": MEMBER},
    "DisassociateMember": {"accountId": OTHER},
    "UpdateOrganizationConfiguration": {"autoEnable": {"ec2": True, "ecr": False}},
    "UpdateConfiguration": {"ecrConfiguration": {"rescanDuration": "DAYS_30"}},
    "UpdateEc2DeepInspectionConfiguration": {"packagePaths": ["/opt/shop"]},
    "UpdateOrgEc2DeepInspectionConfiguration": {"orgPackagePaths": ["/srv"]},
    "BatchUpdateMemberEc2DeepInspectionStatus": {
        "accountIds": [{"accountId": MEMBER, "activateDeepInspection": False}]
    },
}
DIRECTORY_PARAMS: dict[str, dict[str, Any]] = {
    "ListAccounts": {},
    "DescribeAccount": {"AccountId": MEMBER},
    "DescribeOrganization": {},
    "ListDelegatedAdministrators": {"ServicePrincipal": "inspector2.amazonaws.com"},
    "ListRoots": {},
    "ListOrganizationalUnitsForParent": {"ParentId": "r-exam"},
    "DescribeOrganizationalUnit": {"OrganizationalUnitId": "<unit>"},
    "ListParents": {"ChildId": MEMBER},
}


@pytest.mark.parametrize("operation", INSPECTOR)
def test_inspector_answers_in_the_shape_of_the_model(
    operation: str, organization: Organization, connect: Connect
) -> None:
    organization.add_repository()
    organization.add_image()
    code = organization.add_finding(organization.add_function(scan_type="CODE"), type="CODE_VULNERABILITY")
    finding = organization.add_finding(organization.add_instance())
    names = {"<arn>": finding.arn, "<code arn>": code.arn}
    params = dict(INSPECTOR_PARAMS[operation])
    if "findingArns" in params:
        params["findingArns"] = [names.get(one, one) for one in params["findingArns"]]
    client = connect(account_id=params.pop("as", None))
    answer = getattr(client, xform_name(operation))(**params)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("operation", directory.OPERATIONS)
def test_organizations_answers_in_the_shape_of_the_model(
    operation: str, organization: Organization, connect: Connect
) -> None:
    unit = directory.unit_id(organization, "Workloads")
    params = {name: unit if value == "<unit>" else value for name, value in DIRECTORY_PARAMS[operation].items()}
    answer = getattr(connect("organizations"), xform_name(operation))(**params)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_the_log_names_operation_region_caller_and_parameters(aws: StandIn, connect: Connect) -> None:
    connect(account_id=MEMBER, region="eu-west-1").list_coverage(maxResults=7)
    (call,) = aws.calls
    assert (call.operation, call.region, call.account_id, call.params) == (
        "ListCoverage", "eu-west-1", MEMBER, {"maxResults": 7},
    )  # fmt: skip
    assert "Boto3" in call.user_agent
