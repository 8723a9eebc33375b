"""The seeded organization is believable, complete and the same every time."""

from __future__ import annotations

import json
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from demo import words
from demo.calls import Call
from demo.coverage import list_coverage
from demo.findings import finding_row, tags_of
from demo.organization import Organization, Resource
from demo.server import INSPECTOR
from tests.demo.conftest import NOW
from tests.demo.shapes import check_body

STATUS_MAP = Path(__file__).parents[2] / "scanning" / "status_map.json"
TABS = {
    "AWS_EC2_INSTANCE": "instances",
    "AWS_ECR_REPOSITORY": "repositories",
    "AWS_ECR_CONTAINER_IMAGE": "images",
    "AWS_LAMBDA_FUNCTION": "lambda",
}
Key = tuple[str, str, str, str | None]


@cache
def seeded() -> Organization:
    return Organization.seeded(now=NOW)


@cache
def everything() -> tuple[Resource, ...]:
    organization = seeded()
    return tuple(one for region in organization.regions for one in organization.resources(region))


def status_rows() -> set[Key]:
    rows = json.loads(STATUS_MAP.read_text())["statuses"]
    return {(row["tab"], row["status_code"], row["reason"], row["scan_frequency"]) for row in rows}


def row_of(resource: Resource, known: set[Key]) -> Key:
    """The row of the status map that a resource falls into: with its frequency, else without."""
    tab = TABS.get(resource.resource_type, "other")
    frequency = resource.metadata.get("ecrRepository", {}).get("scanFrequency")
    exact = (tab, resource.code, resource.reason, frequency)
    return exact if exact in known else (tab, resource.code, resource.reason, None)


@pytest.mark.parametrize("size", [1500, 6000])
def test_every_status_of_the_map_occurs_and_no_other(size: int) -> None:
    organization = seeded() if size == 6000 else Organization.seeded(resources=size, now=NOW)
    known = status_rows()
    assert len(known) >= 80
    rows = [one for region in organization.regions for one in organization.resources(region)]
    found = {row_of(one, known) for one in rows}
    assert known - found == set()
    told = {key for key in found - known if key[0] != "other"}
    assert told == set()


def test_it_is_large_and_uneven() -> None:
    organization, rows = seeded(), everything()
    assert len(organization.accounts) == 63
    assert len(organization.regions) == 3
    assert sum(one.resource_type != "AWS_ACCOUNT" for one in rows) >= 6000
    sizes = sorted(Counter(one.account_id for one in rows).values(), reverse=True)
    assert sum(sizes[:6]) > len(rows) * 0.35, "a few accounts hold most"
    assert len(sizes) > 40


def test_findings_of_the_three_kinds_belong_to_what_was_scanned() -> None:
    organization = seeded()
    findings = [one for region in organization.regions for one in organization.findings(region)]
    kinds = Counter(one.type for one in findings)
    assert sum(kinds.values()) >= 15_000
    assert min(kinds[kind] for kind in ("PACKAGE_VULNERABILITY", "NETWORK_REACHABILITY", "CODE_VULNERABILITY")) > 100
    assert {one.status for one in findings} == {"ACTIVE", "SUPPRESSED", "CLOSED"}
    assert {one.severity for one in findings} == {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED"}
    assert not [
        one for one in findings if one.type == "PACKAGE_VULNERABILITY" and "lastScannedAt" not in one.resource.row
    ]
    assert {one.resource.scan_type for one in findings if one.type == "CODE_VULNERABILITY"} == {"CODE"}
    assert {one.resource.resource_type for one in findings if one.type == "NETWORK_REACHABILITY"} == {
        "AWS_EC2_INSTANCE"
    }
    stopped = [one for one in findings if one.resource.reason == "EC2_INSTANCE_STOPPED"]
    assert any(one.status == "ACTIVE" for one in stopped)
    assert len({one.arn for one in findings}) == len(findings)


def test_findings_are_full_of_detail() -> None:
    organization = seeded()
    rows = [finding_row(one) for region in organization.regions for one in organization.findings(region)][::40]
    check_body("inspector2", "ListFindings", json.dumps({"findings": rows}).encode())
    packages = [row["packageVulnerabilityDetails"] for row in rows if row["type"] == "PACKAGE_VULNERABILITY"]
    assert any(one["cvss"] for one in packages)
    assert all(one["vulnerablePackages"] and one["referenceUrls"] for one in packages)
    assert {row.get("fixAvailable") for row in rows} >= {"YES", "NO"}
    assert any("exploitabilityDetails" in row for row in rows)
    assert any("inspectorScore" not in row for row in rows)
    assert any("updatedAt" not in row for row in rows)


def test_every_coverage_row_holds_to_the_model() -> None:
    body = {"coveredResources": [one.row for one in everything()]}
    check_body("inspector2", "ListCoverage", json.dumps(body).encode())


def test_accounts_of_every_kind_are_there() -> None:
    organization = seeded()
    accounts = organization.accounts.values()
    assert organization.admins == dict.fromkeys(organization.regions, organization.admin)
    assert organization.management != organization.admin
    assert sum(not one.relationships for one in accounts) >= 4, "administrator, management, never joined"
    assert {one.state for one in accounts} == {"ACTIVE", "SUSPENDED", "PENDING_CLOSURE"}
    assert sum(one.refuses for one in accounts) == 1
    assert {"ENABLED", "REMOVED", "CREATED", "ACCOUNT_SUSPENDED"} <= {
        status for one in accounts for status in one.relationships.values()
    }
    assert len({one.ou for one in accounts}) >= 5
    assert all(one.email.endswith("@example.com") for one in accounts)
    statuses = {status for one in accounts for types in one.scan_types.values() for status in types.values()}
    assert statuses == {"ENABLED", "ENABLING", "DISABLING", "SUSPENDED"}
    assert "payments-prod" in {one.name for one in accounts}


def test_resources_are_listed_only_where_their_scan_type_is_on() -> None:
    from demo.transitions import SCAN_TYPE_OF_ROW

    organization = seeded()
    for one in everything():
        scan_type = SCAN_TYPE_OF_ROW.get((one.resource_type, one.scan_type))
        if scan_type not in (None, "CODE_REPOSITORY", "AMI"):
            status = organization.accounts[one.account_id].status(one.region, scan_type)
            assert status in ("ENABLED", "DISABLING"), (one.row, status)


def test_the_awkward_rows_are_there() -> None:
    rows = everything()
    of = {kind: [one for one in rows if one.resource_type == kind] for kind in {one.resource_type for one in rows}}
    assert all(one.scan_type == "NETWORK" and "lastScannedAt" not in one.row for one in of["AWS_ACCOUNT"])
    scans = Counter((one.region, one.resource_id) for one in of["AWS_LAMBDA_FUNCTION"])
    assert set(scans.values()) == {1, 2}
    tags = [one.metadata["ecrImage"].get("tags") for one in of["AWS_ECR_CONTAINER_IMAGE"]]
    assert None in tags
    assert any(tag and len(tag) > 1 for tag in tags)
    images = zip(of["AWS_ECR_CONTAINER_IMAGE"], tags, strict=True)
    latest = {one.resource_id.partition("/sha256:")[0] for one, tag in images if "latest" in (tag or [])}
    assert len(latest) > 10
    instances = of["AWS_EC2_INSTANCE"]
    assert any("resourceMetadata" not in one.row for one in instances)
    assert any("scanMode" not in one.row for one in instances)
    assert any("lastScannedAt" not in one.row for one in instances)
    assert len([kind for kind in of if kind.startswith("Microsoft.")]) >= 3
    assert len([kind for kind in of if "googleapis.com" in kind]) >= 3
    assert {"CODE_REPOSITORY", "MACHINE_IMAGE", "AWS_EKS_NODE_POOL"} <= of.keys()
    values = {value for one in rows for value in tags_of(one).values()}
    assert set(words.ODD_NAMES) <= values


def test_exclusion_tags_explain_exclusions() -> None:
    for one in everything():
        if one.reason == "EXCLUDED_BY_TAG":
            key, value = {
                ("AWS_EC2_INSTANCE", "PACKAGE"): ("InspectorEc2Exclusion", None),
                ("AWS_LAMBDA_FUNCTION", "PACKAGE"): ("InspectorExclusion", "LambdaStandardScanning"),
                ("AWS_LAMBDA_FUNCTION", "CODE"): ("InspectorCodeExclusion", "LambdaCodeScanning"),
            }[one.resource_type, one.scan_type]
            assert key in tags_of(one) or "resourceMetadata" not in one.row
            assert value in (None, tags_of(one).get(key))


def test_nothing_was_scanned_in_the_future_and_the_active_lately() -> None:
    times = [(one, one.row["lastScannedAt"]) for one in everything() if "lastScannedAt" in one.row]
    assert all(at <= NOW.timestamp() for _, at in times)
    active = [at for one, at in times if one.resource_type == "AWS_EC2_INSTANCE" and one.code == "ACTIVE"]
    assert min(active) > NOW.timestamp() - 4 * 86400


def test_the_same_seed_gives_the_same_organization() -> None:
    def text(seed: int) -> str:
        organization = Organization.seeded(seed=seed, resources=1200, now=NOW)
        return json.dumps(
            [
                [organization.truth(region) for region in organization.regions],
                [finding_row(one) for one in organization.findings("us-east-1")],
                [(one.id, one.name, one.scan_types, one.relationships) for one in organization.accounts.values()],
            ]
        )

    assert text(3) == text(3)
    assert text(3) != text(4)


def test_too_few_accounts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 12 accounts"):
        Organization.seeded(accounts=3)


def test_a_page_costs_the_same_wherever_it_lies() -> None:
    organization = Organization.seeded(resources=20_000, now=NOW)
    criteria = {"resourceType": [{"comparison": "EQUALS", "value": "AWS_EC2_INSTANCE"}]}

    def read(params: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        start = time.perf_counter()
        answer = list_coverage(organization, Call("ListCoverage", "us-east-1", organization.admin, params))
        return time.perf_counter() - start, answer

    took, page = read({"filterCriteria": criteria})
    pages = [took]
    while "nextToken" in page:
        took, page = read({"filterCriteria": criteria, "nextToken": page["nextToken"]})
        pages.append(took)
    assert len(pages) > 15
    assert min(pages[-5:]) < 10 * min(pages[:5]), "no page walks over the rows before it"


def test_every_operation_of_the_stand_in_exists_in_the_sdk() -> None:
    from botocore.session import get_session

    assert set(INSPECTOR) <= set(get_session().get_service_model("inspector2").operation_names)
