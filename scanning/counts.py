"""The counters above and inside the tabs: changed by delta together with the rows, recounted nightly as a check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F

from aws.choices import What
from aws.models import SyncScope
from scanning.choices import Severity
from scanning.models import CoverageCount, CoverageSnapshot, CoveredResource, Finding, FindingCount

CounterKey = tuple[str, str, str, str, str, str, str]
KEY_FIELDS = ("region", "account_id", "resource_type", "scan_type", "group", "status_key", "kind")


class CountDelta:
    """What rows that come, change and go do to the counters. Applied once, in the transaction that writes the rows."""

    def __init__(self) -> None:
        self.change: Counter[CounterKey] = Counter()

    def add(self, row: CoveredResource, by: int = 1) -> None:
        for account_id in (row.account_id, ""):
            key = (row.region, account_id, row.resource_type, row.scan_type, row.group, row.status_key, row.kind)
            self.change[key] += by

    def take(self, row: CoveredResource) -> None:
        self.add(row, -1)

    def apply(self) -> None:
        changed = {key: by for key, by in self.change.items() if by}
        if not changed:
            return
        regions, accounts = {key[0] for key in changed}, {key[1] for key in changed}
        known: dict[CounterKey, int] = {
            tuple(key): pk
            for pk, *key in CoverageCount.objects.filter(region__in=regions, account_id__in=accounts).values_list(
                "pk", *KEY_FIELDS
            )
        }
        by_amount: dict[int, list[int]] = {}
        new = []
        for key, by in changed.items():
            if key in known:
                by_amount.setdefault(by, []).append(known[key])
            else:
                new.append(CoverageCount(**dict(zip(KEY_FIELDS, key, strict=True)), count=by))
        for by, pks in by_amount.items():
            CoverageCount.objects.filter(pk__in=pks).update(count=F("count") + by)
        CoverageCount.objects.bulk_create(new)


def recount(region: str) -> int:
    """Count one Region's rows afresh and correct the counters. Returns how many were wrong: it should be none.

    Whoever writes rows holds the row of its scope; we hold them all, so that nothing changes between our two looks.
    """
    with transaction.atomic():
        scopes = SyncScope.objects.of(What.COVERAGE).filter(region=region).order_by("pk")
        list(scopes.select_for_update().values_list("pk"))
        return _recount(region)


def _recount(region: str) -> int:
    true: Counter[CounterKey] = Counter()
    rows = CoveredResource.objects.present().filter(region=region).order_by()
    for *key, count in rows.values_list(*KEY_FIELDS).annotate(Count("id")):
        true[tuple(key)] += count
        key[1] = ""
        true[tuple(key)] += count
    wrong = 0
    for stored in CoverageCount.objects.filter(region=region):
        key = tuple(getattr(stored, field) for field in KEY_FIELDS)
        should = true.pop(key, 0)
        if stored.count != should:
            wrong += 1
            CoverageCount.objects.filter(pk=stored.pk).update(count=should)
    missing = [CoverageCount(**dict(zip(KEY_FIELDS, key, strict=True)), count=count) for key, count in true.items()]
    CoverageCount.objects.bulk_create(missing)
    return wrong + len(missing)


def take_snapshot(region: str, at: datetime) -> int:
    """Remember the counters that changed since the last snapshot, for trends. Returns how many."""
    with transaction.atomic():
        changed = list(CoverageCount.objects.filter(region=region).exclude(count=F("remembered")))
        CoverageSnapshot.objects.bulk_create(
            CoverageSnapshot(
                **{field: getattr(counter, field) for field in KEY_FIELDS}, count=counter.count, valid_from=at
            )
            for counter in changed
        )
        for counter in changed:
            counter.remembered = counter.count
        CoverageCount.objects.bulk_update(changed, ["remembered"], batch_size=500)
    return len(changed)


FindingKey = tuple[str, str, str]
SEVERITY_FIELDS = {severity.value: severity.value.lower() for severity in Severity}


def recount_findings(region: str, resources: Iterable[FindingKey]) -> None:
    """Count afresh the active findings of these (account, resource id, scan type), in the caller's transaction."""
    wanted = set(resources)
    if not wanted:
        return
    rows = {key: FindingCount(region=region, account_id=key[0], resource_id=key[1], scan_type=key[2]) for key in wanted}
    found = (
        Finding.objects.open()
        .filter(region=region, account_id__in={key[0] for key in wanted}, resource_id__in={key[1] for key in wanted})
        .order_by()
        .values_list("account_id", "resource_id", "scan_type", "severity")
        .annotate(Count("id"))
    )
    for account_id, resource_id, scan_type, severity, count in found:
        if row := rows.get((account_id, resource_id, scan_type)):
            field = SEVERITY_FIELDS.get(severity, "untriaged")
            setattr(row, field, getattr(row, field) + count)
    FindingCount.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["account_id", "region", "resource_id", "scan_type"],
        update_fields=list(SEVERITY_FIELDS.values()),
    )
