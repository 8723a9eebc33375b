"""Findings from AWS into the database, over HTTP against the stand-in AWS."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from aws.choices import RunOutcome, What
from aws.models import SyncScope
from demo.organization import Organization
from demo.server import StandIn
from scanning.finding_sync import sync_findings
from scanning.models import Finding, FindingCount
from tests.stand_in import MEMBER

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"


def filters_asked(stand_in: StandIn) -> list[set[str]]:
    return [set(call.params["filterCriteria"]) for call in stand_in.calls if call.operation == "ListFindings"]


def critical(resource_id: str) -> int:
    return sum(FindingCount.objects.filter(resource_id=resource_id).values_list("critical", flat=True))


def test_findings_are_stored_and_counted_for_the_row_that_they_belong_to(
    organization: Organization,
    stand_in: StandIn,
) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0123456789abcdef0")
    organization.add_finding(instance, type="PACKAGE_VULNERABILITY", severity="CRITICAL")
    organization.add_finding(instance, type="NETWORK_REACHABILITY", severity="HIGH")
    organization.add_finding(instance, type="PACKAGE_VULNERABILITY", severity="CRITICAL", status="SUPPRESSED")
    run = sync_findings(REGION)
    assert (run.outcome, run.new) == (RunOutcome.COMPLETE, 3)
    counts = {row.scan_type: (row.critical, row.high) for row in FindingCount.objects.all()}
    assert counts == {"PACKAGE": (1, 0), "NETWORK": (0, 1)}, "suppressed findings are not counted"


def test_after_the_first_full_read_only_changes_are_asked_for(organization: Organization, stand_in: StandIn) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER)
    organization.add_finding(instance, severity="CRITICAL")
    sync_findings(REGION)
    stand_in.calls.clear()
    sync_findings(REGION)
    assert filters_asked(stand_in) == [{"updatedAt"}]


@pytest.mark.parametrize("field", ["last_complete_at", "last_full_at"])
def test_a_gap_or_a_week_makes_the_read_a_full_one(
    organization: Organization,
    stand_in: StandIn,
    field: str,
) -> None:
    organization.add_finding(organization.add_instance(region=REGION, account_id=MEMBER), severity="LOW")
    sync_findings(REGION)
    SyncScope.objects.filter(what=What.FINDINGS).update(**{field: timezone.now() - timedelta(days=8)})
    stand_in.calls.clear()
    sync_findings(REGION)
    assert filters_asked(stand_in)[0] == {"findingStatus"}


def test_the_watermark_is_never_later_than_the_start_of_the_run(organization: Organization, stand_in: StandIn) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER)
    organization.add_finding(instance, severity="LOW", updatedAt=timezone.now().timestamp() + 86_400)
    run = sync_findings(REGION)
    assert SyncScope.objects.get(what=What.FINDINGS).watermark == run.started_at


def test_a_finding_that_vanished_is_gone_only_after_a_full_read(organization: Organization, stand_in: StandIn) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0123456789abcdef0")
    finding = organization.add_finding(instance, severity="CRITICAL")
    sync_findings(REGION)
    assert critical("i-0123456789abcdef0") == 1
    organization.remove(finding)
    sync_findings(REGION)
    assert Finding.objects.present().count() == 1
    SyncScope.objects.filter(what=What.FINDINGS).update(last_full_at=timezone.now() - timedelta(days=8))
    assert sync_findings(REGION).gone == 1
    assert critical("i-0123456789abcdef0") == 0


def test_many_findings_that_vanished_are_gone_at_the_next_read_and_not_after_a_week(
    organization: Organization, stand_in: StandIn
) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0")
    findings = [organization.add_finding(instance, severity="CRITICAL") for _ in range(1000)]
    sync_findings(REGION)
    for finding in findings[:230]:
        organization.remove(finding)
    SyncScope.objects.filter(what=What.FINDINGS).update(last_full_at=timezone.now() - timedelta(days=8))
    run = sync_findings(REGION)
    assert (run.outcome, run.missing, run.gone) == (RunOutcome.COMPLETE, 230, 0)
    stand_in.calls.clear()
    sync_findings(REGION)
    assert {"findingStatus"} not in filters_asked(stand_in), "at once is too soon"
    Finding.objects.exclude(missing_since=None).update(missing_since=timezone.now() - timedelta(minutes=11))
    assert sync_findings(REGION).gone == 230
    assert critical("i-0") == 770
    stand_in.calls.clear()
    sync_findings(REGION)
    assert {"findingStatus"} not in filters_asked(stand_in), "nothing is missing any more"


def test_a_finding_that_moves_to_another_resource_is_not_counted_for_the_one_before(
    organization: Organization, stand_in: StandIn
) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-a")
    organization.add_finding(instance, severity="CRITICAL")
    sync_findings(REGION)
    moved = _wire(organization)
    moved["resources"][0]["id"] = "i-b"
    for name, value in moved.items():
        moved[name] = value.timestamp() if isinstance(value, datetime) else value
    moved["updatedAt"] = timezone.now().timestamp()
    stand_in.faults.add(operation="ListFindings", body=json.dumps({"findings": [moved]}).encode())
    assert sync_findings(REGION).changed == 1
    assert (critical("i-a"), critical("i-b")) == (0, 1)


@pytest.mark.parametrize("edit", ["cut", "null_rows", "drop_key"])
def test_a_failed_read_takes_no_finding_away(organization: Organization, stand_in: StandIn, edit: str) -> None:
    organization.add_finding(organization.add_instance(region=REGION, account_id=MEMBER), severity="CRITICAL")
    sync_findings(REGION)
    SyncScope.objects.filter(what=What.FINDINGS).update(last_full_at=timezone.now() - timedelta(days=8))
    stand_in.faults.add(operation="ListFindings", edit=edit)
    assert sync_findings(REGION).outcome == RunOutcome.FAILED
    assert Finding.objects.open().count() == 1


ODD_NUMBERS = ["NaN", "Infinity", "1e999", "-1e999", "123456789012345678901234567890", "1" + "0" * 400]


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_a_number_that_no_database_stores_loses_no_finding(
    organization: Organization, stand_in: StandIn, number: str
) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0")
    organization.add_finding(instance)
    odd = {"odd": "NUMBER", "inspectorScore": "NUMBER", "epss": {"score": "NUMBER"}, "lone": "\ud800"}
    plain = json.dumps({"findings": [_wire(organization) | odd]})
    stand_in.faults.add(operation="ListFindings", body=plain.replace('"NUMBER"', number).encode())
    assert sync_findings(REGION).outcome == RunOutcome.COMPLETE
    assert Finding.objects.get().is_cleaned


def test_the_same_finding_listed_in_two_regions_is_one(organization: Organization, stand_in: StandIn) -> None:
    instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0")
    organization.add_finding(instance)
    sync_findings(REGION)
    plain = json.dumps({"findings": [_wire(organization)]})
    stand_in.faults.add(operation="ListFindings", region="eu-west-1", body=plain.encode())
    assert sync_findings("eu-west-1").outcome == RunOutcome.COMPLETE
    assert Finding.objects.count() == 1


def _wire(organization: Organization) -> dict[str, Any]:
    """The finding as the stand-in sends it."""
    from aws import session

    client = session.inspector(REGION)
    return dict(client.list_findings()["findings"][0])
