"""Remove what is older than the retention: gone resources and findings, and the history of runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts.models import AccountChange
from aws.models import SyncRun
from scanning.models import CoverageSnapshot, CoveredResource, Finding, StatusChange

CHUNK = 1000


def purge() -> int:
    """Delete in small transactions. Returns the number of rows."""
    before = timezone.now() - settings.COVERAGE_RETENTION
    querysets: Iterable[models.QuerySet[Any]] = (
        StatusChange.objects.filter(at__lt=before),
        CoveredResource.objects.filter(gone_at__lt=before),
        Finding.objects.filter(gone_at__lt=before),
        SyncRun.objects.filter(ended_at__lt=before),
        AccountChange.objects.filter(at__lt=before),
        CoverageSnapshot.objects.filter(valid_from__lt=before),
    )
    return sum(_delete_in_chunks(queryset) for queryset in querysets)


def _delete_in_chunks(queryset: models.QuerySet[Any]) -> int:
    deleted = 0
    while pks := list(queryset.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            queryset.model._default_manager.filter(pk__in=pks).delete()
        deleted += len(pks)
    return deleted
