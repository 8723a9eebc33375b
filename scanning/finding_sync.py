"""Make our findings equal to AWS': by their changes, and now and then by a full read, one Region at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING

from accounts.choices import ResourceScanType
from accounts.inspector import who_am_i
from accounts.models import AccountChange, AwsAccount
from aws import session
from aws.choices import What
from aws.models import SyncRun
from aws.runs import Run, run_scope
from scanning import inspector
from scanning.absence import SECOND_READ_AFTER, Absence, Absentee, settle
from scanning.choices import FindingStatus
from scanning.counts import FindingKey, recount_findings
from scanning.models import Finding
from scanning.rows import to_finding

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

OVERLAP = timedelta(minutes=15)
FULL_READ_EVERY = timedelta(days=7)
LONGEST_GAP = timedelta(days=3)
"""AWS deletes a finding three days after its resource is gone: after a longer gap its changes say too little."""
WRITTEN = [
    field.name for field in Finding._meta.concrete_fields if field.name not in {"id", "finding_arn", "first_seen_at"}
]


def sync_findings(region: str) -> SyncRun:
    """Read the findings of one Region: what changed, or everything that is open where changes do not suffice."""

    def read(run: Run) -> None:
        client = session.inspector(region)
        caller = who_am_i(session.sts(region), client)
        run.seen_by(caller.account_id, caller.kind)
        reading = FindingsRead(run, client, region)
        if needs_full_read(run, region):
            reading.read_open()
            run.on_completion(last_full_at=run.started_at)
        else:
            reading.read_changes()
        run.on_completion(watermark=reading.watermark())

    return run_scope(What.FINDINGS, region, "", read)


def needs_full_read(run: Run, region: str) -> bool:
    """Weekly, the first time, after a gap or a switched scan type, and where something was missing a while ago."""
    scope = run.scope
    if scope.last_complete_at is None or scope.last_full_at is None or scope.watermark is None:
        return True
    if run.started_at - scope.last_complete_at > LONGEST_GAP or run.started_at - scope.last_full_at > FULL_READ_EVERY:
        return True
    switched = AccountChange.objects.filter(region=region, field__in=ResourceScanType.values, at__gt=scope.last_full_at)
    return switched.exists() or _awaits_second_read(region, run.started_at)


def _awaits_second_read(region: str, now: datetime) -> bool:
    """Whether findings were missing from a full read, too many to ask for: until a second one they count as open."""
    missing = Finding.objects.present().filter(region=region, missing_since__lte=now - SECOND_READ_AFTER)
    return missing.exclude(status=FindingStatus.CLOSED).exists()


class FindingsRead:
    """One read: pages of findings stored as they come, absentees settled after a full one."""

    def __init__(self, run: Run, client: Inspector2Client, region: str) -> None:
        self.run = run
        self.client = client
        self.region = region
        self.rows = Finding.objects.filter(region=region)
        self.newest: datetime | None = None
        self.seen: set[bytes] | None = None
        """Digests of the ARNs that a full read saw."""

    def read_open(self) -> None:
        self.seen = set()
        open_before = self.rows.present().exclude(status=FindingStatus.CLOSED)
        held_rows = open_before.count()
        self._read(inspector.list_open_findings(self.client))
        settle(
            self.run,
            list(self._absentees()),
            held_rows=held_rows,
            excused=set(AwsAccount.objects.departed().values_list("account_id", flat=True)),
            absence=Absence(self._mark_missing, self._mark_gone, self._still_there),
        )

    def read_changes(self) -> None:
        watermark = self.run.scope.watermark
        assert watermark is not None
        self._read(inspector.list_findings_updated_since(self.client, watermark - OVERLAP))

    def watermark(self) -> datetime:
        """Up to where the changes are known: never later than the start of the run, whatever AWS' times say."""
        newest = max(filter(None, [self.newest, self.run.scope.watermark]), default=self.run.started_at)
        return min(newest, self.run.started_at)

    def _read(self, pages: Iterator[list[inspector.Item]]) -> None:
        for page in pages:
            self.run.counts.read += len(page)
            self.store([to_finding(item, self.region) for item in page])

    def store(self, findings: Iterable[Finding]) -> None:
        """Write the new and the changed among these, with the counts of their resources, in one transaction."""
        by_arn = {finding.finding_arn: finding for finding in findings}
        if self.seen is not None:
            self.seen.update(map(_fingerprint, by_arn))
        times = [finding.updated_at for finding in by_arn.values() if finding.updated_at]
        self.newest = max([*times, *([self.newest] if self.newest else [])], default=None)
        # In whatever Region it was listed before: an ARN is one finding.
        held = {old.finding_arn: old for old in Finding.objects.filter(finding_arn__in=by_arn).defer("detail")}
        fresh = [finding for arn, finding in by_arn.items() if arn not in held]
        changed = [finding for arn, finding in by_arn.items() if arn in held and _is_news(held[arn], finding)]
        if not fresh and not changed:
            self.run.keep_alive()
            return
        with self.run.writing() as now:
            for finding in fresh:
                finding.first_seen_at = now
            for finding in changed:
                finding.first_seen_at = held[finding.finding_arn].first_seen_at
            Finding.objects.bulk_create(fresh)
            Finding.objects.bulk_create(
                changed, update_conflicts=True, unique_fields=["finding_arn"], update_fields=WRITTEN
            )
            self._recount([*fresh, *changed], was=[held[finding.finding_arn] for finding in changed])
            self.run.counts.new += len(fresh)
            self.run.counts.changed += len(changed)
            self.run.counts.cleaned += sum(finding.is_cleaned for finding in [*fresh, *changed])

    def _recount(self, written: Iterable[Finding], was: Iterable[Finding]) -> None:
        """Also for the resources, and the Regions, that the findings belonged to before."""
        owners: dict[str, set[FindingKey]] = {}
        for finding in chain(written, was):
            owners.setdefault(finding.region, set()).add(_owner(finding))
        for region, keys in owners.items():
            recount_findings(region, keys)

    def _absentees(self) -> Iterator[Absentee]:
        seen = self.seen or set()
        fields = self.rows.present().exclude(status=FindingStatus.CLOSED)
        for pk, arn, account_id, missing_since in fields.values_list(
            "pk", "finding_arn", "account_id", "missing_since"
        ).iterator(chunk_size=5000):
            if _fingerprint(arn) not in seen:
                yield Absentee(pk, (arn,), account_id, missing_since)

    def _still_there(self, absent: Sequence[Absentee]) -> set[tuple[str, ...]]:
        """Ask AWS for the absentees by ARN: most were closed, which is news to store."""
        there: set[tuple[str, ...]] = set()
        for page in inspector.list_findings_named(self.client, [row.key[0] for row in absent]):
            findings = [to_finding(item, self.region) for item in page]
            self.store(findings)
            there |= {(finding.finding_arn,) for finding in findings}
        return there

    def _mark_missing(self, pks: list[int], now: datetime) -> None:
        self.rows.filter(pk__in=pks).update(missing_since=now)

    def _mark_gone(self, pks: list[int], now: datetime) -> None:
        gone = self.rows.filter(pk__in=pks)
        owners: set[FindingKey] = set(gone.values_list("account_id", "resource_id", "scan_type"))
        gone.update(gone_at=now)
        recount_findings(self.region, owners)


def _is_news(old: Finding, new: Finding) -> bool:
    """Different content, unless what we hold is newer; or a return of what was missing."""
    if old.missing_since or old.gone_at:
        return True
    if old.updated_at and new.updated_at and new.updated_at < old.updated_at:
        return False
    return bytes(old.content_hash) != new.content_hash


def _fingerprint(arn: str) -> bytes:
    """16 bytes: a million ARNs would not fit into memory as text."""
    return blake2b(arn.encode(), digest_size=16).digest()


def _owner(finding: Finding) -> FindingKey:
    return finding.account_id, finding.resource_id, finding.scan_type
