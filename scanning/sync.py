"""Make our coverage rows equal to AWS': one read of one resource type in one Region."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from accounts.choices import ResourceScanType
from accounts.inspector import who_am_i
from accounts.models import AwsAccount, ScanTypeStatus
from aws import session
from aws.choices import HoldKind, What
from aws.errors import ReadError
from aws.models import SyncRun
from aws.runs import Run, run_scope
from scanning import inspector
from scanning.absence import Absence, Absentee, settle
from scanning.choices import ResourceType
from scanning.counts import CountDelta
from scanning.models import CoveredResource, StatusChange
from scanning.rows import CoverageKey, key_of, to_row, wait_from

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

KEY = ("region", "account_id", "resource_type", "resource_id", "scan_type")
WRITTEN = [
    field.name for field in CoveredResource._meta.concrete_fields if field.name not in {*KEY, "id", "first_seen_at"}
]
ACTIVATED_BY = {
    ResourceType.AWS_EC2_INSTANCE: ResourceScanType.EC2,
    ResourceType.AWS_ACCOUNT: ResourceScanType.EC2,
    ResourceType.AWS_ECR_REPOSITORY: ResourceScanType.ECR,
    ResourceType.AWS_ECR_CONTAINER_IMAGE: ResourceScanType.ECR,
    ResourceType.AWS_LAMBDA_FUNCTION: ResourceScanType.LAMBDA,
    ResourceType.CODE_REPOSITORY: ResourceScanType.CODE_REPOSITORY,
    ResourceType.MACHINE_IMAGE: ResourceScanType.AMI,
}


def sync_coverage(region: str, resource_type: str, expected: int | None = None) -> SyncRun:
    """Read the coverage of one resource type in one Region.

    `expected` is the number of rows that ListCoverageStatistics announced; None if it could not be asked.
    """

    def read(run: Run) -> None:
        run.expect(expected)
        held = CoveredResource.objects.present().filter(region=region, resource_type=resource_type)
        if expected == 0 and not held.exists():
            return
        client = session.inspector(region)
        caller = who_am_i(session.sts(region), client)
        run.seen_by(caller.account_id, caller.kind)
        CoverageRead(run, client, region, resource_type).read_all()

    return run_scope(What.COVERAGE, region, resource_type, read)


class CoverageRead:
    """One complete read: the digests of what we hold, compared page by page with what AWS lists."""

    def __init__(self, run: Run, client: Inspector2Client, region: str, resource_type: str) -> None:
        self.run = run
        self.client = client
        self.region = region
        self.resource_type = resource_type
        self.rows = CoveredResource.objects.filter(region=region, resource_type=resource_type)
        self.digests: dict[bytes, bytes] = {}
        self.marked: set[bytes] = set()
        self.gone: set[bytes] = set()
        self.seen: set[bytes] = set()
        self.accounts: set[str] = set()

    def read_all(self) -> None:
        self._load_known()
        held_rows = len(self.digests) - len(self.gone)
        # Who believes the list in spite of the statistics does not let them say where it must end.
        expected = None if self.run.is_released_for(HoldKind.INCOMPLETE) else self.run.log.expected
        for page in inspector.list_coverage(self.client, self.resource_type, expected):
            self.run.counts.read += len(page)
            self.store(self._rows(page))
        settle(
            self.run,
            list(self._absentees()),
            held_rows=held_rows,
            excused=self._excused_accounts(),
            absence=Absence(self._mark_missing, self._mark_gone, self._still_there),
        )

    def _rows(self, page: Iterable[inspector.Item]) -> list[CoveredResource]:
        """What AWS lists of another type than it was asked for is not stored: another read is responsible for it."""
        rows = [to_row(item, self.region) for item in page]
        if stray := next((row for row in rows if row.resource_type != self.resource_type), None):
            raise ReadError(f"AWS listed {stray.resource_type} where it was asked for {self.resource_type}.")
        return rows

    def store(self, rows: Iterable[CoveredResource]) -> None:
        """Write the new and the changed among these rows, with their history and counters, in one transaction."""
        fresh: dict[CoverageKey, CoveredResource] = {}
        changed: dict[CoverageKey, CoveredResource] = {}
        for row in rows:
            fingerprint = _fingerprint(*key_of(row))
            self.seen.add(fingerprint)
            held = self.digests.get(fingerprint)
            if held is None or key_of(row) in fresh:
                fresh[key_of(row)] = row
            elif held != row.content_hash or fingerprint in self.marked:
                changed[key_of(row)] = row
            self.digests[fingerprint] = bytes(row.content_hash)
            self.marked.discard(fingerprint)
        if not fresh and not changed:
            self.run.keep_alive()
            return
        with self.run.writing() as now:
            delta = CountDelta()
            self._insert(fresh, delta, now)
            self._update(changed, delta, now)
            delta.apply()

    def _insert(self, fresh: dict[CoverageKey, CoveredResource], delta: CountDelta, now: datetime) -> None:
        for row in fresh.values():
            wait_from(row, now)
            delta.add(row)
        newcomers = {row.account_id for row in fresh.values()} - self.accounts
        AwsAccount.objects.ensure(newcomers, now)
        self.accounts |= newcomers
        CoveredResource.objects.bulk_create(fresh.values())
        self.run.counts.new += len(fresh)
        self.run.counts.cleaned += sum(row.is_cleaned for row in fresh.values())

    def _update(self, changed: dict[CoverageKey, CoveredResource], delta: CountDelta, now: datetime) -> None:
        if not changed:
            return
        history = []
        for old in self.rows.filter(resource_id__in={key.resource_id for key in changed}):
            row = changed.get(key_of(old))
            if row is None:
                continue
            wait_from(row, old.first_seen_at)
            if old.gone_at is None:
                delta.take(old)
            delta.add(row)
            if _status(old) != _status(row):
                history.append(_status_change(old, row, now))
        CoveredResource.objects.bulk_create(
            changed.values(), update_conflicts=True, unique_fields=KEY, update_fields=WRITTEN
        )
        StatusChange.objects.bulk_create(history)
        self.run.counts.changed += len(changed)
        self.run.counts.cleaned += sum(row.is_cleaned for row in changed.values())

    def _load_known(self) -> None:
        fields = self.rows.values_list(
            "account_id", "resource_id", "scan_type", "content_hash", "missing_since", "gone_at"
        )
        for account_id, resource_id, scan_type, digest, missing_since, gone_at in fields.iterator(chunk_size=5000):
            fingerprint = _fingerprint(account_id, resource_id, scan_type)
            self.digests[fingerprint] = bytes(digest)
            self.accounts.add(account_id)
            if missing_since or gone_at:
                self.marked.add(fingerprint)
            if gone_at:
                self.gone.add(fingerprint)

    def _absentees(self) -> Iterable[Absentee]:
        if self.digests.keys() - self.seen <= self.gone:
            return
        fields = self.rows.present().values_list("pk", "account_id", "resource_id", "scan_type", "missing_since")
        for pk, account_id, resource_id, scan_type, missing_since in fields.iterator(chunk_size=5000):
            if _fingerprint(account_id, resource_id, scan_type) not in self.seen:
                yield Absentee(pk, CoverageKey(account_id, resource_id, scan_type), account_id, missing_since)

    def _still_there(self, absent: Sequence[Absentee]) -> set[tuple[str, ...]]:
        """Ask AWS for the absentees by id, and store those that were only overlooked."""
        self.marked |= {_fingerprint(*row.key) for row in absent}
        there: set[tuple[str, ...]] = set()
        resource_ids = list(dict.fromkeys(row.key[1] for row in absent))
        for page in inspector.list_coverage_of(self.client, self.resource_type, resource_ids):
            rows = self._rows(page)
            self.store(rows)
            there |= {key_of(row) for row in rows}
        return there

    def _mark_missing(self, pks: list[int], now: datetime) -> None:
        self.rows.filter(pk__in=pks).update(missing_since=now)

    def _mark_gone(self, pks: list[int], now: datetime) -> None:
        delta = CountDelta()
        for row in self.rows.present().filter(pk__in=pks):
            delta.take(row)
        self.rows.filter(pk__in=pks).update(gone_at=now)
        delta.apply()

    def _excused_accounts(self) -> set[str]:
        """Accounts whose rows are expected to go: they left, or the scan type was deactivated in them."""
        departed = set(AwsAccount.objects.departed().values_list("account_id", flat=True))
        scan_type = ACTIVATED_BY.get(self.resource_type)  # type: ignore[call-overload]
        if scan_type is None:
            return departed
        off = ScanTypeStatus.objects.in_regions([self.region]).switched_off(scan_type)
        return departed | set(off.values_list("account_id", flat=True))


def _fingerprint(account_id: str, resource_id: str, scan_type: str) -> bytes:
    """16 bytes for a key: a million of them fit into memory where the text would not."""
    return blake2b(f"{account_id}\n{resource_id}\n{scan_type}".encode(), digest_size=16).digest()


def _status(row: CoveredResource) -> tuple[str, str, str]:
    return row.status_code, row.status_reason, row.scan_frequency


def _status_change(old: CoveredResource, row: CoveredResource, now: datetime) -> StatusChange:
    return StatusChange(
        resource_id=old.pk,
        at=now,
        from_code=old.status_code,
        from_reason=old.status_reason,
        from_frequency=old.scan_frequency,
        to_code=row.status_code,
        to_reason=row.status_reason,
        to_frequency=row.scan_frequency,
    )
