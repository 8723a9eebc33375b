"""What must hold after each case, asked of the database, the stand-in's truth, the logs and the broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Count
from django.db.models.functions import Now

from accounts.models import AwsAccount, RegionalAccount
from aws.choices import RunOutcome, ScopeState, What
from aws.models import SyncRun, SyncScope
from scanning import counts
from scanning.models import CoveredResource, Finding, FindingCount
from scanning.rows import to_finding, to_row
from tests.torture.machine import CANARY, HOST, Machine

Key = tuple[str, ...]
ROW_KEY = ("region", "account_id", "resource_type", "resource_id", "scan_type")


@dataclass
class Tally:
    """The sums of a whole run, for the report."""

    cases: int = 0
    faults: int = 0
    kills: int = 0
    broker: int = 0
    database: int = 0
    wrongly_gone: int = 0
    doubled: int = 0
    hung: int = 0
    locked: int = 0
    broken: list[str] = field(default_factory=list)
    recovery: dict[str, list[float]] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def case(self, kind: str, seconds: float | None = None) -> None:
        self.cases += 1
        self.done[kind] = self.done.get(kind, 0) + 1
        if seconds is not None:
            self.recovery.setdefault(kind, []).append(seconds)

    def blame(self, case: str, what: str) -> None:
        line = f"{case}: {what}"
        self.broken.append(line)
        print(f"  BROKEN {line}", flush=True)


def patient(ask: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask the database, again if it is just being started."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (DatabaseError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class World:
    """The database of the product beside the truth of the stand-in."""

    def __init__(self, machine: Machine, tally: Tally, reader: Any = None) -> None:
        self.machine, self.tally = machine, tally
        self.present_before: set[Key] = set()
        self.findings_before: set[str] = set()
        self.excused_locks = 0
        """A process that is frozen inside of a transaction locks SQLite for as long: nobody can help that."""

    # Before and after a case

    def remember(self) -> None:
        """What is there now: none of it may be gone afterwards unless it is gone from AWS."""
        self.present_before = patient(self._present)
        self.findings_before = patient(lambda: set(Finding.objects.present().values_list("finding_arn", flat=True)))

    def _present(self) -> set[Key]:
        return set(CoveredResource.objects.present().values_list(*ROW_KEY))

    def check(self, case: str, *, is_clean: bool = False, is_quiet: bool = True) -> None:
        """The invariants; `is_clean`: after a clean sync; `is_quiet`: nothing is under way."""
        patient(lambda: self._check(case, is_clean, is_quiet))

    def _check(self, case: str, is_clean: bool, is_quiet: bool) -> None:
        blame = self.tally.blame
        for region in settings.COVERAGE_REGIONS:
            truth = self._truth(region)
            if wrong := self._wrongly_gone(region, truth):
                self.tally.wrongly_gone += len(wrong)
                blame(case, f"I1: {len(wrong)} rows wrongly gone in {region}, such as {sorted(wrong)[0]}")
            if is_clean:
                self._compare(case, region, truth)
                self._compare_findings(case, region)
            if wrong_counters := counts.recount(region):
                blame(case, f"{wrong_counters} counters in {region} were wrong")
        doubled = CoveredResource.objects.values(*ROW_KEY).annotate(n=Count("id")).filter(n__gt=1).count()
        doubled += Finding.objects.values("finding_arn").annotate(n=Count("id")).filter(n__gt=1).count()
        if doubled:
            self.tally.doubled += doubled
            blame(case, f"I4: {doubled} keys doubled")
        self._check_runs(case, is_quiet)

    def _truth(self, region: str) -> dict[Key, Any]:
        items = self.machine.control("truth", {"region": region})
        rows = [to_row(item, region) for item in items]
        return {tuple(getattr(row, name) for name in ROW_KEY): row for row in rows}

    def _wrongly_gone(self, region: str, truth: dict[Key, Any]) -> set[Key]:
        there = {key for key in self._present() if key[0] == region}
        wrong = {key for key in self.present_before if key[0] == region and key in truth} - there
        arns = {item["findingArn"] for item in self.machine.control("truth", {"region": region, "findings": True})}
        gone = Finding.objects.filter(region=region, finding_arn__in=self.findings_before & arns).exclude(gone_at=None)
        return wrong | {("finding", arn) for arn in gone.values_list("finding_arn", flat=True)}

    def _compare(self, case: str, region: str, truth: dict[Key, Any]) -> None:
        """I2: what is not gone equals the truth, except absentees that still await their second read."""
        ours = {
            tuple(getattr(row, name) for name in ROW_KEY): row
            for row in CoveredResource.objects.present().filter(region=region)
        }
        lacking = truth.keys() - ours.keys()
        excess = [key for key in ours.keys() - truth.keys() if ours[key].missing_since is None]
        differing = [
            key for key in truth.keys() & ours.keys() if bytes(ours[key].content_hash) != truth[key].content_hash
        ]
        missing = [key for key in truth.keys() & ours.keys() if ours[key].missing_since is not None]
        for words, found in (
            ("rows are lacking", lacking),
            ("rows too many", excess),
            ("rows differ", differing),
            ("rows that are there are marked missing", missing),
        ):
            if found:
                self.tally.blame(case, f"I2: {len(found)} {words} in {region}, such as {sorted(found)[0]}")

    def _compare_findings(self, case: str, region: str) -> None:
        items = self.machine.control("truth", {"region": region, "findings": True})
        truth = {item["findingArn"]: to_finding(item, region).content_hash for item in items}
        ours = {
            arn: bytes(digest)
            for arn, digest in Finding.objects.present()
            .filter(region=region, missing_since=None)
            .exclude(status="CLOSED")
            .values_list("finding_arn", "content_hash")
        }
        if lacking := truth.keys() - ours.keys():
            self.tally.blame(case, f"I2: {len(lacking)} findings are lacking in {region}")
        if wrong := [arn for arn in truth.keys() & ours.keys() if truth[arn] != ours[arn]]:
            self.tally.blame(case, f"I2: {len(wrong)} findings differ in {region}")
        with transaction.atomic():
            list(SyncScope.objects.select_for_update().filter(what=What.FINDINGS, region=region))
            before = {row.pk: _severities(row) for row in FindingCount.objects.filter(region=region)}
            owners = Finding.objects.filter(region=region).values_list("account_id", "resource_id", "scan_type")
            counts.recount_findings(region, set(owners))
            after = {row.pk: _severities(row) for row in FindingCount.objects.filter(region=region)}
        if wrong_counts := sum(before.get(pk, (0,) * 6) != found for pk, found in after.items()):
            self.tally.blame(case, f"{wrong_counts} counts of findings in {region} were wrong")

    def _check_runs(self, case: str, is_quiet: bool) -> None:
        """I3: a run that is not over has its scope's lease; every other one ended, with a reason where it failed."""
        for run in SyncRun.objects.unfinished().select_related("scope"):
            if not is_quiet and run.generation == run.scope.generation and run.scope.is_running:
                continue
            self.tally.hung += 1
            self.tally.blame(case, f"I3: {run} hangs")
        unexplained = SyncRun.objects.exclude(outcome__in=[RunOutcome.RUNNING, RunOutcome.COMPLETE]).filter(error="")
        for run in unexplained.exclude(outcome=RunOutcome.SKIPPED):
            self.tally.blame(case, f"I3: {run} has no reason")
        for scope in SyncScope.objects.filter(state=ScopeState.HELD):
            if not scope.error:
                self.tally.blame(case, f"{scope} is held without a reason")

    # Time

    def now(self) -> datetime:
        def ask() -> datetime:
            scope = SyncScope.objects.annotate(now=Now()).values_list("now", flat=True).first()
            assert scope is not None
            return scope

        found: datetime = patient(ask)
        return found

    def everything_complete_since(self, moment: datetime, scopes: Iterable[int] | None = None) -> bool:
        """Whether each scope was read completely in a run that began after this moment, and nothing hangs."""
        try:
            late = SyncScope.objects.exclude(state=ScopeState.SKIPPED).exclude(what=What.COMPARISON)
            if scopes is not None:
                late = late.filter(pk__in=list(scopes))
            complete = SyncRun.objects.filter(outcome=RunOutcome.COMPLETE, started_at__gt=moment)
            if late.exclude(pk__in=complete.values("scope")).exists():
                return False
            return not SyncRun.objects.unfinished().filter(started_at__lt=moment).exists()
        except (DatabaseError, InterfaceError):
            connection.close()
            return False

    def expire_leases(self) -> None:
        """As if the time of every lease had passed: the process that held it is dead, and we do not wait for it."""
        SyncScope.objects.exclude(lease_until=None).update(lease_until=self.now() - timedelta(seconds=1))

    # What must not be said

    def check_logs(self, case: str) -> None:
        """I6: no secret in any log; and SQLite never says that it is locked."""
        for part in self.machine.parts.values():
            text = part.log.read_text(errors="replace")
            if CANARY in text:
                self.tally.blame(case, f"I6: a secret is in the log of {part.name}")
        if locked := self.times_locked() - self.excused_locks:
            self.tally.locked += locked
            self.tally.blame(case, f"{locked} × database is locked in the logs")
        said = "".join(SyncRun.objects.values_list("error", flat=True)) + "".join(
            SyncScope.objects.values_list("error", flat=True)
        )
        if CANARY in said:
            self.tally.blame(case, "I6: a secret is in the database")
        self._check_broker(case)

    def times_locked(self) -> int:
        logs = [part.log.read_text(errors="replace") for part in self.machine.parts.values()]
        return sum(text.count("sqlite3.OperationalError: database is locked") for text in logs)

    def _check_broker(self, case: str) -> None:
        import redis

        client: Any = redis.Redis(HOST, self.machine.broker_port)
        for key in client.scan_iter(count=500):
            values: list[Any] = []
            match client.type(key):
                case b"string":
                    values = [client.get(key)]
                case b"list":
                    values = client.lrange(key, 0, -1)
                case b"hash":
                    values = client.hvals(key)
            if any(CANARY.encode() in (value or b"") for value in values):
                self.tally.blame(case, f"I6: a secret is in the broker under {key!r}")

    def accounts(self) -> tuple[int, int]:
        return AwsAccount.objects.filter(departed_at=None).count(), RegionalAccount.objects.count()


def _severities(row: FindingCount) -> tuple[int, ...]:
    return tuple(getattr(row, name) for name in counts.SEVERITY_FIELDS.values())
