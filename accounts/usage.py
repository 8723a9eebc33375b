"""Use and its estimated cost from ListUsageTotals into our rows: once a day, and never a reason for a read to fail."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts.models import BATCH, AccountUsage
from aws.decoding import clean
from aws.errors import ServiceError, describe
from aws.paging import pages

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
ACCOUNTS_A_PAGE = 500


def read_usage(client: Inspector2Client, region: str) -> dict[str, list[dict[str, Any]]] | None:
    """Account → its usage in this Region. None: it was read lately, or is not told; what is known stays."""
    if AccountUsage.objects.filter(region=region, read_at__gt=timezone.now() - EVERY).exists():
        return None
    try:
        return {
            str(one["accountId"]): clean(list(one.get("usage") or []))
            for page in pages(client, "list_usage_totals", "totals", maxResults=ACCOUNTS_A_PAGE)
            for one in page
        }
    except ServiceError as error:
        log.warning("Usage in %s is not told: %s", region, describe(error))
        return None


def store_usage(region: str, found: dict[str, list[dict[str, Any]]] | None, now: datetime) -> None:
    """What AWS told takes the place of what was known of the Region."""
    if found is None:
        return
    here = AccountUsage.objects.filter(region=region)
    here.exclude(account_id__in=found).delete()
    AccountUsage.objects.bulk_create(
        (AccountUsage(account_id=one, region=region, usage=usage, read_at=now) for one, usage in found.items()),
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["region", "account_id"],
        update_fields=["usage", "read_at"],
    )
