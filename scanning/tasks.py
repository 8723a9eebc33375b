"""The sync as Celery tasks: small, safe to run twice, arguments that are ids and strings."""

from __future__ import annotations

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts.tasks import sync_accounts, sync_organization
from aws.runs import unless_running
from scanning import counts, finding_sync, plan, retention, sync

log = logging.getLogger(__name__)


@shared_task
def dispatch_sync() -> None:
    """Start a sync of everything: one task for each piece, over any number of workers."""
    sync_organization.delay()
    for region in settings.COVERAGE_REGIONS:
        sync_accounts.delay(region)
        plan_coverage.delay(region)
        sync_findings.delay(region)


@shared_task
def plan_coverage(region: str) -> None:
    started = unless_running(lambda: plan.plan_coverage(region))
    if started:
        _, parts = started
        for resource_type, expected in parts.items():
            sync_coverage.delay(region, resource_type, expected)


@shared_task
def sync_coverage(region: str, resource_type: str, expected: int | None = None) -> None:
    unless_running(lambda: sync.sync_coverage(region, resource_type, expected))


@shared_task
def sync_findings(region: str) -> None:
    unless_running(lambda: finding_sync.sync_findings(region))


@shared_task
def recount() -> None:
    for region in settings.COVERAGE_REGIONS:
        if wrong := counts.recount(region):
            log.error("%s counters in %s were wrong and have been corrected", wrong, region)


@shared_task
def take_snapshots() -> None:
    for region in settings.COVERAGE_REGIONS:
        counts.take_snapshot(region, timezone.now())


@shared_task
def purge() -> None:
    retention.purge()
