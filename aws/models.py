"""What is read from AWS, piece by piece: the scope with its lease and its last result, and the history of its runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q, Window
from django.db.models.functions import Lag, Now
from django.urls import reverse
from django.utils import timezone

from aws.choices import CallerKind, HoldDecision, HoldKind, Permission, RunOutcome, ScopeState, What

LEASE = timedelta(seconds=60)
LOST_AFTER = timedelta(minutes=10)
"""A request that no worker took in this time may be made again: the broker lost it."""
GLOBAL = "global"


class ScopeQuerySet(models.QuerySet["SyncScope"]):
    def of(self, what: What) -> Self:
        return self.filter(what=what)

    def in_regions(self, regions: list[str]) -> Self:
        return self.filter(region__in=[*regions, GLOBAL])

    def that_pages_rest_on(self) -> Self:
        """Not the comparison with AWS: it only counts, and no page is older because it failed."""
        return self.exclude(what=What.COMPARISON)

    def in_trouble(self) -> Self:
        return self.filter(state__in=[ScopeState.FAILED, ScopeState.HELD])


class SyncScope(models.Model):
    """One piece of AWS that is read on its own: (what, Region, part), for example coverage of instances in eu-west-1.

    The row is locked in every transaction that writes what the scope read. Together with the generation, which every
    lease raises, that is the fence: a worker that lost its lease cannot write.
    """

    what = models.CharField(max_length=16, choices=What)
    region = models.CharField(max_length=32)
    part = models.CharField(max_length=100, blank=True, default="", help_text="The resource type, for coverage")

    state = models.CharField(max_length=8, choices=ScopeState, default=ScopeState.NEW)
    generation = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)

    caller_account = models.CharField(max_length=12, blank=True, default="")
    caller_kind = models.CharField(max_length=16, choices=CallerKind, blank=True, default="")

    last_started_at = models.DateTimeField(null=True, blank=True)
    last_complete_at = models.DateTimeField(null=True, blank=True)
    last_full_at = models.DateTimeField(
        null=True, blank=True, help_text="Last full read of a scope that is read by changes"
    )
    watermark = models.DateTimeField(null=True, blank=True, help_text="Changes up to here are known")
    failing_since = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=100, blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="In words, for people")
    error_request_id = models.CharField(max_length=100, blank=True, default="")

    hold_kind = models.CharField(max_length=12, choices=HoldKind, blank=True, default="")
    hold_caller = models.CharField(
        max_length=32, blank=True, default="", help_text="The other caller that a person is asked for, or let read"
    )
    would_go = models.JSONField(
        default=list, blank=True, help_text="Held: the first of the rows that would go, in words"
    )
    hold_decision = models.CharField(max_length=8, choices=HoldDecision, blank=True, default="")
    hold_decided_by = models.CharField(max_length=150, blank=True, default="")
    hold_decided_at = models.DateTimeField(null=True, blank=True)

    objects = ScopeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["what", "region", "part"], name="scope_key")]
        ordering = ["region", "what", "part"]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.what, self.region, self.part]))

    def get_absolute_url(self) -> str:
        return reverse("scope", args=[self.pk])

    @property
    def is_running(self) -> bool:
        return self.lease_until is not None and self.lease_until > timezone.now()

    @property
    def is_held(self) -> bool:
        return self.state == ScopeState.HELD

    @property
    def is_in_trouble(self) -> bool:
        return self.state in {ScopeState.FAILED, ScopeState.HELD}

    def is_stale(self, every: timedelta, now: datetime) -> bool:
        """Whether the last complete read is older than three periods."""
        return self.last_complete_at is None or now - self.last_complete_at > 3 * every


class RunQuerySet(models.QuerySet["SyncRun"]):
    def unfinished(self) -> Self:
        return self.filter(outcome=RunOutcome.RUNNING)

    def latest_of_each_scope(self) -> Self:
        """The run under way or, where none is, the last one."""
        return self.filter(generation=F("scope__generation"))

    def that_pages_rest_on(self) -> Self:
        """Not those that compare with AWS."""
        return self.exclude(scope__what=What.COMPARISON)

    def complete(self) -> Self:
        return self.filter(outcome__in=[RunOutcome.COMPLETE, RunOutcome.SKIPPED])

    def gaps(self, every: timedelta, most: int) -> list[tuple[int, datetime, datetime]]:
        """Between two complete reads: others failed, or nobody read for three periods. The latest first.

        Each is the generation of the complete read before it, when that ended, and when the one behind it did. A read
        that was aborted and started anew within its period makes no gap.
        """
        order = F("generation").asc()
        known = self.complete().annotate(
            since=Window(Lag("ended_at"), order_by=order), generation_before=Window(Lag("generation"), order_by=order)
        )
        failed_between = Q(generation__gt=F("generation_before") + 1, ended_at__gt=F("since") + 1.1 * every)
        late = known.filter(failed_between | Q(ended_at__gt=F("since") + 3 * every))
        found = late.order_by("-generation").values_list("generation_before", "since", "ended_at")[:most]
        return [(generation, since, ended_at) for generation, since, ended_at in found if ended_at]


class SyncRun(models.Model):
    """One read of a scope, kept as history: an auditor asks when we could not look."""

    scope = models.ForeignKey(SyncScope, on_delete=models.CASCADE, related_name="runs")
    generation = models.PositiveBigIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=RunOutcome, default=RunOutcome.RUNNING)
    caller_account = models.CharField(max_length=12, blank=True, default="")
    expected = models.PositiveIntegerField(null=True, blank=True, help_text="Rows that AWS' statistics announced")
    read = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    cleaned = models.PositiveIntegerField(default=0, help_text="Rows with text that no database can store")
    error_code = models.CharField(max_length=100, blank=True, default="")
    error = models.TextField(blank=True, default="")
    error_request_id = models.CharField(max_length=100, blank=True, default="")

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "generation"], name="run_key")]
        indexes = [
            models.Index(fields=["scope", "-started_at"], name="run_latest"),
            models.Index(fields=["-started_at", "-id"], name="run_latest_of_all"),
            models.Index(fields=["scope"], name="run_unfinished", condition=Q(outcome=RunOutcome.RUNNING)),
        ]

    def __str__(self) -> str:
        return f"{self.scope} #{self.generation}: {self.outcome}"

    @property
    def seconds(self) -> float | None:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


class RequestQuerySet(models.QuerySet["SyncRequest"]):
    def waiting(self) -> Self:
        """Those that no worker has taken yet, and that the broker has not lost."""
        return self.filter(started_at=None, requested_at__gte=Now() - LOST_AFTER)


class SyncRequest(models.Model):
    """Somebody asked for a read before its time. One row a Region, so that many clicks are one request."""

    region = models.CharField(max_length=32, primary_key=True, help_text="`global`: every Region")
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True, help_text="When a worker took it")

    objects = RequestQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.region}, asked for by {self.requested_by}"

    def is_waiting(self, now: datetime) -> bool:
        return self.started_at is None and now - self.requested_at <= LOST_AFTER


class Heartbeat(models.Model):
    """When something that runs on its own was last seen alive: a worker, beat, the dispatch of a sync."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.at:%Y-%m-%d %H:%M:%S}"


class PermissionCheck(models.Model):
    """Whether one call is allowed in one Region, as AWS answered when it was last tried."""

    region = models.CharField(max_length=32)
    action = models.CharField(max_length=64, help_text="As IAM spells it: inspector2:ListCoverage")
    permission = models.CharField(max_length=12, choices=Permission)
    error_code = models.CharField(max_length=100, blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="In words, for people")
    checked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "action"], name="permission_key")]
        ordering = ["region", "action"]

    def __str__(self) -> str:
        return f"{self.action} in {self.region}: {self.permission}"
