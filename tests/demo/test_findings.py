"""ListFindings, details of a finding, aggregations."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest

from demo.organization import Organization
from tests.demo.conftest import ADMIN, MEMBER, NOW, OUTSIDER, Connect, equals, refusal_of


def arns(client: Any, **params: Any) -> list[str]:
    pages = client.get_paginator("list_findings").paginate(**params)
    return [finding["findingArn"] for page in pages for finding in page["findings"]]


def test_the_administrator_sees_members_findings_and_a_member_its_own(
    organization: Organization, connect: Connect
) -> None:
    found = {
        account_id: organization.add_finding(organization.add_instance(account_id=account_id)).arn
        for account_id in (ADMIN, MEMBER, OUTSIDER)
    }
    assert arns(connect()) == [found[ADMIN], found[MEMBER]]
    assert arns(connect(account_id=MEMBER)) == [found[MEMBER]]


def test_a_finding_names_its_resource_as_coverage_does(organization: Organization, connect: Connect) -> None:
    resources = [
        organization.add_instance(tags={"team": "data"}),
        organization.add_image(),
        organization.add_function(),
    ]
    for resource in resources:
        organization.add_finding(resource)
    rows = connect().list_findings()["findings"]
    assert [row["resources"][0]["id"] for row in rows] == [one.resource_id for one in resources]
    assert {row["resources"][0]["region"] for row in rows} == {"us-east-1"}
    assert rows[0]["resources"][0]["tags"] == {"team": "data"}
    members = [next(iter(row["resources"][0]["details"])) for row in rows]
    assert members == ["awsEc2Instance", "awsEcrContainerImage", "awsLambdaFunction"]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (equals(findingStatus="ACTIVE"), {"package", "network"}),
        (equals(findingStatus=["ACTIVE", "CLOSED"]), {"package", "network", "code"}),
        (equals(severity="CRITICAL"), {"package"}),
        (equals(findingType="NETWORK_REACHABILITY"), {"network"}),
        (equals(awsAccountId=MEMBER), {"code"}),
        (equals(resourceType="AWS_LAMBDA_FUNCTION"), {"code"}),
        ({"severity": [{"comparison": "NOT_EQUALS", "value": "CRITICAL"}]}, {"network", "code"}),
        ({"title": [{"comparison": "PREFIX", "value": "CVE-2026-1"}]}, {"package"}),
        ({"vulnerabilityId": [{"comparison": "PREFIX", "value": "CVE-2026"}]}, {"package"}),
        ({"updatedAt": [{"startInclusive": NOW}]}, {"code"}),
        ({"lastObservedAt": [{"endInclusive": NOW - timedelta(days=2)}]}, {"network"}),
        ({"firstObservedAt": [{"startInclusive": NOW - timedelta(days=1)}]}, {"package"}),
        ({"portRange": [{"beginInclusive": 20, "endInclusive": 30}]}, {"network"}),
        ({"epssScore": [{"lowerInclusive": 0.5}]}, {"package"}),
        ({"vulnerablePackages": [{"name": {"comparison": "EQUALS", "value": "zlib"}}]}, {"package"}),
        (equals(componentType="AWS::EC2::InternetGateway"), {"network"}),
        (equals(codeVulnerabilityDetectorName="SQL injection"), {"code"}),
        (equals(lambdaFunctionName="send-invoice"), {"code"}),
        (equals(fixAvailable="YES", severity="CRITICAL"), {"package"}),
    ],
)
def test_filters_find_exactly_what_they_name(
    criteria: dict[str, Any], expected: set[str], organization: Organization, connect: Connect
) -> None:
    day = timedelta(days=1)
    instance = organization.add_instance()
    package = {
        "vulnerabilityId": "CVE-2026-1", "source": "NVD", "vulnerablePackages": [{"name": "zlib", "version": "1.2"}],
    }  # fmt: skip
    made = {
        "package": organization.add_finding(
            instance, severity="CRITICAL", first_observed_at=NOW - day, title="CVE-2026-1 - zlib", epss={"score": 0.9},
            fixAvailable="YES", packageVulnerabilityDetails=package,
        ),
        "network": organization.add_finding(
            instance, type="NETWORK_REACHABILITY", first_observed_at=NOW - 3 * day, severity="MEDIUM"
        ),
        "code": organization.add_finding(
            organization.add_function(account_id=MEMBER, scan_type="CODE"), type="CODE_VULNERABILITY", status="CLOSED",
            first_observed_at=NOW - 2 * day, last_observed_at=NOW - day, updated_at=NOW,
        ),
    }  # fmt: skip
    names = {finding.arn: name for name, finding in made.items()}
    assert {names[arn] for arn in arns(connect(), filterCriteria=criteria)} == expected


def test_a_resources_findings_are_found_by_its_id(organization: Organization, connect: Connect) -> None:
    one, other = organization.add_instance(), organization.add_instance()
    wanted = [organization.add_finding(one).arn, organization.add_finding(one, type="NETWORK_REACHABILITY").arn]
    organization.add_finding(other)
    criteria = equals(resourceId=one.resource_id)
    assert arns(connect(), filterCriteria=criteria) == wanted
    assert arns(connect(), filterCriteria=criteria, PaginationConfig={"PageSize": 1}) == wanted


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["SEVERITY", "LAST_OBSERVED_AT", "EPSS_SCORE", "INSPECTOR_SCORE"])
def test_sorted_pages_hold_every_finding_once(
    field: str, order: str, organization: Organization, connect: Connect
) -> None:
    severities = ("LOW", "CRITICAL", "UNTRIAGED", "HIGH", "MEDIUM", "INFORMATIONAL")
    instance = organization.add_instance()
    for number in range(48):
        organization.add_finding(
            instance,
            severity=severities[number % 6],
            first_observed_at=NOW - timedelta(days=number * 7 % 11),
            epss={"score": number * 5 % 7 / 10},
            inspectorScore=None if number % 3 else 5.0,
        )
    rows = [
        row
        for page in connect().get_paginator("list_findings").paginate(
            sortCriteria={"field": field, "sortOrder": order}, PaginationConfig={"PageSize": 7}
        )
        for row in page["findings"]
    ]  # fmt: skip
    assert len({row["findingArn"] for row in rows}) == len(rows) == 48
    ranks = ("UNTRIAGED", "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
    values = {
        "SEVERITY": [ranks.index(row["severity"]) for row in rows],
        "LAST_OBSERVED_AT": [row["lastObservedAt"].timestamp() for row in rows],
        "EPSS_SCORE": [row["epss"]["score"] for row in rows],
        "INSPECTOR_SCORE": [row.get("inspectorScore", -1) for row in rows],
    }[field]
    assert values == sorted(values, reverse=order == "DESC")


@pytest.mark.parametrize(
    "params",
    [
        {"maxResults": 101},
        {"sortCriteria": {"field": "UPDATED_AT", "sortOrder": "ASC"}},
        {"filterCriteria": {"severity": [{"comparison": "LIKE", "value": "HIGH"}]}},
        {"nextToken": "made-up"},
    ],
)
def test_what_inspector_refuses_is_refused(params: dict[str, Any], connect: Connect) -> None:
    assert refusal_of(connect().list_findings, **params)[:2] == (400, "ValidationException")


def test_members_of_a_finding_can_be_replaced_and_taken_away(organization: Organization, connect: Connect) -> None:
    organization.add_finding(organization.add_instance(), title="Anything <b>", updatedAt=None, inspectorScore=None)
    (row,) = connect().list_findings()["findings"]
    assert row["title"] == "Anything <b>"
    assert "updatedAt" not in row
    assert "inspectorScore" not in row


def test_a_changed_finding_is_found_by_its_new_time(organization: Organization, connect: Connect) -> None:
    finding = organization.add_finding(organization.add_instance(), first_observed_at=NOW)
    organization.change(finding, status="CLOSED", updated_at=NOW + timedelta(hours=1))
    since = {"updatedAt": [{"startInclusive": NOW + timedelta(minutes=30)}]}
    (row,) = connect().list_findings(filterCriteria=since)["findings"]
    assert row["status"] == "CLOSED"
    assert row["updatedAt"].astimezone(UTC) == NOW + timedelta(hours=1)


def test_details_name_what_was_found_and_what_was_not(organization: Organization, connect: Connect) -> None:
    own = organization.add_finding(organization.add_instance())
    foreign = organization.add_finding(organization.add_instance(account_id=OUTSIDER))
    unknown = own.arn[:-4] + "0000"
    answer = connect().batch_get_finding_details(findingArns=[own.arn, foreign.arn, unknown])
    assert [one["findingArn"] for one in answer["findingDetails"]] == [own.arn]
    assert {one["findingArn"]: one["errorCode"] for one in answer["errors"]} == {
        foreign.arn: "ACCESS_DENIED",
        unknown: "FINDING_DETAILS_NOT_FOUND",
    }
    assert refusal_of(connect().batch_get_finding_details, findingArns=[own.arn] * 11)[1] == "ValidationException"


def test_a_code_weakness_has_its_source_lines(organization: Organization, connect: Connect) -> None:
    code = organization.add_finding(organization.add_function(scan_type="CODE"), type="CODE_VULNERABILITY")
    package = organization.add_finding(organization.add_function())
    answer = connect().batch_get_code_snippet(findingArns=[code.arn, package.arn])
    (snippet,) = answer["codeSnippetResults"]
    file = code.details["codeVulnerabilityDetails"]["filePath"]
    assert {line["lineNumber"] for line in snippet["codeSnippet"]} >= {file["startLine"], file["endLine"]}
    assert [one["errorCode"] for one in answer["errors"]] == ["CODE_SNIPPET_NOT_FOUND"]


def aggregate(client: Any, kind: str, **request: Any) -> list[dict[str, Any]]:
    params = {"aggregationRequest": request} if request else {}
    answer = client.list_finding_aggregations(aggregationType=kind, **params)
    return [next(iter(row.values())) for row in answer["responses"]]


def test_aggregations_count_active_findings_by_severity(organization: Organization, connect: Connect) -> None:
    image = organization.add_image(repository="shop/api")
    other = organization.add_image(repository="shop/web", account_id=MEMBER)
    instance, function = organization.add_instance(), organization.add_function()
    for resource, severity in (
        (image, "CRITICAL"),
        (image, "HIGH"),
        (other, "LOW"),
        (instance, "HIGH"),
        (function, "LOW"),
    ):
        organization.add_finding(resource, severity=severity)
    organization.add_finding(instance, type="NETWORK_REACHABILITY", severity="MEDIUM")
    organization.add_finding(image, severity="CRITICAL", status="CLOSED")
    client = connect()

    (row,) = aggregate(
        client, "AWS_ECR_CONTAINER",
        awsEcrContainerAggregation={"repositories": [{"comparison": "EQUALS", "value": "shop/api"}]},
    )  # fmt: skip
    assert row["resourceId"] == image.resource_id
    counts = {name: row["severityCounts"][name] for name in ("all", "critical", "high", "low")}
    assert counts == {"all": 2, "critical": 1, "high": 1, "low": 0}
    assert {one["accountId"]: one["severityCounts"]["all"] for one in aggregate(client, "ACCOUNT")} == {
        ADMIN: 5,
        MEMBER: 1,
    }
    assert {one["repository"]: one["affectedImages"] for one in aggregate(client, "REPOSITORY")} == {
        "shop/api": 1,
        "shop/web": 1,
    }
    assert [one["networkFindings"] for one in aggregate(client, "AWS_EC2_INSTANCE")] == [1]
    assert [one["functionName"] for one in aggregate(client, "AWS_LAMBDA_FUNCTION")] == ["send-invoice"]
    assert sum(one["severityCounts"]["all"] for one in aggregate(client, "TITLE")) == 6
    assert all(one["packageName"] for one in aggregate(client, "PACKAGE"))
    kinds = aggregate(client, "FINDING_TYPE", findingTypeAggregation={"findingType": "NETWORK_REACHABILITY"})
    assert [one["severityCounts"]["medium"] for one in kinds] == [1]


def test_aggregations_come_in_pages(organization: Organization, connect: Connect) -> None:
    for _ in range(7):
        organization.add_finding(organization.add_instance())
    pages = (
        connect()
        .get_paginator("list_finding_aggregations")
        .paginate(aggregationType="AWS_EC2_INSTANCE", PaginationConfig={"PageSize": 3})
    )
    sizes = [len(page["responses"]) for page in pages]
    assert sizes == [3, 3, 1]
