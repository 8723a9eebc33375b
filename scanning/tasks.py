"""The sync as Celery tasks: small, safe to run twice, arguments that are ids and strings."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from celery import Signature, shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts import permissions
from accounts.tasks import sync_accounts, sync_organization
from aws import heartbeats, requests, runs
from aws.choices import RunOutcome, ScopeState, What
from aws.models import GLOBAL, SyncRun, SyncScope
from aws.runs import unless_running
from scanning import comparison, counts, finding_sync, plan, retention, sync
from scanning.choices import STATISTICS

log = logging.getLogger(__name__)

PERMISSIONS, COMPARISON = "permissions", "comparison"
"""How requests for these checks are named among the requests for reads."""

ABORTED_AT_MOST = 3
"""A scope whose runs were aborted this many times in a row is not started again before its time."""

FORGOTTEN_AFTER = timedelta(seconds=60)
"""How long after a dispatch, or a request, what was not begun may still wait in the queue."""


@shared_task
def dispatch_sync() -> None:
    """Start a sync of everything, once a period however many beats send this."""
    if heartbeats.take_turn(heartbeats.DISPATCH, settings.COVERAGE_SYNC_EVERY):
        start_regions(settings.COVERAGE_REGIONS)


@shared_task
def sync_now(region: str) -> None:
    """Start what a person asked for: one Region, or `global` for all."""
    requests.take(region)
    start_regions(settings.COVERAGE_REGIONS if region == GLOBAL else [region])


def start_regions(regions: Iterable[str]) -> None:
    """One task for each piece, over any number of workers."""
    sync_organization.delay()
    for region in regions:
        sync_accounts.delay(region)
        plan_coverage.delay(region)
        sync_findings.delay(region)


def asked_for(name: str) -> Signature[Any]:
    """The task of a request: a check by its name, or the read of a Region."""
    if name == PERMISSIONS:
        return check_permissions.s()
    return compare_now.s() if name == COMPARISON else sync_now.s(name)


@shared_task
def resume() -> None:
    """End the runs whose worker is gone, and start them anew: unless that scope ends its workers again and again.

    What a person asked for and the broker lost is sent again.
    """
    for name in requests.forgotten(FORGOTTEN_AFTER):
        log.warning("The broker or a killed worker lost what was asked for: %s", name)
        asked_for(name).delay()
    for run in runs.abort_expired():
        if _keeps_being_aborted(run.scope):
            log.error("%s was aborted %s times in a row: it waits for the next sync", run.scope, ABORTED_AT_MOST)
        else:
            start_scope(run.scope, run.expected)
    for scope in _forgotten():
        log.warning("%s was never begun: the broker or a killed worker lost its task", scope)
        start_scope(scope)


def _forgotten() -> list[SyncScope]:
    """What the last dispatch should have started and nobody began, although nothing at all is being read any more.

    A plan that is forgotten starts its resource types itself, and a resource type begins with the plan of its Region.
    Where that found no Inspector, it begins none.
    """
    dispatched_at = heartbeats.last_seen(heartbeats.DISPATCH, before=FORGOTTEN_AFTER)
    if dispatched_at is None or SyncRun.objects.unfinished().exists():
        return []
    monitored = SyncScope.objects.in_regions(settings.COVERAGE_REGIONS).exclude(what=What.COMPARISON)
    not_offered = Q(what=What.COVERAGE, state=ScopeState.SKIPPED) & ~Q(part=STATISTICS)
    never_begun = list(monitored.filter(last_started_at__lt=dispatched_at).exclude(not_offered))
    regions = {scope.region for scope in never_begun if scope.what == What.COVERAGE}
    plans = monitored.of(What.COVERAGE).filter(part=STATISTICS, region__in=regions)
    return [*plans, *(scope for scope in never_begun if scope.what != What.COVERAGE)]


def _keeps_being_aborted(scope: SyncScope) -> bool:
    latest = scope.runs.order_by("-generation").values_list("outcome", flat=True)[:ABORTED_AT_MOST]
    return list(latest) == [RunOutcome.ABORTED] * ABORTED_AT_MOST


def start_scope(scope: SyncScope, expected: int | None = None) -> None:
    if task := read_of(scope, expected):
        task.delay()


def read_of(scope: SyncScope, expected: int | None = None) -> Signature[Any] | None:
    """The task that reads this scope."""
    match scope.what:
        case What.ORGANIZATION:
            return sync_organization.s()
        case What.ACCOUNTS:
            return sync_accounts.s(scope.region)
        case What.FINDINGS:
            return sync_findings.s(scope.region)
        case What.COVERAGE if scope.part == STATISTICS:
            return plan_coverage.s(scope.region)
        case What.COVERAGE:
            return sync_coverage.s(scope.region, scope.part, expected)
    return None


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
def compare_every_region() -> None:
    for region in settings.COVERAGE_REGIONS:
        compare.delay(region)


@shared_task
def compare(region: str) -> None:
    """Our counts beside those of AWS. A lost one is not resumed: the next day, or a person, asks again."""
    unless_running(lambda: comparison.compare(region))


@shared_task
def compare_now() -> None:
    """A person asked for it."""
    requests.take(COMPARISON)
    compare_every_region()


@shared_task
def check_permissions() -> None:
    """Try every call that reads, and store what AWS answered."""
    requests.take(PERMISSIONS)
    try:
        for answer in permissions.check(settings.COVERAGE_REGIONS):
            log.debug("%s in %s: %s", answer.call.action, answer.region, answer.permission)
    except permissions.BadCredentials as bad:
        log.warning("The permissions could not be checked: %s", bad)


@shared_task
def recount() -> None:
    for region in settings.COVERAGE_REGIONS:
        if wrong := counts.recount(region):
            log.error("%s counters in %s were wrong and have been corrected", wrong, region)


@shared_task
def take_snapshots() -> None:
    for region in settings.COVERAGE_REGIONS:
        counts.take_snapshot(region, timezone.now())
    heartbeats.beat(heartbeats.SNAPSHOT)


@shared_task
def purge() -> None:
    retention.purge()
