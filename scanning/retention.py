"""Remove what is older than the retention: gone resources and findings, and the history of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import AccountChange
from aws.choices import What
from aws.models import SyncRun, SyncScope
from scanning.counts import KEY_FIELDS
from scanning.models import CoverageSnapshot, CoveredResource, Finding, StatusChange

CHUNK = 1000


def purge() -> int:
    """Delete in small transactions. Returns the number of rows.

    Of what a status or a counter became, the last before the retention stays: it still held when that began.
    """
    before = timezone.now() - settings.COVERAGE_RETENTION
    deleted = 0
    for queryset in (
        _followed(StatusChange.objects.filter(at__lt=before), "at", ("resource_id",)),
        SyncRun.objects.filter(ended_at__lt=before),
        AccountChange.objects.filter(at__lt=before),
        _followed(CoverageSnapshot.objects.filter(valid_from__lt=before), "valid_from", KEY_FIELDS),
    ):
        deleted += _delete_in_chunks(queryset)
    for what, gone in (
        (What.COVERAGE, CoveredResource.objects.filter(gone_at__lt=before)),
        (What.FINDINGS, Finding.objects.filter(gone_at__lt=before)),
    ):
        for region in list(gone.order_by().values_list("region", flat=True).distinct()):
            deleted += _delete_in_chunks(gone.filter(region=region), SyncScope.objects.of(what).filter(region=region))
    return deleted


def _followed(old: QuerySet[Any], time: str, key: Sequence[str]) -> QuerySet[Any]:
    """Those among these old rows behind which a later one of the same key is old as well."""
    later = Q(**{f"{time}__gt": OuterRef(time)}) | Q(**{time: OuterRef(time), "pk__gt": OuterRef("pk")})
    return old.filter(Exists(old.filter(later, **{field: OuterRef(field) for field in key})))


def _delete_in_chunks(queryset: QuerySet[Any], scopes: QuerySet[SyncScope] | None = None) -> int:
    """Delete these rows, under the locks of their scopes: what a read brought back meanwhile is none of them."""
    deleted = 0
    while pks := list(queryset.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            if scopes is not None:
                list(scopes.order_by("pk").select_for_update().values_list("pk"))
            _, by_model = queryset.model._default_manager.filter(pk__in=_still(queryset, pks)).delete()
            deleted += by_model.get(queryset.model._meta.label, 0)
    return deleted


def _still(queryset: QuerySet[Any], pks: list[int]) -> list[int]:
    return list(queryset.filter(pk__in=pks).values_list("pk", flat=True))
