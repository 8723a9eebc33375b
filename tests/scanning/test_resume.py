"""What was lost with a worker is started again; what beat sends twice is done once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from aws.choices import RunOutcome, What
from aws.models import SyncRun, SyncScope
from demo.organization import Organization
from demo.server import StandIn
from scanning import tasks
from scanning.choices import ResourceType
from scanning.models import CoveredResource
from tests.stand_in import MEMBER

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    """Tasks run where they are sent, as no broker is there."""
    from coverage_site.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def lose_worker(*, times: int = 1) -> SyncScope:
    scope = SyncScope.objects.create(
        what=What.COVERAGE,
        region=REGION,
        part=ResourceType.AWS_EC2_INSTANCE,
        generation=times,
        lease_until=timezone.now() - timedelta(seconds=1),
    )
    for generation in range(1, times + 1):
        outcome = RunOutcome.RUNNING if generation == times else RunOutcome.ABORTED
        SyncRun.objects.create(scope=scope, generation=generation, started_at=timezone.now(), outcome=outcome)
    return scope


def test_a_scope_whose_worker_was_killed_is_read_again(organization: Organization, stand_in: StandIn) -> None:
    organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0")
    scope = lose_worker()
    tasks.resume()
    assert CoveredResource.objects.get().resource_id == "i-0"
    outcomes = scope.runs.order_by("generation").values_list("outcome", flat=True)
    assert list(outcomes) == [RunOutcome.ABORTED, RunOutcome.COMPLETE]


def test_a_scope_that_ends_its_workers_again_and_again_waits(organization: Organization, stand_in: StandIn) -> None:
    scope = lose_worker(times=3)
    tasks.resume()
    assert set(scope.runs.values_list("outcome", flat=True)) == {RunOutcome.ABORTED}


def test_two_dispatches_in_one_period_read_everything_once(organization: Organization, stand_in: StandIn) -> None:
    tasks.dispatch_sync()
    after_one = SyncRun.objects.count()
    assert after_one > 0
    tasks.dispatch_sync()
    assert SyncRun.objects.count() == after_one


def test_a_person_may_start_one_region_within_the_period(organization: Organization, stand_in: StandIn) -> None:
    tasks.dispatch_sync()
    before = set(SyncRun.objects.values_list("pk", flat=True))
    tasks.sync_now(REGION)
    regions = set(SyncRun.objects.exclude(pk__in=before).values_list("scope__region", flat=True))
    assert regions == {REGION, "global"}
