"""How many rows we hold beside how many AWS counts. Counts tell that something differs, never which rows."""

from __future__ import annotations

from django.db.models import Count

from aws import session
from aws.choices import What
from aws.models import SyncRun
from aws.runs import Run, run_scope
from scanning import inspector
from scanning.models import CountComparison, CoveredResource

Counted = dict[tuple[str, str], int]
"""(resource type, reason) → rows."""


def compare(region: str) -> SyncRun:
    """Ask AWS for its counts, count ours at once, and replace what was compared before. An error keeps that."""

    def read(run: Run) -> None:
        theirs = _theirs(region)
        with run.writing() as now:
            ours = _ours(region)
            CountComparison.objects.filter(region=region).delete()
            CountComparison.objects.bulk_create(
                CountComparison(
                    region=region,
                    resource_type=resource_type,
                    status_reason=reason,
                    ours=ours.get((resource_type, reason), 0),
                    theirs=theirs.get((resource_type, reason), 0),
                    compared_at=now,
                )
                for resource_type, reason in sorted(ours.keys() | theirs.keys())
            )
            run.counts.read = sum(theirs.values())

    return run_scope(What.COMPARISON, region, "", read)


def _theirs(region: str) -> Counted:
    """One call for each resource type that AWS has or we have."""
    client = session.inspector(region)
    present = CoveredResource.objects.present().filter(region=region)
    types = {*inspector.coverage_totals(client), *present.values_list("resource_type", flat=True).distinct()}
    return {
        (resource_type, reason): rows
        for resource_type in sorted(types)
        for reason, rows in inspector.coverage_reasons(client, resource_type).items()
    }


def _ours(region: str) -> Counted:
    """Counted from the rows themselves: the counters know labels, and AWS counts reasons."""
    present = CoveredResource.objects.present().filter(region=region)
    grouped = present.values_list("resource_type", "status_reason").annotate(rows=Count("id")).order_by()
    return {(resource_type, reason): rows for resource_type, reason, rows in grouped}
