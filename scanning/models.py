"""What is scanned: covered resources with their history and counts, and findings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote

from django.db import models
from django.db.models import Q, Sum, Value
from django.db.models.functions import StrIndex
from django.urls import reverse

from accounts.models import AccountRows, Person
from scanning.choices import NOT_COVERED, FindingStatus, FindingType, ResourceType, ScanFrequency, ScanType, Severity
from scanning.statuses import Status, status_of
from scanning.tabs import LISTED_ELSEWHERE, TabTable

NEVER = datetime(1900, 1, 1, tzinfo=UTC)
"""Sorts before every time: the sort key of a resource that was never scanned."""
NOT_WAITING = datetime(9999, 12, 31, tzinfo=UTC)
"""Sorts after every time: the sort key "not scanned since" of a resource that is scanned."""


class CoveredResourceQuerySet(AccountRows["CoveredResource"]):
    def present(self) -> Self:
        """What is not gone. A resource that is missing from the last read is still shown, and marked."""
        return self.filter(gone_at=None)

    def missing(self) -> Self:
        return self.exclude(missing_since=None)

    def at(self, region: str, account_id: str, resource_id: str) -> Self:
        """One resource: a row for each of its scan types."""
        return self.filter(region=region, account_id=account_id, resource_id=resource_id)

    def of_types(self, resource_types: Iterable[str]) -> Self:
        return self.filter(resource_type__in=list(resource_types))

    def of_table(self, table: TabTable) -> Self:
        """The rows that a table of a tab lists: the same as its `lists`, asked of the database."""
        types = list(table.resource_types or LISTED_ELSEWHERE)
        rows = self.filter(resource_type__in=types) if table.resource_types else self.exclude(resource_type__in=types)
        return rows.filter(scan_type=table.scan_type) if table.scan_type else rows

    def in_group(self, group: str) -> Self:
        return self.filter(group=group)

    def not_covered(self) -> Self:
        return self.filter(group__in=NOT_COVERED)

    def of_accounts(self, account_ids: list[str]) -> Self:
        return self.filter(account_id__in=account_ids)

    def with_status(self, keys: list[str]) -> Self:
        return self.filter(status_key__in=keys)

    def of_kind(self, kinds: list[str]) -> Self:
        return self.filter(kind__in=kinds)

    def on_platforms(self, platforms: list[str]) -> Self:
        return self.filter(platform__in=platforms)

    def never_scanned(self) -> Self:
        return self.filter(last_scanned_at=None)

    def last_scanned_before(self, at: datetime) -> Self:
        return self.filter(sort_last_scanned__lt=at, last_scanned_at__isnull=False)

    def mentioning(self, text: str) -> Self:
        """Those whose name or id contains the text, whatever its case."""
        return self.filter(search_text__contains=text.casefold())

    def tagged(self, tag: str) -> Self:
        """Those with the tag `Key=value`, with any value of the tag `Key`, or with the image tag."""
        whole, key = f"\n{tag}\n", f"\n{tag}="
        exact = Q(tag_lines__contains=whole, at_whole__gt=0)
        if "=" not in tag:
            exact |= Q(tag_lines__contains=key, at_key__gt=0)
        # LIKE ignores case on SQLite; the position does not. No index serves either: the rows of the tab are read.
        return self.alias(
            at_whole=StrIndex("tag_lines", Value(whole)), at_key=StrIndex("tag_lines", Value(key))
        ).filter(exact)

    def of_repository(self, repository: CoveredResource) -> Self:
        """The images in an ECR repository: their id is the repository's ARN with the digest behind it."""
        prefix = repository.resource_id + "/sha256:"
        return self.filter(
            region=repository.region,
            account_id=repository.account_id,
            resource_type=ResourceType.AWS_ECR_CONTAINER_IMAGE,
            resource_id__gte=prefix,
            resource_id__lt=prefix + "g",
        )


PLAIN_PATH = re.compile(r"(?!.*//)(?!.*/\Z)(?!(.*/)?\.{1,2}(/|\Z))[^/].*", re.DOTALL)
"""An id whose slashes browsers and proxies leave alone."""


def resource_url(region: str, account_id: str, resource_id: str) -> str:
    """The canonical address of a resource. Slashes that would not survive the way are percent-encoded."""
    if PLAIN_PATH.fullmatch(resource_id):
        return reverse("resource", args=[region, account_id, resource_id])
    return (
        reverse("resource", args=[region, account_id, "-"]).removesuffix("-/") + quote(resource_id, safe=":@$,") + "/"
    )


class CoveredResource(models.Model):
    """One row of ListCoverage: a resource under one scan type.

    AWS' own facts stay in `metadata`, in AWS' words: resourceMetadata, and what else the row says that has no field.
    """

    region = models.CharField(max_length=32)
    account_id = models.CharField(max_length=12)
    resource_type = models.CharField(max_length=100)
    resource_id = models.CharField(max_length=1024)
    scan_type = models.CharField(max_length=16)

    status_code = models.CharField(max_length=32, blank=True, default="")
    status_reason = models.CharField(max_length=100, blank=True, default="")
    scan_frequency = models.CharField(max_length=32, blank=True, default="")
    scan_mode = models.CharField(max_length=64, blank=True, default="")
    platform = models.CharField(max_length=32, blank=True, default="")
    last_scanned_at = models.DateTimeField(null=True, blank=True)
    tags = models.JSONField(default=dict, help_text="Tags of the resource (key → value), or of an image (a list)")
    metadata = models.JSONField(default=dict, help_text="AWS' resourceMetadata, verbatim")

    # Computed once, when the row is written.
    name = models.CharField(max_length=256, blank=True, default="")
    group = models.CharField(max_length=16)
    status_key = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    sort_name = models.CharField(max_length=256)
    sort_last_scanned = models.DateTimeField()
    not_scanned_since = models.DateTimeField()
    search_text = models.TextField()
    tag_lines = models.TextField(blank=True, default="")
    is_cleaned = models.BooleanField(default=False, help_text="Text or a time that cannot be stored was cleaned")
    content_hash = models.BinaryField(max_length=16)

    first_seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True, blank=True, help_text="Absent from complete reads since")
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = CoveredResourceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["region", "account_id", "resource_type", "resource_id", "scan_type"], name="coverage_key"
            )
        ]
        indexes = [
            models.Index(fields=["resource_type", "scan_type", "sort_name", "id"], name="coverage_name"),
            models.Index(fields=["resource_type", "scan_type", "account_id", "id"], name="coverage_account"),
            models.Index(fields=["resource_type", "scan_type", "status_key", "id"], name="coverage_status"),
            models.Index(
                fields=["resource_type", "scan_type", "sort_last_scanned", "id"], name="coverage_last_scanned"
            ),
            models.Index(fields=["resource_type", "scan_type", "not_scanned_since", "id"], name="coverage_waiting"),
            models.Index(fields=["account_id", "region", "resource_id"], name="coverage_resource"),
        ]

    def __str__(self) -> str:
        return self.label

    def get_absolute_url(self) -> str:
        return resource_url(self.region, self.account_id, self.resource_id)

    @property
    def label(self) -> str:
        return self.name or self.resource_id

    @property
    def status(self) -> Status:
        return status_of(self.resource_type, self.status_code, self.status_reason, self.scan_frequency)

    @property
    def heading(self) -> str:
        """What people call it, else the end of its id. An image has its tag or digest behind its repository."""
        if self.resource_type != ResourceType.AWS_ECR_CONTAINER_IMAGE or not self.name:
            return self.name or self.resource_id.rpartition("/")[2] or self.resource_id
        if isinstance(self.tags, list) and self.tags:
            return f"{self.name}:{self.tags[0]}"
        return f"{self.name}@{self.resource_id.rpartition('/')[2][:19]}"

    @property
    def type_label(self) -> str:
        known = self.resource_type in ResourceType
        return str(ResourceType(self.resource_type).label) if known else self.resource_type

    @property
    def scan_type_label(self) -> str:
        return str(ScanType(self.scan_type).label) if self.scan_type in ScanType else self.scan_type

    @property
    def is_covered(self) -> bool:
        return self.group not in NOT_COVERED

    @property
    def is_scanned_once(self) -> bool:
        """An image scanned when it was pushed and not again, though AWS calls it active."""
        is_image = self.resource_type == ResourceType.AWS_ECR_CONTAINER_IMAGE
        return is_image and ScanFrequency.SCAN_ON_PUSH in self.status_reason + " " + self.scan_frequency

    @property
    def is_monitored(self) -> bool:
        """Whether Inspector would notice by itself that a finding began or ended to apply."""
        return self.is_covered and not self.is_scanned_once

    @property
    def was_scanned(self) -> bool:
        return self.last_scanned_at is not None


class StatusChange(models.Model):
    """A resource's status was another one at an earlier read. The first sight of a resource is no change."""

    resource = models.ForeignKey(CoveredResource, on_delete=models.CASCADE, related_name="status_changes")
    at = models.DateTimeField()
    from_code = models.CharField(max_length=32, blank=True, default="")
    from_reason = models.CharField(max_length=100, blank=True, default="")
    from_frequency = models.CharField(max_length=32, blank=True, default="")
    to_code = models.CharField(max_length=32, blank=True, default="")
    to_reason = models.CharField(max_length=100, blank=True, default="")
    to_frequency = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["resource", "-at"], name="status_change_latest")]
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.resource}: {self.from_reason} → {self.to_reason}"


class CoverageCountQuerySet(AccountRows["CoverageCount"]):
    def summed_for(self, person: Person, account_ids: list[str] | None = None) -> Self:
        """Counters of what this person may see; of some accounts only, if they are named.

        For everything there is a roll-up with an empty account, so that the sum stays small at 10,000 accounts.
        """
        if account_ids is None and person.sees_all_accounts:
            return self.filter(account_id="")
        rows = self.visible_to(person).exclude(account_id="")
        return rows if account_ids is None else rows.filter(account_id__in=account_ids)

    def totals(self, *by: str) -> list[tuple[object, ...]]:
        """(…by, count) with the zeros left out."""
        rows = self.values_list(*by).annotate(total=Sum("count")).filter(total__gt=0).order_by()
        return list(rows)

    def totals_and_before(self, *by: str) -> list[tuple[object, ...]]:
        """(…by, count, count at the latest snapshot) with those left out that are zero in both."""
        rows = self.values_list(*by).annotate(total=Sum("count"), before=Sum("remembered")).order_by()
        return list(rows.filter(Q(total__gt=0) | Q(before__gt=0)))


class CoverageCount(models.Model):
    """How many resources are in one status, changed together with the rows and recounted nightly."""

    region = models.CharField(max_length=32)
    account_id = models.CharField(max_length=12, blank=True, help_text="Empty: all accounts together")
    resource_type = models.CharField(max_length=100)
    scan_type = models.CharField(max_length=16)
    group = models.CharField(max_length=16)
    status_key = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    count = models.IntegerField()
    remembered = models.IntegerField(default=0, help_text="What the latest CoverageSnapshot of this counter says")

    objects = CoverageCountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["region", "account_id", "resource_type", "scan_type", "group", "status_key", "kind"],
                name="coverage_count_key",
            )
        ]
        indexes = [models.Index(fields=["account_id", "region"], name="coverage_count_account")]

    def __str__(self) -> str:
        return f"{self.count} × {self.resource_type} {self.status_key} in {self.region} {self.account_id}"


class CoverageSnapshot(models.Model):
    """What a counter was from `valid_from` on. Written daily, and only for counters that changed."""

    region = models.CharField(max_length=32)
    account_id = models.CharField(max_length=12, blank=True, help_text="Empty: all accounts together")
    resource_type = models.CharField(max_length=100)
    scan_type = models.CharField(max_length=16)
    group = models.CharField(max_length=16)
    status_key = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    count = models.IntegerField()
    valid_from = models.DateTimeField()

    objects = AccountRows["CoverageSnapshot"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["account_id", "region", "valid_from"], name="coverage_snapshot_account")]
        ordering = ["valid_from", "id"]

    def __str__(self) -> str:
        return f"{self.count} × {self.resource_type} {self.status_key} from {self.valid_from:%Y-%m-%d}"


class CountComparison(models.Model):
    """How many coverage rows we hold beside how many ListCoverageStatistics counts, for one type and reason."""

    region = models.CharField(max_length=32)
    resource_type = models.CharField(max_length=100)
    status_reason = models.CharField(max_length=100, blank=True, default="")
    ours = models.PositiveIntegerField()
    theirs = models.PositiveIntegerField()
    compared_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["region", "resource_type", "status_reason"], name="comparison_key")
        ]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.status_reason} in {self.region}: {self.ours} here, {self.theirs} at AWS"


class FindingQuerySet(AccountRows["Finding"]):
    def present(self) -> Self:
        return self.filter(gone_at=None)

    def open(self) -> Self:
        return self.present().filter(status=FindingStatus.ACTIVE)

    def of_resource(self, resource: CoveredResource) -> Self:
        return self.filter(region=resource.region, account_id=resource.account_id, resource_id=resource.resource_id)

    def worst_first(self) -> Self:
        return self.order_by("severity_rank", "-score", "title", "id")


class Finding(models.Model):
    """One finding of Inspector. What AWS says in full is in `detail`, in AWS' words."""

    finding_arn = models.CharField(max_length=200, unique=True)
    region = models.CharField(max_length=32)
    account_id = models.CharField(max_length=12)
    resource_type = models.CharField(max_length=100)
    resource_id = models.CharField(max_length=1024)
    scan_type = models.CharField(max_length=16, help_text="The coverage row that it belongs to")
    type = models.CharField(max_length=32)
    status = models.CharField(max_length=16)
    severity = models.CharField(max_length=16)
    severity_rank = models.PositiveSmallIntegerField()
    title = models.TextField()
    vulnerability_id = models.CharField(max_length=128, blank=True, default="")
    score = models.FloatField(null=True, blank=True)
    epss = models.FloatField(null=True, blank=True)
    exploit_available = models.CharField(max_length=16, blank=True, default="")
    fix_available = models.CharField(max_length=16, blank=True, default="")
    first_observed_at = models.DateTimeField(null=True, blank=True)
    last_observed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    detail = models.JSONField(default=dict)
    is_cleaned = models.BooleanField(default=False)
    content_hash = models.BinaryField(max_length=16)
    first_seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account_id", "region", "resource_id", "severity_rank"], name="finding_resource"),
            models.Index(fields=["region", "status"], name="finding_region_status"),
            models.Index(fields=["vulnerability_id"], name="finding_vulnerability"),
            models.Index(
                fields=["region", "missing_since"],
                name="finding_missing",
                condition=Q(gone_at=None, missing_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("finding", args=[self.finding_arn])

    @property
    def type_label(self) -> str:
        return str(FindingType(self.type).label) if self.type in FindingType else self.type

    @property
    def status_label(self) -> str:
        return str(FindingStatus(self.status).label) if self.status in FindingStatus else self.status

    @property
    def severity_label(self) -> str:
        return Severity(self.severity).label if self.severity in Severity else self.severity


class FindingCountQuerySet(AccountRows["FindingCount"]):
    def of_resources(self, resources: Iterable[CoveredResource]) -> Self:
        """The counts beside these rows (and perhaps some more: the three ids are narrowed one by one)."""
        rows = list(resources)
        return self.filter(
            account_id__in={row.account_id for row in rows},
            region__in={row.region for row in rows},
            resource_id__in={row.resource_id for row in rows},
        )


class FindingCount(models.Model):
    """Active findings of one resource under one scan type, by severity."""

    region = models.CharField(max_length=32)
    account_id = models.CharField(max_length=12)
    resource_id = models.CharField(max_length=1024)
    scan_type = models.CharField(max_length=16)
    critical = models.PositiveIntegerField(default=0)
    high = models.PositiveIntegerField(default=0)
    medium = models.PositiveIntegerField(default=0)
    low = models.PositiveIntegerField(default=0)
    informational = models.PositiveIntegerField(default=0)
    untriaged = models.PositiveIntegerField(default=0)

    objects = FindingCountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account_id", "region", "resource_id", "scan_type"], name="finding_count_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.resource_id}: {self.critical} critical"

    @property
    def total(self) -> int:
        return self.critical + self.high + self.medium + self.low + self.informational + self.untriaged
