"""Reads that a person asked for: however often somebody clicks, one request a Region waits."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from aws.models import GLOBAL, LOST_AFTER, SyncRequest


def ask(region: str, by: str) -> bool:
    """Ask for a read of this Region (`global`: of all). False if one was asked for already and waits for a worker."""
    fresh = {"requested_by": by, "requested_at": Now(), "started_at": None}
    is_over = Q(started_at__isnull=False) | Q(requested_at__lt=Now() - LOST_AFTER)
    if SyncRequest.objects.filter(is_over, region=region).update(**fresh):
        return True
    return SyncRequest.objects.get_or_create(region=region, defaults=fresh)[1]


def waiting(region: str) -> SyncRequest | None:
    """What was asked for and waits for a worker: for this Region, or for all."""
    return SyncRequest.objects.waiting().filter(region__in=[region, GLOBAL]).order_by("requested_at").first()


def withdraw(region: str) -> None:
    """Forget a request that could not be queued."""
    SyncRequest.objects.filter(region=region, started_at=None).delete()


def take(region: str) -> None:
    """A worker begins with what was asked for."""
    SyncRequest.objects.filter(region=region, started_at=None).update(started_at=Now())


def forgotten(after: timedelta) -> list[str]:
    """What waits for longer than this: the broker has lost it."""
    lost = SyncRequest.objects.waiting().filter(requested_at__lt=Now() - after)
    return list(lost.order_by("requested_at").values_list("region", flat=True))
