"""Numbers for Prometheus, read from the database when they are asked for: every process gives the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aws.choices import ScopeState
from aws.models import Heartbeat, SyncRun, SyncScope
from coverage_site.broker import BrokerAway, queue_lengths
from scanning.models import CoverageCount, FindingCount

PREFIX = "inspector_coverage_"
SEVERITIES = ("critical", "high", "medium", "low", "informational", "untriaged")
SUMS = tuple(f"{severity}__sum" for severity in SEVERITIES)
DEFAULT_QUEUE = "celery"


def gauge(name: str, help: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, help, labels=tuple(labels))


class Numbers(Collector):
    """Gauges alone: what is in the database now. No account ids, no resource ids: labels stay few."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield self.resources()
        yield self.findings()
        yield from self.scopes()
        yield self.heartbeats()
        yield from self.broker()

    def resources(self) -> Metric:
        by = ("region", "resource_type", "scan_type", "group", "status_key")
        shown = gauge("resources", "Covered resources that are not gone.", (*by[:4], "status"))
        for *labels, count in CoverageCount.objects.filter(account_id="").values_list(*by).annotate(n=Sum("count")):
            shown.add_metric([str(label) for label in labels], count)
        return shown

    def findings(self) -> Metric:
        shown = gauge("findings", "Active findings.", ("region", "severity"))
        sums = [Sum(severity) for severity in SEVERITIES]
        for region, *counts in FindingCount.objects.values("region").annotate(*sums).values_list("region", *SUMS):
            for severity, count in zip(SEVERITIES, counts, strict=True):
                shown.add_metric([region, severity], count)
        return shown

    def scopes(self) -> Iterator[Metric]:
        """By what is read and where; the parts of coverage together, where the worst of them counts."""
        by = ("scope", "region")
        age = gauge("sync_age_seconds", "Since the last complete read; the oldest of its parts.", by)
        never = gauge("sync_never_read", "Parts that were never read completely.", by)
        states = gauge("sync_scopes", "Parts by state.", (*by, "state"))
        seconds = gauge("sync_last_run_seconds", "How long the last run took that ended.", (*by, "part"))
        rows = gauge("sync_last_run_rows", "How many rows the last run read that ended.", (*by, "part"))
        found: dict[tuple[str, str], list[SyncScope]] = {}
        ended = SyncRun.objects.filter(scope=OuterRef("pk")).exclude(ended_at=None).order_by("-generation")
        last = SyncScope.objects.annotate(last=Subquery(ended.values("pk")[:1])).values("last")
        runs = {run.scope_id: run for run in SyncRun.objects.filter(pk__in=last)}
        for scope in SyncScope.objects.all():
            found.setdefault((scope.what, scope.region), []).append(scope)
            if run := runs.get(scope.pk):
                labels = [scope.what, scope.region, scope.part]
                seconds.add_metric(labels, run.seconds or 0)
                rows.add_metric(labels, run.read)
        for key, parts in found.items():
            read = [scope for scope in parts if scope.state != ScopeState.SKIPPED]
            times = [scope.last_complete_at for scope in read if scope.last_complete_at]
            if times:
                age.add_metric(key, self.age(min(times)))
            never.add_metric(key, len(read) - len(times))
            for state in ScopeState.values:
                states.add_metric([*key, state], sum(scope.state == state for scope in parts))
        yield from (age, never, states, seconds, rows)

    def heartbeats(self) -> Metric:
        shown = gauge("heartbeat_age_seconds", "Since it was last seen.", ("name",))
        for beat in Heartbeat.objects.all():
            shown.add_metric([beat.name], self.age(beat.at))
        return shown

    def broker(self) -> Iterator[Metric]:
        """The length of the queue, unless the broker is away: then it is not known, which is not 0."""
        up = gauge("broker_up", "Whether the broker answers.")
        length = gauge("queue_length", "Tasks that wait in the broker.", ("queue",))
        if settings.REDIS_URL:
            try:
                queues = {DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
                for name, number in sorted(queue_lengths(queues).items()):
                    length.add_metric([name], number)
                up.add_metric([], 1)
            except BrokerAway:
                up.add_metric([], 0)
        yield from (up, length)

    def age(self, at: datetime) -> float:
        return max((self.now - at).total_seconds(), 0)
