"""Our counts beside those of AWS, as the database holds them after a comparison."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from aws.choices import RunOutcome, ScopeState, What
from aws.models import SyncScope
from demo.organization import Organization
from demo.server import StandIn
from scanning import tasks
from scanning.comparison import compare
from scanning.freshness import Freshness
from scanning.models import CountComparison, CoveredResource
from tests.stand_in import MEMBER, REGIONS

pytestmark = pytest.mark.django_db(transaction=True)
REGION = REGIONS[0]
EC2 = "AWS_EC2_INSTANCE"


def differing() -> set[tuple[str, str, int, int]]:
    rows = CountComparison.objects.filter(region=REGION).values_list("resource_type", "status_reason", "ours", "theirs")
    return {row for row in rows if row[2] != row[3]}


@pytest.fixture
def synced(organization: Organization, stand_in: StandIn) -> None:
    for name, reason in (("a", "STALE_INVENTORY"), ("b", "STALE_INVENTORY"), ("c", "NO_INVENTORY")):
        organization.add_instance(region=REGION, account_id=MEMBER, name=name, code="INACTIVE", reason=reason)
    call_command("sync", stdout=io.StringIO())


def test_after_a_sync_nothing_differs(synced: None) -> None:
    assert compare(REGION).outcome == RunOutcome.COMPLETE
    counted = CountComparison.objects.get(region=REGION, resource_type=EC2, status_reason="STALE_INVENTORY")
    assert (counted.ours, counted.theirs) == (2, 2)
    assert differing() == set()


def test_what_changed_at_aws_differs_by_reason(synced: None, organization: Organization) -> None:
    organization.add_instance(region=REGION, account_id=MEMBER, name="d", code="INACTIVE", reason="STALE_INVENTORY")
    CoveredResource.objects.filter(status_reason="NO_INVENTORY").update(status_reason="BRAND_NEW")
    compare(REGION)
    assert differing() == {(EC2, "STALE_INVENTORY", 2, 3), (EC2, "NO_INVENTORY", 0, 1), (EC2, "BRAND_NEW", 1, 0)}


def test_what_is_gone_here_is_not_counted(synced: None) -> None:
    first = CoveredResource.objects.filter(status_reason="NO_INVENTORY")
    first.update(gone_at=first.get().first_seen_at)
    compare(REGION)
    assert differing() == {(EC2, "NO_INVENTORY", 0, 1)}


def test_a_denied_comparison_keeps_the_last_one_and_makes_no_page_old(synced: None, stand_in: StandIn) -> None:
    compare(REGION)
    before = CountComparison.objects.count()
    stand_in.faults.add(operation="ListCoverageStatistics", status=403, code="AccessDeniedException", message="no")
    assert compare(REGION).outcome == RunOutcome.FAILED
    scope = SyncScope.objects.get(what=What.COMPARISON, region=REGION)
    assert scope.state == ScopeState.FAILED
    assert "Access denied to ListCoverageStatistics" in scope.error
    assert CountComparison.objects.count() == before
    assert Freshness.read().troubles == []


def test_a_lost_comparison_starts_nothing(synced: None, stand_in: StandIn) -> None:
    compare(REGION)
    stand_in.calls.clear()
    tasks.start_scope(SyncScope.objects.get(what=What.COMPARISON, region=REGION))
    assert stand_in.calls == []
