"""ListCoverage and ListCoverageStatistics: who sees what, filters, pages, limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.organization import Organization
from tests.demo.conftest import ADMIN, MEMBER, NOW, OTHER, OUTSIDER, Connect, equals, refusal_of


def ids(client: Any, **criteria: Any) -> list[str]:
    pages = (
        client.get_paginator("list_coverage").paginate(filterCriteria=criteria)
        if criteria
        else [client.list_coverage()]
    )
    return [row["resourceId"] for page in pages for row in page["coveredResources"]]


def test_the_administrator_sees_its_members_and_a_member_itself(organization: Organization, connect: Connect) -> None:
    for account_id in (ADMIN, MEMBER, OTHER, OUTSIDER):
        organization.add_instance(account_id=account_id, resource_id=f"i-{account_id}")
    assert ids(connect()) == [f"i-{ADMIN}", f"i-{MEMBER}", f"i-{OTHER}"]
    assert ids(connect(account_id=MEMBER)) == [f"i-{MEMBER}"]
    assert ids(connect(account_id=OUTSIDER)) == [f"i-{OUTSIDER}"]


def test_a_region_shows_its_own_rows_only(organization: Organization, connect: Connect) -> None:
    organization.add_instance(region="eu-west-1", resource_id="i-europe0000")
    assert ids(connect()) == []
    assert ids(connect(region="eu-west-1")) == ["i-europe0000"]


def test_a_row_reads_as_aws_writes_it(organization: Organization, connect: Connect) -> None:
    organization.add_image(repository="shop/api", digest="sha256:" + "a" * 64, tags=["v1"], last_scanned_at=NOW)
    (row,) = connect().list_coverage()["coveredResources"]
    assert row["resourceId"] == f"arn:aws:ecr:us-east-1:{ADMIN}:repository/shop/api/sha256:{'a' * 64}"
    assert row["resourceMetadata"] == {
        "ecrRepository": {"name": "shop/api", "scanFrequency": "CONTINUOUS_SCAN"},
        "ecrImage": {"tags": ["v1"]},
    }
    assert row["lastScannedAt"].astimezone(UTC) == NOW


def test_pages_hold_every_row_once_in_a_stable_order(organization: Organization, connect: Connect) -> None:
    rows = [organization.add_instance() for _ in range(450)]
    client = connect()
    sizes = []
    token: dict[str, str] = {}
    seen = []
    while True:
        page = client.list_coverage(maxResults=200, **token)
        sizes.append(len(page["coveredResources"]))
        seen += [row["resourceId"] for row in page["coveredResources"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert sizes == [200, 200, 50]
    assert seen == [row.resource_id for row in rows]


def test_rows_that_come_and_go_between_pages_disturb_no_other(organization: Organization, connect: Connect) -> None:
    rows = [organization.add_instance() for _ in range(30)]
    client = connect()
    first = client.list_coverage(maxResults=10)
    organization.remove(rows[3])
    organization.remove(rows[12])
    added = organization.add_instance()
    second = client.list_coverage(maxResults=200, nextToken=first["nextToken"])
    seen = [row["resourceId"] for row in second["coveredResources"]]
    assert seen == [row.resource_id for row in rows[10:] if row is not rows[12]] + [added.resource_id]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (equals(resourceType="AWS_EC2_INSTANCE"), {"linux", "stopped"}),
        (equals(resourceType=["AWS_EC2_INSTANCE", "AWS_ECR_REPOSITORY"]), {"linux", "stopped", "repository"}),
        (equals(scanStatusCode="INACTIVE"), {"stopped"}),
        (equals(scanStatusReason="EC2_INSTANCE_STOPPED"), {"stopped"}),
        (equals(accountId=[MEMBER, OTHER]), {"stopped", "image"}),
        ({"accountId": [{"comparison": "NOT_EQUALS", "value": MEMBER}, {"comparison": "NOT_EQUALS", "value": OTHER}]},
         {"linux", "repository", "standard", "code"}),
        (equals(scanType="CODE"), {"code"}),
        (equals(scanMode="EC2_AGENTLESS"), {"stopped"}),
        (equals(ecrRepositoryName="shop/api"), {"repository", "image"}),
        (equals(ecrImageTags="v2"), {"image"}),
        (equals(lambdaFunctionName="send-invoice"), {"standard", "code"}),
        (equals(lambdaFunctionRuntime="PYTHON_3_9"), {"standard"}),
        (equals(cloudProvider="AZURE"), set()),
        ({"ec2InstanceTags": [{"comparison": "EQUALS", "key": "team"}]}, {"linux", "stopped"}),
        ({"ec2InstanceTags": [{"comparison": "EQUALS", "key": "team", "value": "data"}]}, {"stopped"}),
        ({"lambdaFunctionTags": [{"comparison": "EQUALS", "key": "team", "value": "data"}]}, {"code"}),
        ({"lastScannedAt": [{"startInclusive": NOW - timedelta(days=1)}]}, {"linux"}),
        ({"lastScannedAt": [{"endInclusive": NOW - timedelta(days=1)}]}, {"stopped"}),
        ({"ecrImageInUseCount": [{"lowerInclusive": 2, "upperInclusive": 3}]}, {"image"}),
        ({"ecrImageInUseCount": [{"lowerInclusive": 4}]}, set()),
        (equals(scanType="PACKAGE", accountId=ADMIN), {"linux", "repository", "standard"}),
    ],
)  # fmt: skip
def test_filters_find_exactly_what_they_name(
    criteria: dict[str, Any], expected: set[str], organization: Organization, connect: Connect
) -> None:
    day = timedelta(days=1)
    rows = {
        "linux": organization.add_instance(tags={"team": "shop"}, last_scanned_at=NOW),
        "stopped": organization.add_instance(
            account_id=MEMBER, code="INACTIVE", reason="EC2_INSTANCE_STOPPED", scan_mode="EC2_AGENTLESS",
            tags={"team": "data"}, last_scanned_at=NOW - 3 * day,
        ),
        "repository": organization.add_repository(name="shop/api"),
        "image": organization.add_image(account_id=OTHER, repository="shop/api", tags=["v1", "v2"], in_use_count=3),
        "standard": organization.add_function(runtime="PYTHON_3_9"),
        "code": organization.add_function(scan_type="CODE", tags={"team": "data"}),
    }  # fmt: skip
    names = {(row.resource_id, row.scan_type): name for name, row in rows.items()}
    found = connect().list_coverage(filterCriteria=criteria)["coveredResources"]
    assert {names[row["resourceId"], row["scanType"]] for row in found} == expected
    assert connect().list_coverage_statistics(filterCriteria=criteria)["totalCounts"] == len(expected)


def test_ten_resources_are_found_by_their_ids(organization: Organization, connect: Connect) -> None:
    rows = [organization.add_instance() for _ in range(40)]
    wanted = [row.resource_id for row in rows[5:14]]
    assert ids(connect(), **equals(resourceId=[*wanted, "i-nowhere0000"])) == wanted


@pytest.mark.parametrize(
    "params",
    [
        {"maxResults": 500},
        {"filterCriteria": equals(accountId=[f"{n:012}" for n in range(11)])},
        {"filterCriteria": {"accountId": [{"comparison": "LIKE", "value": MEMBER}]}},
        {"filterCriteria": {"resourceId": [{"comparison": "PREFIX", "value": "i-"}]}},
        {"filterCriteria": {"lastScannedAt": [{"startInclusive": NOW, "endInclusive": NOW - timedelta(days=1)}]}},
        {"nextToken": "made-up"},
    ],
)
def test_what_inspector_refuses_is_refused(params: dict[str, Any], connect: Connect) -> None:
    status, code, message = refusal_of(connect().list_coverage, **params)
    assert (status, code) == (400, "ValidationException")
    assert message


def test_a_token_is_bound_to_filters_caller_and_region(organization: Organization, connect: Connect) -> None:
    for account_id in (ADMIN, MEMBER):
        for region in organization.regions:
            for _ in range(3):
                organization.add_instance(account_id=account_id, region=region)
    token = connect().list_coverage(maxResults=1)["nextToken"]
    others = [
        (connect(), {"filterCriteria": equals(scanType="PACKAGE")}),
        (connect(account_id=MEMBER), {}),
        (connect(region="eu-west-1"), {}),
    ]
    for client, params in others:
        assert refusal_of(client.list_coverage, nextToken=token, **params)[1] == "ValidationException"
    assert len(connect().list_coverage(maxResults=100, nextToken=token)["coveredResources"]) == 5


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("RESOURCE_TYPE", {"AWS_EC2_INSTANCE": 2, "AWS_ECR_REPOSITORY": 1, "AWS_ACCOUNT": 1}),
        ("ACCOUNT_ID", {ADMIN: 3, MEMBER: 1}),
        ("SCAN_STATUS_CODE", {"ACTIVE": 3, "INACTIVE": 1}),
        ("SCAN_STATUS_REASON", {"SUCCESSFUL": 3, "NO_INVENTORY": 1}),
        ("ECR_REPOSITORY_NAME", {"payments/api": 1}),
        ("PROVIDER", {}),
    ],
)
def test_statistics_count_rows_by_the_value_of_the_group(
    group_by: str, expected: dict[str, int], organization: Organization, connect: Connect
) -> None:
    organization.add_instance()
    organization.add_instance(account_id=MEMBER, code="INACTIVE", reason="NO_INVENTORY")
    organization.add_repository()
    organization.add_resource(
        resourceType="AWS_ACCOUNT", resourceId=ADMIN, scanType="NETWORK",
        scanStatus={"statusCode": "ACTIVE", "reason": "SUCCESSFUL"},
    )  # fmt: skip
    answer = connect().list_coverage_statistics(groupBy=group_by)
    assert answer["totalCounts"] == 4
    assert {one["groupKey"]: one["count"] for one in answer["countsByGroup"]} == expected


def test_statistics_of_many_groups_come_in_pages(organization: Organization, connect: Connect) -> None:
    for number in range(230):
        organization.add_repository(name=f"shop/part-{number:03}")
    pages = list(connect().get_paginator("list_coverage_statistics").paginate(groupBy="ECR_REPOSITORY_NAME"))
    assert [len(page["countsByGroup"]) for page in pages] == [100, 100, 30]
    assert len({one["groupKey"] for page in pages for one in page["countsByGroup"]}) == 230


def test_truth_is_what_a_complete_read_finds(organization: Organization, connect: Connect) -> None:
    for account_id in (ADMIN, MEMBER, OUTSIDER):
        organization.add_function(account_id=account_id)
        organization.add_instance(account_id=account_id, last_scanned_at=datetime.now(UTC))
    assert [row["resourceId"] for row in organization.truth("us-east-1", "AWS_EC2_INSTANCE")] == ids(
        connect(), **equals(resourceType="AWS_EC2_INSTANCE")
    )
    assert len(organization.truth("us-east-1")) == 4
