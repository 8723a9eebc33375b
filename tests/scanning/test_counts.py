"""Counters beside the rows: recounted, and remembered for trends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from scanning import tasks
from scanning.counts import recount, take_snapshot
from scanning.models import CoverageCount, CoverageSnapshot
from scanning.retention import purge
from tests import factories

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 23, 0, 2, tzinfo=UTC)


def remembered() -> list[tuple[str, int]]:
    return list(CoverageSnapshot.objects.order_by("valid_from", "account_id").values_list("account_id", "count"))


def test_a_snapshot_remembers_only_what_changed() -> None:
    counter = CoverageCount.objects.create(
        region=factories.REGION, account_id="", resource_type="AWS_EC2_INSTANCE", scan_type="PACKAGE",
        group="scanning", status_key="actively-monitoring", kind="scanning", count=5,
    )  # fmt: skip
    assert take_snapshot(factories.REGION, MONDAY) == 1
    assert take_snapshot(factories.REGION, MONDAY + timedelta(days=1)) == 0
    counter.refresh_from_db()
    counter.count = 0
    counter.save()
    assert take_snapshot(factories.REGION, MONDAY + timedelta(days=2)) == 1
    assert remembered() == [("", 5), ("", 0)], "nothing left is remembered too"


def test_the_daily_task_remembers_every_region_that_is_read() -> None:
    for region in settings.COVERAGE_REGIONS:
        CoverageCount.objects.create(
            region=region, account_id="", resource_type="AWS_EC2_INSTANCE", scan_type="PACKAGE",
            group="scanning", status_key="actively-monitoring", kind="scanning", count=1,
        )  # fmt: skip
    tasks.take_snapshots()
    assert set(CoverageSnapshot.objects.values_list("region", flat=True)) == set(settings.COVERAGE_REGIONS)


def test_wrong_counters_are_corrected() -> None:
    CoverageCount.objects.create(
        region=factories.REGION, account_id="", resource_type="AWS_EC2_INSTANCE", scan_type="PACKAGE",
        group="scanning", status_key="actively-monitoring", kind="scanning", count=7,
    )  # fmt: skip
    assert recount(factories.REGION) == 1
    assert CoverageCount.objects.get().count == 0


def test_what_is_past_the_retention_is_purged() -> None:
    for age in (settings.COVERAGE_RETENTION + timedelta(days=1), timedelta(days=1)):
        CoverageSnapshot.objects.create(
            region=factories.REGION, account_id="", resource_type="AWS_EC2_INSTANCE", scan_type="PACKAGE",
            group="scanning", status_key="x", kind="scanning", count=1, valid_from=timezone.now() - age,
        )  # fmt: skip
    assert purge() == 1
    assert CoverageSnapshot.objects.count() == 1
