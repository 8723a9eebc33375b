"""What was lost with a worker is started again; what beat sends twice is done once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.utils import timezone

from accounts import inspector
from aws import heartbeats, requests
from aws.choices import RunOutcome, ScopeState, What
from aws.models import Heartbeat, SyncRequest, SyncRun, SyncScope
from coverage_site import readiness
from demo.organization import Organization
from demo.server import StandIn
from scanning import finding_sync, plan, sync, tasks
from scanning.choices import ResourceType
from scanning.freshness import Freshness
from scanning.models import CoveredResource, Finding
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


def test_what_a_dispatch_sent_and_nobody_began_is_started_when_nothing_is_read_any_more(
    organization: Organization, stand_in: StandIn
) -> None:
    organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0")
    tasks.dispatch_sync()
    organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-1")
    runs = SyncRun.objects.count()
    dispatched(ago=timedelta(seconds=61))
    tasks.resume()
    assert SyncRun.objects.count() == runs, "everything was begun"
    lost = SyncScope.objects.get(what=What.COVERAGE, region=REGION, part=ResourceType.AWS_EC2_INSTANCE)
    began_before_dispatch(lost)
    tasks.resume()
    assert CoveredResource.objects.filter(resource_id="i-1").exists()
    runs = SyncRun.objects.count()
    tasks.resume()
    assert SyncRun.objects.count() == runs, "once is enough"


def test_what_waits_in_the_queue_is_not_forgotten(organization: Organization, stand_in: StandIn) -> None:
    tasks.dispatch_sync()
    runs = SyncRun.objects.count()
    lost = SyncScope.objects.get(what=What.FINDINGS, region=REGION)
    began_before_dispatch(lost)
    tasks.resume()
    assert SyncRun.objects.count() == runs, "the dispatch is young"
    dispatched(ago=timedelta(seconds=61))
    began_before_dispatch(lost)
    reading = SyncScope.objects.get(what=What.FINDINGS, region="eu-west-1")
    SyncScope.objects.filter(pk=reading.pk).update(lease_until=timezone.now() + timedelta(seconds=60))
    SyncRun.objects.filter(scope=reading).update(outcome=RunOutcome.RUNNING)
    tasks.resume()
    assert SyncRun.objects.count() == runs, "a worker is busy, and may come to it"


def test_what_a_person_asked_for_and_the_broker_lost_is_begun_after_a_minute(
    organization: Organization, stand_in: StandIn
) -> None:
    assert requests.ask(REGION, "viewer")
    tasks.resume()
    assert not SyncRun.objects.exists(), "it may still wait in the queue"
    SyncRequest.objects.update(requested_at=timezone.now() - timedelta(seconds=61))
    tasks.resume()
    assert set(SyncRun.objects.values_list("scope__region", flat=True)) == {REGION, "global"}
    assert SyncRequest.objects.get().started_at
    runs = SyncRun.objects.count()
    tasks.resume()
    assert SyncRun.objects.count() == runs, "once is enough"


@pytest.mark.parametrize(
    ("name", "task"), [("permissions", tasks.check_permissions), ("comparison", tasks.compare_now)]
)
def test_a_check_that_was_lost_is_sent_again_by_its_name(name: str, task: Any) -> None:
    assert tasks.asked_for(name) == task.s()


def test_a_region_that_is_switched_off_is_not_late_and_not_begun_again_and_again(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization.add_instance(region="eu-west-1", account_id=MEMBER, resource_id="i-0")
    tasks.dispatch_sync()
    answer = inspector.who_am_i

    def refuse(sts: Any, client: Any) -> inspector.Caller:
        if client.meta.region_name == "eu-west-1":
            raise ClientError({"Error": {"Code": "UnrecognizedClientException", "Message": "no"}}, "ListFindings")
        return answer(sts, client)

    for module in (inspector, plan, sync, finding_sync):
        monkeypatch.setattr(module, "who_am_i", refuse)
    Heartbeat.objects.filter(name=heartbeats.DISPATCH).delete()
    long_ago = timezone.now() - timedelta(hours=2)
    SyncScope.objects.update(last_started_at=long_ago, last_complete_at=long_ago)
    tasks.dispatch_sync()
    there = SyncScope.objects.filter(region="eu-west-1")
    assert set(there.values_list("state", flat=True)) == {ScopeState.SKIPPED}
    freshness = Freshness.read()
    assert not [trouble for trouble in freshness.troubles if trouble.region == "eu-west-1"]
    assert readiness.coverage(freshness).details["regions"]["eu-west-1"]["state"] == "ok"
    runs = SyncRun.objects.count()
    dispatched_at = timezone.now() - timedelta(seconds=61)
    Heartbeat.objects.filter(name=heartbeats.DISPATCH).update(at=dispatched_at)
    tasks.resume()
    assert SyncRun.objects.count() == runs
    monkeypatch.undo()
    tasks.plan_coverage("eu-west-1")
    assert set(there.of(What.COVERAGE).values_list("state", flat=True)) == {ScopeState.OK}, "switched on again"


def test_a_region_that_is_taken_out_of_the_settings_keeps_its_rows(
    organization: Organization, stand_in: StandIn, settings: Any
) -> None:
    for region in settings.COVERAGE_REGIONS:
        instance = organization.add_instance(region=region, account_id=MEMBER, resource_id=f"i-{region}")
        organization.add_finding(instance)
    tasks.dispatch_sync()
    Heartbeat.objects.all().delete()
    settings.COVERAGE_REGIONS = [REGION]
    stand_in.calls.clear()
    for task in (tasks.dispatch_sync, tasks.recount, tasks.purge, tasks.compare_every_region):
        task()
    assert {call.region for call in stand_in.calls if call.operation != "ListAccounts"} == {REGION}
    assert set(CoveredResource.objects.present().values_list("region", flat=True)) == {REGION, "eu-west-1"}
    assert not CoveredResource.objects.exclude(missing_since=None).exists()
    assert Finding.objects.open().filter(region="eu-west-1").exists()
    there = [scope for scope in Freshness.read().scopes if scope.region == "eu-west-1"]
    assert there
    assert not any(Freshness.is_monitored(scope) for scope in there)


def test_credentials_that_aws_refuses_everywhere_cost_few_calls_and_no_row(
    organization: Organization, stand_in: StandIn, settings: Any
) -> None:
    organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-0")
    tasks.dispatch_sync()
    Heartbeat.objects.all().delete()
    organization.not_opted_in.update(settings.COVERAGE_REGIONS)
    stand_in.calls.clear()
    tasks.dispatch_sync()
    assert {call.operation for call in stand_in.calls} == {"GetCallerIdentity"}
    # The organization, accounts, the plan and findings ask once each; whether it is the Region, is asked once more.
    assert len(stand_in.calls) <= 4 * len(settings.COVERAGE_REGIONS) + 1
    assert set(SyncScope.objects.values_list("state", flat=True)) == {ScopeState.FAILED}
    assert "The credentials are not accepted" in SyncScope.objects.filter(what=What.COVERAGE).latest("pk").error
    assert CoveredResource.objects.present().exists()
    organization.not_opted_in.clear()
    Heartbeat.objects.all().delete()
    tasks.dispatch_sync()
    assert set(SyncScope.objects.values_list("state", flat=True)) == {ScopeState.OK}


def dispatched(*, ago: timedelta) -> None:
    Heartbeat.objects.filter(name=heartbeats.DISPATCH).update(at=timezone.now() - ago)
    SyncScope.objects.update(last_started_at=timezone.now() - ago + timedelta(seconds=1))


def began_before_dispatch(scope: SyncScope) -> None:
    SyncScope.objects.filter(pk=scope.pk).update(last_started_at=timezone.now() - timedelta(minutes=15))
