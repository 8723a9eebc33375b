"""What AWS said that the status map does not know: combinations and how often, without anything about accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from django.db.models import Count

from scanning.models import CoveredResource
from scanning.statuses import is_known


class Unseen(TypedDict):
    resource_type: str
    scan_type: str
    status_code: str
    reason: str
    scan_frequency: str
    scan_mode: str
    rows: int


def unseen_statuses() -> Iterator[Unseen]:
    """One grouped query over what is present; the most frequent first."""
    grouped = (
        CoveredResource.objects.present()
        .values_list("resource_type", "scan_type", "status_code", "status_reason", "scan_frequency", "scan_mode")
        .annotate(rows=Count("id"))
        .order_by("-rows", "resource_type", "status_code", "status_reason", "scan_frequency", "scan_mode", "scan_type")
    )
    for resource_type, scan_type, code, reason, frequency, mode, rows in grouped:
        if not is_known(resource_type, code, reason, frequency):
            yield Unseen(
                resource_type=resource_type,
                scan_type=scan_type,
                status_code=code,
                reason=reason,
                scan_frequency=frequency,
                scan_mode=mode,
                rows=rows,
            )
