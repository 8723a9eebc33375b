"""`manage.py sync`: read AWS now, without a broker; one line for each scope."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.sync import sync_accounts, sync_organization
from aws.choices import RunOutcome, What
from aws.errors import AlreadyRunning
from aws.models import SyncRun
from scanning.finding_sync import sync_findings
from scanning.plan import plan_coverage
from scanning.sync import sync_coverage

ONLY = (What.ACCOUNTS.value, What.COVERAGE.value, What.FINDINGS.value)


class Command(BaseCommand):
    help = "Read accounts, coverage and findings from AWS. Exits with 0 only if every scope was read completely."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--region", action="append", metavar="R", help="Only this Region; may be given again")
        parser.add_argument("--only", choices=ONLY, help="Only this kind of data")

    def handle(self, *args: Any, region: list[str] | None, only: str | None, **options: Any) -> None:
        wanted = region or settings.COVERAGE_REGIONS
        unknown = [name for name in wanted if name not in settings.COVERAGE_REGIONS]
        if unknown:
            raise CommandError(f"{unknown[0]} is not among COVERAGE_REGIONS ({', '.join(settings.COVERAGE_REGIONS)}).")
        with told_once():
            incomplete = sum(not self._is_complete(read) for read in self._reads(wanted, only))
        if incomplete:
            raise CommandError(f"{incomplete} of the scopes were not read completely; what was known of them is kept.")

    def _is_complete(self, read: Callable[[], SyncRun]) -> bool:
        try:
            run = read()
        except AlreadyRunning as running:
            self.stdout.write(f"{running}: not started a second time.")
            return False
        self.stdout.write(line(run))
        self.stdout.flush()
        return counts_as_complete(run)

    def _reads(self, regions: list[str], only: str | None) -> Iterator[Callable[[], SyncRun]]:
        if only in {None, What.ACCOUNTS}:
            yield sync_organization
            for region in regions:
                yield partial(sync_accounts, region)
        for region in regions:
            if only in {None, What.COVERAGE}:
                yield from self._coverage_reads(region)
            if only in {None, What.FINDINGS}:
                yield partial(sync_findings, region)

    def _coverage_reads(self, region: str) -> Iterator[Callable[[], SyncRun]]:
        parts: dict[str, int | None] = {}

        def plan() -> SyncRun:
            run, planned = plan_coverage(region)
            parts.update(planned)
            return run

        yield plan
        for part, expected in parts.items():
            yield partial(sync_coverage, region, part, expected)


@contextmanager
def told_once() -> Iterator[None]:
    """Why a scope could not be read stands on its line: only what nobody expected is logged besides."""
    log = logging.getLogger("aws.runs")
    log.addFilter(_is_unexpected)
    try:
        yield
    finally:
        log.removeFilter(_is_unexpected)


def _is_unexpected(record: logging.LogRecord) -> bool:
    return bool(record.exc_info) or record.levelno != logging.WARNING


def counts_as_complete(run: SyncRun) -> bool:
    """Skipped Regions do; and without Organizations only names and the denominator are unknown."""
    return run.outcome in {RunOutcome.COMPLETE, RunOutcome.SKIPPED} or (
        run.scope.what == What.ORGANIZATION and run.outcome == RunOutcome.FAILED
    )


def line(run: SyncRun) -> str:
    """Region, what, read, new, changed, missing, gone, seconds; or the error in words."""
    scope = run.scope
    head = f"{scope.region:<16} {scope.what + (' ' + scope.part if scope.part else ''):<36}"
    if run.outcome == RunOutcome.COMPLETE:
        return (
            f"{head} read {run.read:>6,}  new {run.new:>6,}  changed {run.changed:>5,}"
            f"  missing {run.missing:>4,}  gone {run.gone:>4,}  {run.seconds:6.1f} s"
        )
    return f"{head} {run.outcome.upper()}: {run.error or scope.error}"
