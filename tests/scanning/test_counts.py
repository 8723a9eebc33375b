"""Counters beside the rows: recounted, and remembered for trends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from scanning import details, tasks
from scanning.counts import CountDelta, recount, take_snapshot
from scanning.models import CoverageCount, CoverageSnapshot, CoveredResource
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
    assert purge() == 0
    assert CoverageSnapshot.objects.count() == 2, "the older one still held when the retention began"
    CoverageSnapshot.objects.update(valid_from=timezone.now() - settings.COVERAGE_RETENTION - timedelta(days=2))
    assert purge() == 1
    assert purge() == 0


def test_a_status_that_lasts_longer_than_the_retention_is_still_told() -> None:
    days = timedelta(days=1)
    now = timezone.now()
    row = factories.instance("web", first_seen_at=now - 900 * days)
    for age in (800, 500):
        factories.status_change(row, now - age * days, ("INACTIVE", "UNMANAGED_EC2_INSTANCE"), ("ACTIVE", "SUCCESSFUL"))
    steady = factories.instance("db", first_seen_at=now - 900 * days)
    assert purge() == 1
    assert [change.at for change in details._history([row])] == [now - 500 * days], "what was before is not known"
    assert [change.at for change in details._history([steady])] == [now - 900 * days]


def test_what_a_read_brings_back_while_it_is_purged_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    row = factories.instance("web", gone_at=timezone.now() - settings.COVERAGE_RETENTION - timedelta(days=1))
    begin = transaction.atomic

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        CoveredResource.objects.filter(pk=row.pk).update(gone_at=None)
        return begin(*arguments, **options)

    monkeypatch.setattr(transaction, "atomic", meanwhile)
    assert purge() == 0
    assert CoveredResource.objects.filter(pk=row.pk).exists()
    monkeypatch.undo()
    CoveredResource.objects.update(gone_at=timezone.now() - settings.COVERAGE_RETENTION - timedelta(days=1))
    assert purge() == 1


def test_a_page_of_rows_of_many_accounts_changes_the_counters_by_few_statements(
    django_assert_max_num_queries: Any,
) -> None:
    rows = [factories.instance(account_id=f"{10**11 + number}") for number in range(200)]
    delta = CountDelta()
    for row in rows:
        delta.take(row)
    with django_assert_max_num_queries(3):
        delta.apply()
    assert recount(factories.REGION) == 201, "the counters say that they are gone, the rows that they are not"
