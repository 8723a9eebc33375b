"""Whether all of it works, as a monitor sees it: without names for strangers, in full for those who may see them."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from aws import heartbeats
from aws.choices import ScopeState, What
from aws.models import LEASE, Heartbeat, SyncScope
from scanning.choices import STATISTICS, ResourceType
from tests import factories

TOKEN = "token-of-the-monitors"
ACCOUNT = "111122223333"
pytestmark = pytest.mark.django_db


@pytest.fixture
def installation(db, settings, valkey):
    """Everything works: both Regions were just read, and all were just seen."""
    settings.REDIS_URL = valkey.url
    settings.COVERAGE_METRICS_TOKEN = TOKEN
    for region in settings.COVERAGE_REGIONS:
        factories.read(region)
    heartbeats.beat(heartbeats.WORKER)
    heartbeats.beat(heartbeats.BEAT)
    return settings


def ask(client: Client | None = None, *, token: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = (client or Client()).get("/readyz", headers=headers)
    told = json.loads(response.content)
    assert (response.status_code == 200) == (told["status"] == "ok")
    return response.status_code, told["components"]


def words() -> dict[str, str]:
    return {name: part["state"] for name, part in ask(token=TOKEN)[1].items()}


def silent(name: str, seconds: float = 61) -> None:
    Heartbeat.objects.filter(name=name).update(at=timezone.now() - timedelta(seconds=seconds))


def test_all_is_well(installation) -> None:
    names = ("database", "broker", "beat", "worker", "coverage", "sync")
    assert ask() == (200, dict.fromkeys(names, "ok"))


def test_a_worker_that_is_silent_for_a_minute_is_away(installation) -> None:
    silent("worker", 55)
    assert words()["worker"] == "ok"
    silent("worker")
    assert ask()[0] == 503
    assert (words()["worker"], words()["beat"], words()["broker"]) == ("away", "ok", "ok")


def test_a_worker_that_reads_is_not_away_although_its_heartbeat_has_to_wait(installation) -> None:
    silent("worker", 600)
    SyncScope.objects.filter(part=ResourceType.AWS_EC2_INSTANCE).update(lease_until=timezone.now() + LEASE)
    assert words()["worker"] == "ok"
    # Killed: the lease is not renewed any more.
    SyncScope.objects.exclude(lease_until=None).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert words()["worker"] == "away"


def test_beat_away_is_told_from_a_worker_away(installation) -> None:
    silent("beat")
    silent("worker")
    assert (words()["beat"], words()["worker"]) == ("away", "unknown")


def test_a_broker_away_is_told_from_a_worker_away(installation, valkey) -> None:
    valkey.stop()
    silent("worker")
    assert (words()["broker"], words()["beat"], words()["worker"]) == ("away", "ok", "unknown")


def test_beat_may_be_late_where_the_broker_is_away(installation, valkey) -> None:
    valkey.stop()
    silent("beat")
    assert (words()["broker"], words()["beat"]) == ("away", "unknown")


def test_a_broker_that_accepts_and_never_answers_costs_two_seconds_at_most(installation, silent_port) -> None:
    installation.REDIS_URL = f"redis://127.0.0.1:{silent_port}/0"
    started = time.monotonic()
    assert words()["broker"] == "away"
    assert time.monotonic() - started < 2.5


def test_without_a_broker_nobody_waits_for_workers(installation) -> None:
    installation.REDIS_URL = ""
    Heartbeat.objects.all().delete()
    status, told = ask()
    assert status == 200
    assert (told["broker"], told["beat"], told["worker"]) == ("not used",) * 3


def test_the_database_away_is_said_to_everybody(installation, as_viewer, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("password of coverage at db.internal")

    monkeypatch.setattr(connection, "cursor", fail)
    status, told = ask()
    assert (status, told["database"], told["worker"]) == (503, "away", "unknown")
    as_viewer.raise_request_exception = False
    assert as_viewer.get("/readyz").status_code == 503
    assert "db.internal" not in str(ask(token=TOKEN))


@pytest.mark.parametrize(("age", "state"), [(44, "ok"), (46, "old")])
def test_coverage_is_old_after_three_periods(installation, age, state) -> None:
    parts = SyncScope.objects.filter(what=What.COVERAGE, region="eu-west-1", part=ResourceType.AWS_EC2_INSTANCE)
    parts.update(last_complete_at=timezone.now() - timedelta(minutes=age))
    told = ask(token=TOKEN)[1]["coverage"]
    assert told["state"] == told["regions"]["eu-west-1"]["state"] == state
    assert told["regions"]["us-east-1"]["state"] == "ok"
    assert told["regions"]["eu-west-1"]["seconds_ago"] == pytest.approx(age * 60, abs=5)


def test_a_region_that_was_never_read_is_not_ready(installation) -> None:
    SyncScope.objects.filter(region="eu-west-1").delete()
    assert words()["coverage"] == "not read yet"


def test_a_region_where_inspector_is_not_offered_is_no_fault(installation) -> None:
    SyncScope.objects.filter(region="eu-west-1").delete()
    factories.scope(What.COVERAGE, "eu-west-1", STATISTICS, state=ScopeState.SKIPPED, last_complete_at=None)
    assert ask()[0] == 200


def test_a_region_that_is_not_read_any_more_is_no_fault(installation) -> None:
    factories.fail(What.FINDINGS, "ap-southeast-2")
    assert ask()[0] == 200


@pytest.mark.parametrize("state", [ScopeState.FAILED, ScopeState.HELD])
def test_what_failed_or_is_held_is_a_fault_told_without_names_to_strangers(installation, as_viewer, state) -> None:
    error = f"{ACCOUNT} is not authorized"
    factories.fail(What.FINDINGS, "eu-west-1", error=error, state=state)
    status, told = ask()
    assert (status, told["sync"]) == (503, state.value)
    for name in ("eu-west-1", "us-east-1", ACCOUNT, "authorized"):
        assert name not in str(told)
    for detailed in (ask(as_viewer), ask(token=TOKEN)):
        (scope,) = detailed[1]["sync"]["scopes"]
        assert (scope["region"], scope["what"], scope["error"]) == ("eu-west-1", "findings", error)


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "\N{SNOWMAN}"])
def test_strangers_get_words_alone(installation, token) -> None:
    assert all(isinstance(part, str) for part in ask(token=token)[1].values())


def test_no_token_in_the_settings_is_no_token_to_show(installation) -> None:
    installation.COVERAGE_METRICS_TOKEN = ""
    response = Client().get("/readyz", headers={"Authorization": "Bearer "})
    assert json.loads(response.content)["components"]["sync"] == "ok"


def test_who_sees_some_accounts_gets_words_alone(installation, account_viewer, as_person) -> None:
    assert ask(as_person(account_viewer))[1]["sync"] == "ok"


def test_readiness_is_answered_over_plain_http_and_costs_few_queries(
    installation, django_assert_max_num_queries
) -> None:
    installation.SECURE_SSL_REDIRECT = True
    with django_assert_max_num_queries(5):
        assert ask()[0] == 200


@pytest.mark.parametrize("what", ["worker", "beat"])
def test_the_health_check_of_a_container_asks_for_signs_of_life(installation, what, capsys) -> None:
    call_command("alive", what)
    assert f"{what} was last seen 0 seconds ago." in capsys.readouterr().out
    silent(what, 90)
    with pytest.raises(CommandError, match=f"{what} was last seen 90 seconds ago"):
        call_command("alive", what)


@pytest.mark.parametrize(("policy", "warns"), [("noeviction", False), ("allkeys-lru", True)])
def test_a_broker_that_throws_tasks_away_is_warned_of(installation, valkey, policy, warns, capsys) -> None:
    from coverage_site.broker import ask as ask_broker

    ask_broker(lambda client: client.config_set("maxmemory-policy", policy))
    call_command("check")
    said = capsys.readouterr()
    assert (f"maxmemory-policy is {policy}" in said.err + said.out) is warns


def test_a_broker_that_is_away_stops_no_command(installation, valkey) -> None:
    valkey.stop()
    call_command("check", fail_level="WARNING")
