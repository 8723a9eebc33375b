"""The organization lives: every kind of change happens, and the rules of its rows hold on."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from demo.findings import finding_row
from demo.organization import Organization
from tests.demo.conftest import ADMIN, NOW
from tests.demo.shapes import check_body


@pytest.fixture(scope="module")
def before_and_after() -> tuple[Organization, Organization]:
    """The same organization at the start and after a hundred ticks of ten minutes."""
    start, end = (Organization.seeded(resources=2000, now=NOW) for _ in range(2))
    for tick in range(1, 101):
        end.tick(NOW + timedelta(minutes=10 * tick))
    return start, end


def status_of(organization: Organization) -> dict[tuple[str, str, str], str]:
    return {
        (region, one.resource_id, one.scan_type): one.reason
        for region in organization.regions
        for one in organization.resources(region)
    }


def test_resources_appear_and_vanish_and_change(before_and_after: tuple[Organization, Organization]) -> None:
    before, after = map(status_of, before_and_after)
    assert len(after.keys() - before.keys()) > 20
    assert len(before.keys() - after.keys()) > 5
    changes = {(before[key], after[key]) for key in before.keys() & after.keys() if before[key] != after[key]}
    assert ("SUCCESSFUL", "EC2_INSTANCE_STOPPED") in changes
    assert ("SUCCESSFUL", "SCAN_ELIGIBILITY_EXPIRED") in changes
    assert ("PENDING_INITIAL_SCAN", "SUCCESSFUL") in changes
    assert any(old == "UNMANAGED_EC2_INSTANCE" for old, _ in changes), "somebody fixed something"


def test_scanned_resources_are_scanned_again(before_and_after: tuple[Organization, Organization]) -> None:
    before, after = before_and_after
    newer = [row for row in after.truth("us-east-1") if row.get("lastScannedAt", 0) > NOW.timestamp()]
    assert len(newer) > len(before.truth("us-east-1")) / 4
    assert max(row["lastScannedAt"] for row in newer) <= (NOW + timedelta(minutes=1000)).timestamp()


def test_findings_come_and_are_closed(before_and_after: tuple[Organization, Organization]) -> None:
    before, after = (
        {one.arn: one for region in org.regions for one in org.findings(region)} for org in before_and_after
    )
    assert after.keys() - before.keys()
    assert any(one.status == "CLOSED" != before[arn].status for arn, one in after.items() if arn in before)
    assert before.keys() - after.keys(), "closed ones are forgotten after a while"


def test_the_rows_hold_to_the_model_still(before_and_after: tuple[Organization, Organization]) -> None:
    _, after = before_and_after
    for region in after.regions:
        rows = [one.row for one in after.resources(region)]
        check_body("inspector2", "ListCoverage", json.dumps({"coveredResources": rows}).encode())
        findings = [finding_row(one) for one in list(after.findings(region))[::20]]
        check_body("inspector2", "ListFindings", json.dumps({"findings": findings}).encode())


def test_a_small_organization_lives_without_harm() -> None:
    organization = Organization.empty(ADMIN)
    organization.tick(NOW)
    organization.add_image()
    for tick in range(500):
        organization.tick(NOW + timedelta(minutes=tick))
    assert organization.truth("us-east-1")
