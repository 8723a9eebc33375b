"""The audit as a page and as a file, who reads how much of it, and that what has to be in it is."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from accounts.choices import Event
from accounts.models import AuditEvent
from aws.choices import ScopeState
from aws.models import SyncRequest, SyncScope
from tests import factories
from tests.factories import PAYMENTS, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EXPORTS = ("/coverage/instances/export.csv", "/coverage/lambda/export.csv", "/coverage/accounts/export.csv")


def event(kind: Event = Event.REQUESTED, *, after: timedelta = timedelta(0), **facts: Any) -> AuditEvent:
    return AuditEvent.objects.create(at=FIRST + after, event=kind, **{"actor": "somebody", **facts})


@pytest.fixture
def as_person(as_person):
    """Logged in, and the login itself is forgotten: these tests count what comes after."""

    def log_in(person):
        client = as_person(person)
        AuditEvent.objects.filter(event=Event.LOGIN).delete()
        return client

    return log_in


@pytest.fixture
def as_root(as_person):
    return as_person(factories.person("root", role="site_admin"))


@pytest.fixture
def as_admin_of_payments(as_person):
    factories.account()
    factories.account(SEARCH)
    return as_person(factories.person("limited", role="delegated_admin", accounts=[PAYMENTS]))


def exported(client: Any, query: str = "") -> list[dict[str, str]]:
    response = client.get(f"/audit/export.csv{query}")
    assert response.status_code == 200
    return list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))


# --- Reading it


def test_who_what_when_from_where_on_what_from_what_to_what_and_why(as_root):
    factories.account()
    facts: dict[str, Any] = {
        "account_id": PAYMENTS,
        "region": "us-east-1",
        "scan_type": "LAMBDA_CODE",
        "ip": "192.0.2.7",
    }
    answer: dict[str, Any] = {"error_code": "ACCESS_DENIED", "error_message": "not allowed", "aws_request_id": "r-1"}
    event(Event.ANSWERED, **facts, from_value="DISABLED", to_value="ENABLED", reason="asked for", **answer)
    row = read(as_root.get("/audit/")).rows[0]
    assert row["When"] == "1 Mar 2026, 12:00 UTC"
    assert row["Who"] == "somebody 192.0.2.7"
    assert row["Event"] == "AWS answered"
    assert row["On"] == "Lambda code in us-east-1 Reason: asked for"
    assert row["From → to"] == "DISABLED → ENABLED ACCESS_DENIED: not allowed r-1"
    assert row["Account"] == "payments-prod 111122223333"
    line = exported(as_root)[-1]
    assert line == {
        "at": "2026-03-01T12:00:00Z",
        "event": "answered",
        "actor": "somebody",
        "subject": "",
        "from": "DISABLED",
        "to": "ENABLED",
        "reason": "asked for",
        "request": "",
        **facts,
        **answer,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["c", "b", "a"]),
        ("?event=exported", ["b"]),
        ("?event=exported&event=login", ["c", "b"]),
        ("?actor=ROOT", ["b"]),
        (f"?account={PAYMENTS}", ["a"]),
        ("?region=eu-west-1", ["a"]),
        ("?from=2026-03-02", ["c", "b"]),
        ("?to=2026-03-02", ["b", "a"]),
        ("?from=2026-03-02&to=2026-03-02", ["b"]),
        ("?to=9999-12-31&from=0001-01-01", ["c", "b", "a"]),
    ],
)
def test_filters_narrow_page_and_file_alike(as_root, query, found):
    factories.account()
    event(subject="a", account_id=PAYMENTS, region="eu-west-1")
    event(Event.EXPORTED, subject="b", after=timedelta(days=1), actor="The root")
    event(Event.LOGIN, subject="c", after=timedelta(days=2))
    assert [row["On"].split()[0] for row in read(as_root.get(f"/audit/{query}")).rows] == found
    lines = [line["subject"] for line in exported(as_root, query)]
    assert [subject for subject in lines if len(subject) == 1] == found


@pytest.mark.parametrize(
    "query",
    [
        "?event=x",
        "?account=12",
        "?account=999999999999",
        "?region=mars",
        "?from=tomorrow",
        "?to=2026-13-01",
        "?after=x",
    ],
)
def test_what_is_not_understood_is_refused(as_root, query):
    assert as_root.get(f"/audit/{query}").status_code == 400
    if "after" not in query:
        assert as_root.get(f"/audit/export.csv{query}").status_code == 400


def test_it_is_paged_without_loss_or_repeat_at_the_same_cost(as_root, django_assert_num_queries):
    for number in range(120):
        event(subject=str(number), after=timedelta(seconds=number // 10))
    seen: list[str] = []
    address = ""
    while True:
        with django_assert_num_queries(5):
            page = read(as_root.get(f"/audit/{address}"))
        seen += [row["On"] for row in page.rows]
        if "Earlier" not in page.links:
            break
        address = page.links["Earlier"]
    assert seen == [str(number) for number in reversed(range(120))]
    assert "Later" in page.links


def test_a_fragment_is_the_part_that_changes(as_root):
    event(subject="a")
    text = as_root.get("/audit/", headers={"HX-Request": "true"}).content.decode()
    assert text.lstrip().startswith("<section")


def test_delegated_admins_read_what_was_done_to_the_accounts_that_they_see(
    as_admin_of_payments, delegated_admin, as_person
):
    event(subject="of payments", account_id=PAYMENTS)
    event(subject="of search", account_id=SEARCH)
    event(Event.ROLE_CHANGED, subject="of a person")
    assert [row["On"] for row in read(as_admin_of_payments.get("/audit/")).rows] == ["of payments"]
    assert [line["subject"] for line in exported(as_admin_of_payments)] == ["of payments"]
    everywhere = read(as_person(delegated_admin).get("/audit/"))
    assert everywhere.column("On") == ["of search", "of payments"]
    foreign = read(as_admin_of_payments.get(f"/audit/?account={SEARCH}"), 400).text
    missing = read(as_admin_of_payments.get("/audit/?account=999999999999"), 400).text
    assert foreign.replace(SEARCH, "X") == missing.replace("999999999999", "X")


@pytest.mark.parametrize("role", ["", "viewer", "account_viewer"])
def test_others_do_not_read_it(as_person, role):
    client = as_person(factories.person("somebody", role=role, accounts=[PAYMENTS]))
    for address in ("/audit/", "/audit/export.csv"):
        assert client.get(address).status_code == 403
    assert "/audit/" not in read(client.get("/sync/")).links.values()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1"])
def test_no_cell_of_the_file_is_a_formula(as_root, text):
    event(subject=text, actor=text, reason=text, error_message=text)
    response = as_root.get("/audit/export.csv")
    content = b"".join(response.streaming_content).decode()
    row = list(csv.reader(content.splitlines(keepends=True)))[-1]
    assert [cell for cell in row if cell.startswith(tuple("=+-@\t\r\n＝"))] == []
    assert row[2] == f"'{text}"


# --- What is in it


@pytest.mark.parametrize("path", EXPORTS)
def test_every_export_is_recorded_with_its_filters_before_it_begins(as_viewer, path):
    factories.account()
    response = as_viewer.get(f"{path}?account={PAYMENTS}")
    made = AuditEvent.objects.get()
    assert (made.event, made.actor, made.ip, made.account_id) == (Event.EXPORTED, "viewer", "127.0.0.1", PAYMENTS)
    assert made.subject == f"{path}?account={PAYMENTS}"
    assert b"".join(response.streaming_content)


def test_so_is_that_of_the_audit_itself_but_no_mere_look_and_nothing_refused(as_root):
    exported(as_root, "?event=login")
    as_root.get("/audit/")
    as_root.head("/audit/export.csv")
    as_root.get("/audit/export.csv?event=x")
    assert list(AuditEvent.objects.values_list("subject", flat=True)) == ["/audit/export.csv?event=login"]


@pytest.mark.parametrize("path", [*EXPORTS, "/audit/export.csv"])
def test_without_the_audit_nothing_is_exported(as_root, monkeypatch, path):
    def fail(*args: Any, **facts: Any) -> None:
        raise DatabaseError("the audit cannot be written")

    monkeypatch.setattr(AuditEvent, "save", fail)
    as_root.raise_request_exception = False
    response = as_root.get(path)
    assert response.status_code == 500
    assert not response.streaming


def test_what_was_denied_is_recorded_with_who_address_and_method(as_viewer, client):
    as_viewer.get("/people/?q=x")
    as_viewer.post("/activation/preview/", {"action": "activate"})
    client.get("/people/")
    told = list(AuditEvent.objects.order_by("id").values_list("event", "actor", "subject", "ip"))
    assert told == [
        (Event.DENIED, "viewer", "GET /people/?q=x", "127.0.0.1"),
        (Event.DENIED, "viewer", "POST /activation/preview/", "127.0.0.1"),
    ]


def test_a_form_without_its_token_is_denied_and_recorded(viewer):
    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer)
    assert client.post("/sync/now/", {"region": "us-east-1"}).status_code == 403
    assert AuditEvent.objects.get(event=Event.DENIED).subject == "POST /sync/now/"


def test_reads_and_checks_that_a_person_starts_are_recorded_once(as_root, queued):
    for path, data in (
        ("/sync/now/", {"region": "us-east-1"}),
        ("/sync/now/", {"region": "us-east-1"}),
        ("/sync/permissions/check/", {}),
        ("/sync/comparison/compare/", {}),
    ):
        assert as_root.post(path, data).status_code == 302
    told = list(AuditEvent.objects.order_by("id").values_list("event", "actor", "subject"))
    assert [(kind, actor) for kind, actor, _ in told] == [(Event.SYNC_STARTED, "root")] * 3
    assert told[0][2] == "us-east-1"


def test_without_the_audit_no_read_is_started_and_no_hold_decided(as_root, monkeypatch, queued):
    scope = held()

    def fail(*args: Any, **facts: Any) -> None:
        raise DatabaseError("the audit cannot be written")

    monkeypatch.setattr(AuditEvent, "save", fail)
    as_root.raise_request_exception = False
    assert as_root.post("/sync/now/", {"region": "us-east-1"}).status_code == 500
    assert as_root.post(f"/sync/{scope.pk}/release/", {"generation": scope.generation}).status_code == 500
    scope.refresh_from_db()
    assert not SyncRequest.objects.exists()
    assert not scope.hold_decision
    assert queued() == []


def held() -> SyncScope:
    scope = factories.fail("coverage", "us-east-1", "AWS_EC2_INSTANCE", state=ScopeState.HELD, error="too much")
    factories.run(scope, outcome="held")
    scope.refresh_from_db()
    return scope


@pytest.mark.parametrize(("what", "decision"), [("release", "released"), ("refuse", "refused")])
def test_what_becomes_of_a_hold_is_recorded(as_root, queued, what, decision):
    scope = held()
    as_root.post(f"/sync/{scope.pk}/{what}/", {"generation": scope.generation - 1})
    assert not AuditEvent.objects.exists(), "a stale form decides nothing"
    as_root.post(f"/sync/{scope.pk}/{what}/", {"generation": scope.generation})
    made = AuditEvent.objects.get()
    assert (made.event, made.actor, made.region, made.to_value) == (Event.HOLD_DECIDED, "root", "us-east-1", decision)
    assert made.subject == str(scope)
