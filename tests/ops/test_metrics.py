"""The numbers that Prometheus reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from aws import heartbeats
from aws.choices import RunOutcome, ScopeState, What
from tests import factories
from tests.factories import PAYMENTS

TOKEN = "token-of-the-monitors"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def token(settings):
    settings.COVERAGE_METRICS_TOKEN = TOKEN
    return settings


def text() -> str:
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return response.content.decode()


def numbers(name: str) -> dict[frozenset[str], float]:
    """The values of one metric by their labels."""
    return {
        frozenset(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text())
        for sample in family.samples
        if sample.name == f"inspector_coverage_{name}"
    }


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Bearer wrong", 401), (f"Basic {TOKEN}", 401), ("Bearer \u2603", 401), (f"bearer {TOKEN}", 200)],
)
def test_the_token_is_asked_for(authorization, status) -> None:
    response = Client().get("/metrics", headers={"Authorization": authorization})
    assert response.status_code == status
    assert ("inspector_coverage" in response.content.decode()) is (status == 200)


def test_without_a_token_there_is_no_such_address(token, as_viewer) -> None:
    token.COVERAGE_METRICS_TOKEN = ""
    for client in (Client(), as_viewer):
        assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_coverage_is_counted_by_region_type_scan_type_group_and_status() -> None:
    factories.instance("a")
    factories.instance("b")
    row = factories.unmanaged_instance("c")
    factories.function("d", region="eu-west-1", scan_type="CODE")
    counted = {tuple(sorted(labels)): count for labels, count in numbers("resources").items()}
    assert counted == {
        tuple(sorted(["AWS_EC2_INSTANCE", "PACKAGE", "not-scanning", row.status_key, "us-east-1"])): 1,
        ("AWS_EC2_INSTANCE", "PACKAGE", "actively-monitoring", "scanning", "us-east-1"): 2,
        ("AWS_LAMBDA_FUNCTION", "CODE", "actively-monitoring", "eu-west-1", "scanning"): 1,
    }


def test_a_count_that_fell_to_zero_stays_a_number() -> None:
    factories.goes(factories.instance("a"))
    assert list(numbers("resources").values()) in ([0], [])


def test_findings_are_counted_by_severity() -> None:
    row = factories.instance("a")
    for severity in ("CRITICAL", "CRITICAL", "HIGH"):
        factories.finding(row, severity)
    found = numbers("findings")
    assert found[frozenset({"us-east-1", "critical"})] == 2
    assert found[frozenset({"us-east-1", "high"})] == 1
    assert found[frozenset({"us-east-1", "low"})] == 0


def test_the_oldest_read_of_a_kind_and_region_counts() -> None:
    factories.scope(What.COVERAGE, "us-east-1", "AWS_EC2_INSTANCE", age=timedelta(minutes=5))
    factories.scope(What.COVERAGE, "us-east-1", "AWS_LAMBDA_FUNCTION", age=timedelta(minutes=50))
    factories.scope(What.FINDINGS, "us-east-1", age=timedelta(minutes=1))
    factories.scope(What.FINDINGS, "eu-west-1", state=ScopeState.NEW, last_complete_at=None)
    ages = numbers("sync_age_seconds")
    assert ages[frozenset({"coverage", "us-east-1"})] == pytest.approx(3000, abs=5)
    assert ages[frozenset({"findings", "us-east-1"})] == pytest.approx(60, abs=5)
    assert frozenset({"findings", "eu-west-1"}) not in ages
    assert numbers("sync_never_read")[frozenset({"findings", "eu-west-1"})] == 1


def test_failed_and_held_scopes_and_their_last_runs_are_counted() -> None:
    scope = factories.fail(What.COVERAGE, "us-east-1", "AWS_EC2_INSTANCE", state=ScopeState.HELD)
    factories.run(scope, read=7)
    factories.run(scope, read=311)
    factories.run(scope, outcome=RunOutcome.RUNNING, ended_at=None, read=2)
    states = numbers("sync_scopes")
    assert states[frozenset({"coverage", "us-east-1", "held"})] == 1
    assert states[frozenset({"coverage", "us-east-1", "failed"})] == 0
    labels = frozenset({"coverage", "us-east-1", "AWS_EC2_INSTANCE"})
    assert numbers("sync_last_run_rows") == {labels: 311}
    assert numbers("sync_last_run_seconds")[labels] == pytest.approx(12, abs=1)


def test_heartbeats_have_an_age() -> None:
    heartbeats.beat(heartbeats.BEAT)
    assert numbers("heartbeat_age_seconds")[frozenset({"beat"})] < 5


def test_the_queue_has_a_length_while_the_broker_answers(token, valkey) -> None:
    from coverage_site.broker import ask

    token.REDIS_URL = valkey.url
    ask(lambda client: client.rpush("celery", "a", "b", "c"))
    assert numbers("queue_length") == {frozenset({"celery"}): 3, frozenset({"changes"}): 0}
    assert numbers("broker_up") == {frozenset(): 1}
    valkey.stop()
    assert numbers("queue_length") == {}
    assert numbers("broker_up") == {frozenset(): 0}


def test_what_aws_invents_breaks_no_line() -> None:
    hostile = 'A"\n# TYPE x gauge\\'
    factories.resource(hostile, "r-1", reason="NEW_REASON")
    assert any(hostile in labels for labels in numbers("resources"))


def test_no_account_and_no_resource_is_named() -> None:
    row = factories.instance("payments-api")
    factories.finding(row)
    said = text()
    for name in (PAYMENTS, "payments", row.resource_id):
        assert name not in said


def test_the_numbers_cost_few_queries(django_assert_max_num_queries) -> None:
    factories.read("us-east-1")
    for number in range(5):
        factories.run(factories.scope(What.COVERAGE, "us-east-1", f"TYPE_{number}"))
    with django_assert_max_num_queries(5):
        text()
