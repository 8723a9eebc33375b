"""The page of reads in a browser: asked for in place, followed by itself, decided without script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from aws.choices import ScopeState
from aws.models import SyncRequest, SyncScope
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def viewer(db):
    """Here the pages are opened by somebody who may start reads."""
    return factories.person("delegated-admin", role="delegated_admin", all_accounts=True)


@pytest.fixture
def held(live_server) -> SyncScope:
    """A scope that is held, one that failed, one under way, and a gap in the history."""
    factories.read()
    error = "User: arn:aws:sts::999988887777:assumed-role/reader is not authorized to perform: inspector2:ListFindings"
    failed = factories.fail(
        "findings", "us-east-1", error=error, error_code="AccessDeniedException", error_request_id="1b2c-" * 8
    )
    factories.run(failed, outcome="failed", error=error)
    running = factories.scope("coverage", "us-east-1", "AWS_LAMBDA_FUNCTION", lease_until=timezone.now() + MINUTE)
    factories.run(running, outcome="running", ended_at=None, read=700, expected=900)
    held = factories.fail(
        "coverage",
        "us-east-1",
        "AWS_EC2_INSTANCE",
        state=ScopeState.HELD,
        error="312 of 400 rows are absent from this read; they are kept until this is confirmed.",
        would_go=[f"111122223333 i-{number:017x} PACKAGE" for number in range(120)],
    )
    for age, outcome in ((90, "complete"), (75, "failed"), (60, "failed"), (15, "complete"), (0, "held")):
        ended_at = timezone.now() - age * MINUTE
        factories.run(held, outcome=outcome, started_at=ended_at - MINUTE, ended_at=ended_at, error="x" * 200)
    return held


def test_a_read_is_asked_for_in_place_and_followed(open_page, held, queued):
    page = open_page("/sync/")
    page.evaluate("window.notReloaded = true")
    page.get_by_role("button", name="Sync now us-east-1").click()
    expect(
        page.get_by_role("status").get_by_text("us-east-1 will be read as soon as a worker is free.")
    ).to_be_visible()
    expect(page.get_by_text("Asked for by delegated-admin, just now")).to_be_visible()
    assert queued() == [("sync_now", ["us-east-1"])]
    SyncRequest.objects.update(started_at=timezone.now() - 2 * MINUTE)
    expect(page.get_by_role("button", name="Sync now us-east-1")).to_be_visible()
    expect(page.get_by_text("us-east-1 will be read as soon")).to_be_visible()
    assert page.evaluate("window.notReloaded")


def test_without_the_queue_the_page_says_so_in_place(open_page, held):
    page = open_page("/sync/")
    page.get_by_role("button", name="Sync every Region").click()
    expect(page.get_by_text("The queue does not answer. Nothing was changed.")).to_be_visible()


@pytest.mark.parametrize("has_script", [True, False])
def test_a_hold_is_looked_at_and_released(open_page, held, queued, has_script):
    page = open_page("/coverage/instances/", java_script_enabled=has_script)
    page.get_by_role("link", name="Release or refuse").click()
    page.get_by_role("link", name="Release …").click()
    expect(page.get_by_text("120 rows will be marked gone at the next read.")).to_be_visible()
    page.get_by_role("button", name="Release: let 120 rows go").click()
    expect(page.get_by_text("Released. It is read again as soon as a worker is free.")).to_be_visible()
    assert [task for task, _ in queued()] == ["sync_coverage"]
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_text("Refused. Everything is kept")).to_be_visible()
    held.refresh_from_db()
    assert held.hold_decision == "refused"


def test_without_script_a_read_is_asked_for_as_well(open_page, held, queued):
    page = open_page("/sync/", java_script_enabled=False)
    page.get_by_role("button", name="Sync every Region").click()
    expect(page.get_by_text("Every Region will be read as soon as a worker is free.")).to_be_visible()
    assert page.url.endswith("/sync/")


@pytest.mark.parametrize("width", [390, 1500])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_are_accessible_and_fit(open_page, held, queued, scheme, width):
    page = open_page("/login/", color_scheme=scheme, width=width)
    found = {}
    for path in ("/sync/", held.get_absolute_url(), f"/sync/{held.pk}/release/"):
        page.goto(path)
        violations = Axe().run(page).response["violations"]
        found[path] = [(one["id"], node["html"], node["failureSummary"]) for one in violations for node in one["nodes"]]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert {path: violations for path, violations in found.items() if violations} == {}
