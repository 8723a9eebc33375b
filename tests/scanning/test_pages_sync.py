"""The page of reads: how each scope stands, reads that a person asks for, holds that a person decides."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from aws.choices import ScopeState
from aws.models import GLOBAL, SyncRequest, SyncRun, SyncScope
from tests import factories
from tests.broker import broker_that
from tests.reading import read

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
INSTANCES = "AWS_EC2_INSTANCE"
CLOCK = re.compile(r"\d\d:\d\d")
NAMES = ["111122223333 i-1 PACKAGE", "444455556666 i-2 PACKAGE"]


@pytest.fixture
def as_admin(delegated_admin, as_person):
    return as_person(delegated_admin)


@pytest.fixture
def held(db) -> SyncScope:
    factories.read()
    scope = factories.fail(
        "coverage", "us-east-1", INSTANCES, state=ScopeState.HELD, error="312 of 400 rows are absent.", would_go=NAMES
    )
    factories.run(scope, outcome="held", missing=2, error="312 of 400 rows are absent.")
    return scope


def decide(client, scope, what="release", **fields):
    scope.refresh_from_db()
    return client.post(f"/sync/{scope.pk}/{what}/", {"generation": scope.generation, **fields}, follow=False)


def said(client, response):
    """What the page that a form leads to says about it."""
    assert response.status_code == 302
    return read(client.get(response["Location"])).text


# --- How it stands


def test_each_scope_and_the_latest_reads(as_viewer):
    scope = factories.scope("coverage", "us-east-1", INSTANCES, age=4 * MINUTE)
    factories.run(scope, read=1415, new=3, changed=40, missing=2, gone=1)
    failed = factories.fail(
        "findings", "us-east-1", error="throttled", error_code="ThrottlingException", error_request_id="abc-123"
    )
    factories.run(failed, outcome="failed", error="throttled")
    page = read(as_viewer.get("/sync/"))
    nothing = dict.fromkeys(("Read", "New", "Changed", "Missing", "Gone"), "0")
    assert page.tables[0] == [
        {
            "What": "Instances",
            "State": "Complete",
            "Last complete read": "4 minutes ago",
            "Read": "1,415",
            "New": "3",
            "Changed": "40",
            "Missing": "2",
            "Gone": "1",
            "Seconds": "12.0",
        },
        {
            "What": "Findings",
            "State": "Failed throttled AWS request abc-123 Next: The next sync tries it again by itself. If it keeps"
            " happening, lower COVERAGE_REQUESTS_PER_SECOND: others may use the same quota.",
            "Last complete read": "never",
            **nothing,
            "Seconds": "12.0",
        },
    ]
    assert [row["Outcome"] for row in page.tables[1]] == ["Failed throttled", "Complete"]
    assert "1 complete · 1 failed" in page.text
    assert "hx-trigger" not in page.html.partition("<main")[2]
    assert page.links["Instances"] == f"/sync/{scope.pk}/"


def test_the_exact_time_is_on_hover(as_viewer):
    factories.scope("findings", "us-east-1", last_complete_at=timezone.now() - 5 * MINUTE)
    assert ' UTC">5 minutes ago</time>' in as_viewer.get("/sync/").content.decode()


def test_a_read_under_way_shows_how_far_it_is(as_viewer):
    scope = factories.scope("coverage", "us-east-1", INSTANCES, lease_until=timezone.now() + MINUTE)
    factories.run(scope, outcome="running", ended_at=None, read=1200, expected=14_150)
    page = read(as_viewer.get("/sync/"))
    assert "Reading: 1,200 of 14,150 rows" in page.text
    assert 'max="14150" value="1200"' in page.html
    assert 'hx-trigger="every 4s"' in page.html
    fragment = as_viewer.get("/sync/", headers=HTMX).content.decode()
    assert '<div class="stack" id="sync"' in fragment
    assert "<html" not in fragment
    assert 'max="14150" value="1200"' in as_viewer.get(scope.get_absolute_url()).content.decode()


def test_a_read_that_finds_more_than_was_announced_fills_the_bar_and_no_more(as_viewer):
    scope = factories.scope("coverage", "us-east-1", INSTANCES, lease_until=timezone.now() + MINUTE)
    factories.run(scope, outcome="running", ended_at=None, read=120, expected=100)
    page = read(as_viewer.get("/sync/"))
    assert "Reading: 120 of 100 rows" in page.text
    assert 'max="100" value="100"' in page.html


@pytest.mark.parametrize("expected", [None, 0])
def test_where_nothing_was_announced_the_bar_names_no_share(as_viewer, expected):
    scope = factories.scope("findings", "us-east-1", lease_until=timezone.now() + MINUTE)
    factories.run(scope, outcome="running", ended_at=None, read=120, expected=expected)
    page = read(as_viewer.get("/sync/"))
    assert "Reading: 120 rows" in page.text
    assert "<progress" in page.html
    assert " max=" not in page.html


def test_a_run_whose_worker_was_lost_goes_on_by_itself(as_viewer):
    scope = factories.scope("findings", "us-east-1")
    factories.run(scope, outcome="aborted", error="The worker that read this stopped before it was done.")
    state = read(as_viewer.get("/sync/")).rows[0]["State"]
    assert state.startswith("Complete The worker that read this stopped before it was done. Next: Nothing to do")


def test_what_was_not_read_lately_asks_for_the_worker(as_viewer):
    factories.scope("findings", "us-east-1", age=50 * MINUTE)
    page = read(as_viewer.get("/sync/"))
    assert page.rows[0]["State"].startswith("Not read lately Next: Is a worker running, and beat?")
    assert "1 not read lately" in page.text


def test_a_region_that_is_read_no_more_is_not_called_late(as_viewer):
    factories.read()
    factories.scope("findings", "ap-south-1", age=9 * DAY)
    page = read(as_viewer.get("/sync/"))
    assert (
        "Findings in ap-south-1 read no more, as COVERAGE_REGIONS does not name the Region. What is shown" in page.text
    )
    assert "Is the worker running?" not in page.text
    assert "Read no more: COVERAGE_REGIONS does not name the Region" in page.text


def test_the_comparison_with_aws_is_no_read(as_viewer):
    comparison = factories.scope("comparison", "us-east-1")
    factories.run(comparison)
    assert "omparison" not in read(as_viewer.get("/sync/")).text
    assert as_viewer.get(comparison.get_absolute_url()).status_code == 404


def test_the_page_costs_the_same_for_any_number_of_scopes(as_viewer, django_assert_num_queries):
    for part in range(20):
        factories.run(factories.scope("coverage", "us-east-1", f"TYPE_{part}"))
    with django_assert_num_queries(6):
        as_viewer.get("/sync/")


def test_what_is_read_in_place_brings_the_banner_and_the_freshness_along(as_viewer):
    factories.read()
    scope = factories.fail("findings", "us-east-1", error="denied.")
    for path in ("/sync/", scope.get_absolute_url()):
        html = as_viewer.get(path, headers=HTMX).content.decode()
        assert 'id="fresh" href="/sync/" hx-swap-oob="true"' in html
        assert '<div id="notices" hx-swap-oob="true">' in html
        assert 'id="messages"' not in html, "what was said before stays"
        assert "Findings in us-east-1 could not be read" in read(as_viewer.get(path, headers=HTMX)).text


def test_a_scope_that_was_just_released_is_followed(as_admin, held, queued):
    follows = 'hx-trigger="every 4s"'
    assert follows not in as_admin.get(held.get_absolute_url()).content.decode()
    decide(as_admin, held)
    assert follows in as_admin.get(held.get_absolute_url()).content.decode()
    SyncScope.objects.update(hold_decided_at=timezone.now() - 2 * MINUTE)
    assert follows not in as_admin.get(held.get_absolute_url()).content.decode()


# --- The banner


def test_the_banner_leads_to_the_scope(as_viewer, as_admin, held):
    factories.fail("findings", "us-east-1", error="denied", error_code="AccessDeniedException")
    links = read(as_viewer.get("/coverage/instances/")).links
    assert links["What would go"] == held.get_absolute_url()
    assert links["What to do"] == SyncScope.objects.get(what="findings").get_absolute_url()
    assert read(as_admin.get("/coverage/instances/")).links["Release or refuse"] == held.get_absolute_url()


def test_the_banner_leads_to_the_region_where_several_scopes_are_concerned(as_viewer):
    for part in (INSTANCES, "AWS_LAMBDA_FUNCTION"):
        factories.fail("coverage", "us-east-1", part, error="denied")
    assert read(as_viewer.get("/coverage/instances/")).links["What to do"] == "/sync/#us-east-1"
    assert 'id="us-east-1"' in as_viewer.get("/sync/").content.decode()


def test_holds_of_one_region_are_one_line_of_the_banner(as_admin, held):
    factories.fail(
        "coverage", "us-east-1", "AWS_LAMBDA_FUNCTION", state=ScopeState.HELD, error="5 of 6 rows are absent."
    )
    page = read(as_admin.get("/coverage/instances/"))
    assert "Instances and functions in us-east-1 held since" in page.text
    assert "to be believed. What is shown" in page.text
    assert page.links["Release or refuse"] == "/sync/#us-east-1"


def test_the_banner_of_a_released_hold_says_what_follows(as_admin, held):
    decide(as_admin, held)
    text = read(as_admin.get("/coverage/instances/")).text
    assert "Instances in us-east-1 held since" in text
    assert "and released: the next read follows" in text


# --- History


def run_at(scope, ended_at, outcome="complete", **fields):
    return factories.run(
        scope, started_at=ended_at - 12 * timedelta(seconds=1), ended_at=ended_at, outcome=outcome, **fields
    )


def test_gaps_are_told_from_one_complete_read_to_the_next_with_their_reason(as_viewer):
    scope = factories.scope("findings", "us-east-1")
    noon = timezone.now().replace(hour=12, minute=0) - 3 * DAY
    for minutes, outcome, error in (
        (0, "complete", ""),
        (15, "failed", "AWS kept throttling ListFindings."),
        (30, "failed", "AWS did not answer in time."),
        (45, "complete", ""),
        (50, "aborted", "The worker that read this stopped before it was done."),
        (60, "complete", ""),
        (75, "complete", ""),
        (75 + 300, "complete", ""),
    ):
        run_at(scope, noon + minutes * MINUTE, outcome, error=error)
    run_at(scope, timezone.now() - MINUTE)
    gaps = read(as_viewer.get(scope.get_absolute_url())).tables[0]
    told = [(*CLOCK.findall(gap["From"] + gap["To"]), gap["For"], gap["Why"]) for gap in gaps]
    assert told[1:] == [
        ("13:15", "18:15", "5 hours", "Nothing was read: the worker or beat did not run."),
        ("12:00", "12:45", "45 minutes", "AWS kept throttling ListFindings."),
    ]


def test_the_gap_that_is_open_reaches_to_now(as_viewer):
    scope = factories.scope("findings", "us-east-1", age=2 * DAY, state=ScopeState.FAILED, error="Access denied.")
    gap = read(as_viewer.get(scope.get_absolute_url())).rows[0]
    assert (gap["To"], gap["For"], gap["Why"]) == ("now", "2 days", "Access denied.")


def test_why_there_was_a_gap_names_no_error_to_who_sees_granted_accounts(account_viewer, as_person):
    scope = factories.scope("findings", "us-east-1", age=2 * DAY, state=ScopeState.FAILED, error="role/reader denied")
    for hours, outcome, error in ((60, "complete", ""), (55, "failed", "role/reader denied"), (48, "complete", "")):
        run_at(scope, timezone.now() - hours * 60 * MINUTE, outcome, error=error)
    gaps = read(as_person(account_viewer).get(scope.get_absolute_url())).tables[0]
    assert [gap["Why"] for gap in gaps] == ["Failed", "Failed"]


def test_a_scope_without_gaps_says_so(as_viewer):
    scope = factories.scope("findings", "us-east-1")
    for minutes in (30, 15, 0):
        run_at(scope, timezone.now() - minutes * MINUTE)
    assert "Never, as far as the history reaches." in read(as_viewer.get(scope.get_absolute_url())).text


def test_a_long_history_is_paged_without_loss_or_repeat(as_viewer, django_assert_max_num_queries):
    scope = factories.scope("findings", "us-east-1")
    for number in range(120):
        run_at(scope, timezone.now() - (120 - number) * 10 * MINUTE, read=number)
    other = factories.scope("findings", "eu-west-1")
    factories.run(other, read=999)
    address, seen = scope.get_absolute_url(), []
    path = address
    while path:
        with django_assert_max_num_queries(10):
            page = read(as_viewer.get(path))
        seen += [int(row["Read"]) for row in page.rows]
        path = address + page.links["Next"] if "Next" in page.links else ""
    assert seen == list(range(119, -1, -1))
    assert "20 of 120 reads" in page.text
    assert read(as_viewer.get(address + page.links["Previous"])).rows[0]["Read"] == "69"


@pytest.mark.parametrize("query", ["?after=x", "?before=x", "?after=%00", "?after=a&before=b"])
def test_a_place_in_the_history_that_does_not_exist_is_refused(as_viewer, query):
    scope = factories.scope("findings", "us-east-1")
    assert as_viewer.get(scope.get_absolute_url() + query).status_code == 400


@pytest.mark.parametrize("number", ["0", "999999", str(10**30)])
def test_a_scope_that_does_not_exist_is_not_found(as_admin, number):
    for path in (f"/sync/{number}/", f"/sync/{number}/release/"):
        assert as_admin.get(path).status_code == 404
    for what in ("release", "refuse"):
        assert as_admin.post(f"/sync/{number}/{what}/", {"generation": 1}).status_code == 404


# --- Sync now


def test_a_read_of_a_region_is_asked_for_once(as_admin, queued):
    assert "eu-west-1 will be read as soon as a worker is free." in said(
        as_admin, as_admin.post("/sync/now/", {"region": "eu-west-1"})
    )
    assert queued() == [("sync_now", ["eu-west-1"])]
    SyncRequest.objects.update(requested_at=timezone.now() - 2 * MINUTE)
    again = said(as_admin, as_admin.post("/sync/now/", {"region": "eu-west-1"}))
    assert "eu-west-1: already asked for by delegated-admin, 2 minutes ago." in again
    assert queued() == []


def test_a_read_of_every_region_waits_for_each_of_them(as_admin, queued):
    as_admin.post("/sync/now/", {"region": GLOBAL})
    assert queued() == [("sync_now", ["global"])]
    again = said(as_admin, as_admin.post("/sync/now/", {"region": "eu-west-1"}))
    assert "eu-west-1: already asked for by delegated-admin, just now." in again
    assert queued() == []


def test_while_a_read_is_asked_for_the_page_says_so_in_place_of_the_button(as_admin, as_viewer, queued):
    factories.read()
    assert "Sync now us-east-1" in read(as_admin.get("/sync/")).text
    as_admin.post("/sync/now/", {"region": "us-east-1"})
    page = read(as_admin.get("/sync/"))
    assert "Asked for by delegated-admin, just now" in page.text
    assert "Sync now us-east-1" not in page.text
    assert 'hx-trigger="every 4s"' in page.html, "until it was read"
    SyncRequest.objects.update(started_at=timezone.now() - 2 * MINUTE)
    page = read(as_admin.get("/sync/"))
    assert "Sync now us-east-1" in page.text
    assert 'hx-trigger="every 4s"' not in page.html


def test_a_request_that_the_queue_lost_may_be_made_again(as_admin, queued):
    as_admin.post("/sync/now/", {"region": "us-east-1"})
    SyncRequest.objects.update(requested_at=timezone.now() - 11 * MINUTE)
    factories.read()
    assert "Sync now us-east-1" in read(as_admin.get("/sync/")).text
    as_admin.post("/sync/now/", {"region": "us-east-1"})
    assert len(queued()) == 2


@pytest.mark.parametrize("kind", ["away", "silent", "loading", "none"])
def test_without_the_queue_nothing_is_changed_and_the_page_says_so(as_admin, monkeypatch, kind):
    with broker_that(kind) as url:
        monkeypatch.setattr(current_app.conf, "broker_url", None if kind == "none" else url)
        answer = said(as_admin, as_admin.post("/sync/now/", {"region": "eu-west-1"}))
    assert "The queue does not answer. Nothing was changed." in answer
    assert not SyncRequest.objects.exists()


def test_in_place_the_answer_comes_with_the_part_that_changed(as_admin, queued):
    factories.read()
    response = as_admin.post("/sync/now/", {"region": "us-east-1"}, headers=HTMX, follow=True)
    html = response.content.decode()
    assert 'id="messages" role="status" hx-swap-oob="true"' in html
    assert "us-east-1 will be read as soon as a worker is free." in html
    assert '<div class="stack" id="sync"' in html
    assert "<html" not in html


@pytest.mark.parametrize("region", ["", "ap-south-1", "\x00", "<script>", "us-east-1 "])
def test_a_region_that_is_not_read_is_refused(as_admin, queued, region):
    assert as_admin.post("/sync/now/", {"region": region}).status_code == 400
    assert queued() == []
    assert not SyncRequest.objects.exists()


# --- Holds


def test_what_would_go_is_shown_with_both_answers(as_admin, held):
    page = read(as_admin.get(held.get_absolute_url()))
    assert "2 rows would go" in page.text
    assert all(name in page.text for name in NAMES)
    assert "2 rows will be marked gone at the next read. What AWS still lists comes back by itself." in page.text
    assert "Keep them; the scope stays held until a read sees them again." in page.text
    assert "See what would go, and release or refuse it" in read(as_admin.get("/sync/")).text


def test_a_release_says_what_is_lost_before_it_is_done(as_admin, held, queued):
    page = read(as_admin.get(read(as_admin.get(held.get_absolute_url())).links["Release …"]))
    assert "Release instances in us-east-1?" in page.text
    assert "312 of 400 rows are absent." in page.text
    assert all(name in page.text for name in NAMES)
    assert "Release: let 2 rows go" in page.text
    held.refresh_from_db()
    assert held.hold_decision == ""
    answer = said(as_admin, decide(as_admin, held))
    assert "Released. It is read again as soon as a worker is free." in answer
    assert "Released by delegated-admin, just now. The next read follows it." in answer
    held.refresh_from_db()
    assert (held.hold_decision, held.hold_decided_by) == ("released", "delegated-admin")
    assert queued() == [("sync_coverage", ["us-east-1", INSTANCES, None])]


def test_a_release_without_the_queue_is_followed_by_the_next_sync(as_admin, held):
    assert "Released. The next sync follows it." in said(as_admin, decide(as_admin, held))
    held.refresh_from_db()
    assert held.hold_decision == "released"


def test_a_refusal_keeps_everything_and_reads_nothing(as_admin, held, queued):
    answer = said(as_admin, decide(as_admin, held, "refuse"))
    assert "Refused. Everything is kept; the scope stays held until a read sees it again." in answer
    assert "Refused by delegated-admin, just now. The rows are kept until a read sees them again." in answer
    assert queued() == []
    page = read(as_admin.get(held.get_absolute_url()))
    assert "Release …" in page.links, "one may think better of it"
    assert f'action="/sync/{held.pk}/refuse/"' not in page.html


@pytest.mark.parametrize("what", ["release", "refuse"])
def test_a_form_that_was_shown_before_another_read_changes_nothing(as_admin, held, queued, what):
    shown = held.generation
    factories.run(held, outcome="held")
    response = as_admin.post(f"/sync/{held.pk}/{what}/", {"generation": shown})
    assert "Nothing was changed." in read(response, status=409).text
    held.refresh_from_db()
    assert (held.hold_decision, queued()) == ("", [])


@pytest.mark.parametrize("what", ["release", "refuse"])
def test_what_is_held_no_more_cannot_be_decided(as_admin, held, what):
    SyncScope.objects.filter(pk=held.pk).update(state=ScopeState.OK)
    assert "It is not held like that any more" in read(decide(as_admin, held, what), status=409).text
    assert read(as_admin.get(f"/sync/{held.pk}/release/"), status=409).links["See how it stands now"]


@pytest.mark.parametrize("generation", ["", "x", "-1", "٣", "9" * 40, "\x00"])
def test_a_form_that_was_tampered_with_is_refused(as_admin, held, generation):
    assert as_admin.post(f"/sync/{held.pk}/release/", {"generation": generation}).status_code == 400


def test_a_hold_because_of_another_caller_says_what_a_release_means(as_admin):
    scope = factories.fail(
        "coverage", "us-east-1", INSTANCES, state=ScopeState.HELD, hold_kind="caller", error="The caller changed from …"
    )
    text = read(as_admin.get(f"/sync/{scope.pk}/release/")).text
    assert "The next read accepts the new caller. If too much is absent from what it lists, it is held again." in text
    assert "Release: accept the new caller" in text


def test_a_first_read_that_is_not_complete_is_not_taken_for_another_caller(as_admin):
    scope = factories.fail(
        "coverage",
        "us-east-1",
        INSTANCES,
        state=ScopeState.HELD,
        hold_kind="incomplete",
        error="AWS' statistics count 100 rows but the list has 30: what is absent may still be there.",
    )
    for path in (scope.get_absolute_url(), f"/sync/{scope.pk}/release/"):
        text = read(as_admin.get(path)).text
        assert "The next read believes the list, whatever AWS' statistics count. No row of ours is absent" in text
        assert "caller" not in text
    assert "Release: believe the list" in text
    SyncScope.objects.filter(pk=scope.pk).update(would_go=NAMES)
    text = read(as_admin.get(f"/sync/{scope.pk}/release/")).text
    assert "2 rows are absent from it, and will be marked missing, then gone." in text


def test_a_hold_of_accounts_speaks_of_accounts(as_admin):
    scope = factories.fail("accounts", "us-east-1", state=ScopeState.HELD, error="x", would_go=["1" * 12])
    assert "1 account will be marked as left at the next read." in read(as_admin.get(scope.get_absolute_url())).text


def test_many_rows_are_counted_and_the_first_of_them_named(as_admin):
    named = [f"i-{number}" for number in range(200)]
    scope = factories.fail("coverage", "us-east-1", INSTANCES, state=ScopeState.HELD, error="x", would_go=named)
    assert "At least 200 rows would go" in read(as_admin.get(scope.get_absolute_url())).text
    factories.run(scope, outcome="held", missing=1312)
    text = read(as_admin.get(scope.get_absolute_url())).text
    assert "1,312 rows would go" in text
    assert "The first 200 of 1,312." in text


def test_a_region_that_is_read_no_more_is_not_read_by_a_release(as_admin, queued):
    scope = factories.fail("coverage", "ap-south-1", INSTANCES, state=ScopeState.HELD, error="x", would_go=["i-1"])
    assert decide(as_admin, scope).status_code == 302
    assert queued() == []


# --- Who may


ROLES: dict[str, dict[str, Any]] = {
    "viewer": {"role": "viewer"},
    "site admin": {"role": "site_admin"},
    "delegated admin of all accounts": {"role": "delegated_admin", "all_accounts": True},
    "delegated admin of granted accounts": {"role": "delegated_admin", "accounts": [factories.PAYMENTS]},
    "account viewer": {"role": "account_viewer", "accounts": [factories.PAYMENTS]},
    "account viewer who was one of all accounts": {"role": "account_viewer", "all_accounts": True},
    "without a role": {},
}
MAY_SYNC = {"site admin", "delegated admin of all accounts"}
SEES_ALL = MAY_SYNC | {"viewer"}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_activate_everywhere_starts_reads_and_decides(as_person, held, queued, role, headers):
    client = as_person(factories.person("somebody", **ROLES[role]))
    forms = {
        "/sync/now/": {"region": "us-east-1"},
        f"/sync/{held.pk}/refuse/": {"generation": held.generation},
        f"/sync/{held.pk}/release/": {"generation": held.generation},
    }
    confirmation = client.get(f"/sync/{held.pk}/release/", headers=headers)
    assert confirmation.status_code == (200 if role in MAY_SYNC else 403)
    for path, form in forms.items():
        assert client.post(path, form, headers=headers).status_code == (302 if role in MAY_SYNC else 403)
    if role not in MAY_SYNC:
        held.refresh_from_db()
        assert (held.hold_decision, queued(), SyncRequest.objects.count()) == ("", [], 0)
        assert not any(name in confirmation.content.decode() for name in NAMES)


@pytest.mark.parametrize("role", ROLES)
def test_buttons_names_and_errors_are_shown_to_who_may_see_them(as_person, held, role):
    client = as_person(factories.person("somebody", **ROLES[role]))
    failed = factories.fail("findings", "us-east-1", error="role/reader is denied", error_request_id="r-1")
    factories.run(failed, outcome="failed", error="role/reader is denied")
    log = client.get("/sync/").content.decode()
    page = client.get(held.get_absolute_url())
    other = client.get(failed.get_absolute_url())
    assert page.status_code == other.status_code == (404 if role == "without a role" else 200)
    shown = log + page.content.decode() + other.content.decode()
    assert ("Sync now" in shown) == ('method="post" action="/sync/' in shown) == (role in MAY_SYNC)
    assert ("role/reader" in shown) == (NAMES[0] in shown) == ("r-1" in shown) == (role in SEES_ALL)
    assert ("The next sync tries it again" in shown) == (role in SEES_ALL)


def test_who_asked_or_decided_is_told_to_those_who_see_all_accounts(as_viewer, account_viewer, as_person, held):
    SyncScope.objects.filter(pk=held.pk).update(
        hold_decision="refused", hold_decided_by="delegated-admin", hold_decided_at=timezone.now()
    )
    SyncRequest.objects.create(region="us-east-1", requested_by="delegated-admin", requested_at=timezone.now())
    limited = as_person(account_viewer)
    for path in ("/sync/", held.get_absolute_url()):
        assert "delegated-admin" in read(as_viewer.get(path)).text
        assert "delegated-admin" not in read(limited.get(path)).text


@pytest.mark.parametrize("path", ["/sync/now/", "/sync/1/release/", "/sync/1/refuse/"])
def test_without_a_session_or_a_token_nothing_is_done(client, delegated_admin, path):
    response = client.post(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(delegated_admin)
    assert "The form was too old" in read(strict.post(path, {"region": "us-east-1"}), status=403).text
    assert not SyncRequest.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_forms_answer_posts_only(as_admin, held, method):
    for path in ("/sync/now/", f"/sync/{held.pk}/refuse/"):
        assert getattr(as_admin, method)(path).status_code == 405
    if method != "get":
        for path in ("/sync/", held.get_absolute_url(), f"/sync/{held.pk}/release/"):
            assert getattr(as_admin, method)(path).status_code == 405


def test_the_forms_carry_their_token(as_admin, held):
    for path in ("/sync/", held.get_absolute_url(), f"/sync/{held.pk}/release/"):
        html = as_admin.get(path).content.decode().partition("<main")[2]
        assert html.count("<form") == html.count("csrfmiddlewaretoken") > 0


def test_a_page_with_a_hold_costs_the_same_for_any_number_of_names(as_admin, held, django_assert_num_queries):
    with django_assert_num_queries(9):
        as_admin.get(held.get_absolute_url())
    SyncScope.objects.filter(pk=held.pk).update(would_go=[f"i-{number}" for number in range(199)])
    with django_assert_num_queries(9):
        as_admin.get(held.get_absolute_url())


def test_history_is_kept_when_a_scope_is_decided(as_admin, held):
    decide(as_admin, held)
    assert SyncRun.objects.get().outcome == "held"
