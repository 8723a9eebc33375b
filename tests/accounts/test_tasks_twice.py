"""A task that is delivered twice, in turn or at once, leaves what one delivery leaves: brokers repeat messages."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Task
from django.apps import apps
from django.db import connections

from accounts.choices import ItemState, Setting
from accounts.configuration.requests import Confirmation, change_of, confirm
from accounts.models import ActivationItem, AuditEvent, Person
from aws import requests
from aws.choices import RunOutcome
from aws.models import SyncRun
from coverage_site.celery import app
from demo.organization import Organization
from demo.server import StandIn
from scanning.choices import ResourceType
from tests.accounts import activating
from tests.stand_in import MEMBER

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "accounts.tasks.sync_accounts": (REGION,),
    "scanning.tasks.compare": (REGION,),
    "scanning.tasks.plan_coverage": (REGION,),
    "scanning.tasks.sync_coverage": (REGION, ResourceType.AWS_EC2_INSTANCE.value, 5),
    "scanning.tasks.sync_findings": (REGION,),
    "scanning.tasks.sync_now": (REGION,),
}
app.loader.import_default_modules()
OURS = sorted(name for name in app.tasks if name.split(".")[0] in {"accounts", "aws", "scanning"})
CHANGING = ["accounts.tasks.carry_out", "accounts.tasks.follow_up"]
SETTING = "accounts.tasks.change_setting"
TIMES = {"at", "compared_at", "checked_at", "requested_at", "started_at", "lease_until", "last_started_at"}
"""What a second delivery may say anew: when it was."""
RECORDS = {"SyncRun", "SyncScope"}
"""A scope that is read a second time has a second run."""


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def world() -> dict[str, list[str]]:
    """All rows of ours, without the times at which we wrote them."""
    found = {}
    for name in ("aws", "accounts", "scanning"):
        for model in apps.get_app_config(name).get_models():
            if model.__name__ not in RECORDS:
                names = [field.attname for field in model._meta.concrete_fields if field.attname not in {*TIMES, "id"}]
                found[model.__name__] = sorted(map(repr, model._default_manager.values_list(*names)))
    return found


def deliver(task: Task[Any, Any], arguments: tuple[Any, ...], times: int) -> None:
    """At once; an error of one of them is an error of the test."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            task(*arguments)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("name", [name for name in OURS if name not in {*CHANGING, SETTING}])
def test_a_read_that_is_delivered_again_changes_nothing(
    organization: Organization, stand_in: StandIn, name: str
) -> None:
    for number in range(5):
        instance = organization.add_instance(region=REGION, account_id=MEMBER, resource_id=f"i-{number}")
        organization.add_finding(instance, severity="CRITICAL")
    requests.ask(REGION, "viewer")
    task, arguments = app.tasks[name], ARGUMENTS.get(name, ())
    task(*arguments)
    once = world()
    task(*arguments)
    assert world() == once
    deliver(task, arguments, 3)
    assert world() == once
    assert not SyncRun.objects.exclude(outcome=RunOutcome.COMPLETE).exists()


@pytest.mark.parametrize("name", CHANGING)
def test_a_change_that_is_delivered_again_is_one_call_and_one_record(
    changing: StandIn, organization: Organization, dana: Person, name: str
) -> None:
    ids = activating.add(organization, 3)
    activating.read()
    made = activating.ask(dana, activating.wish(*ids))
    task, arguments = app.tasks[name], (made.pk,) if name.endswith("carry_out") else ()
    deliver(task, arguments, 4)
    for _ in range(2):
        task(*arguments)
    calls = [call for call in changing.calls if call.operation == "Enable"]
    assert [call.params["resourceTypes"] for call in calls] == [["LAMBDA_CODE"]]
    assert set(ActivationItem.objects.values_list("state", flat=True)) <= {ItemState.SENT, ItemState.DONE}
    told = list(AuditEvent.objects.filter(request=made.pk).values_list("account_id", "event"))
    assert len(told) == len(set(told)), "each step of each account is recorded once"


@pytest.mark.parametrize("name", [SETTING, "accounts.tasks.follow_up"])
def test_a_setting_that_is_delivered_again_is_one_call_and_one_record(
    changing: StandIn, organization: Organization, dana: Person, name: str
) -> None:
    change = change_of(Setting.AUTOMATIC_ACTIVATION, REGION, "", {"ecr": True})
    made = confirm(dana, change, Confirmation(uuid.uuid4(), change.digest))
    task, arguments = app.tasks[name], (made.pk,) if name == SETTING else ()
    deliver(task, arguments, 4)
    for _ in range(2):
        task(*arguments)
    assert len([call for call in changing.calls if call.operation == "UpdateOrganizationConfiguration"]) == 1
    told = list(AuditEvent.objects.filter(subject__contains="settings request").values_list("event", flat=True))
    assert len(told) == len(set(told)), "each step is recorded once"
