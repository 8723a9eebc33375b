"""The pages of what a worker checked at AWS: permissions, and counts beside AWS' own."""

from __future__ import annotations

import time

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from aws.calls import READING
from aws.choices import Permission
from aws.models import PermissionCheck, SyncRequest
from demo.organization import Organization
from demo.server import StandIn
from scanning import tasks
from scanning.models import CountComparison, CoveredResource
from tests import factories
from tests.broker import broker_that
from tests.reading import read
from tests.stand_in import MEMBER

pytestmark = pytest.mark.django_db

PAGES = {"/sync/permissions/": "/sync/permissions/check/", "/sync/comparison/": "/sync/comparison/compare/"}
XSS = "<script>alert(1)</script>"


@pytest.fixture
def as_admin(delegated_admin, as_person):
    return as_person(delegated_admin)


def check(action: str, permission: Permission, error: str = "", region: str = factories.REGION) -> None:
    PermissionCheck.objects.create(
        region=region, action=action, permission=permission, error=error, checked_at=timezone.now()
    )


def count(ours: int, theirs: int, reason: str = "SUCCESSFUL") -> None:
    CountComparison.objects.create(
        region=factories.REGION,
        resource_type="AWS_EC2_INSTANCE",
        status_reason=reason,
        ours=ours,
        theirs=theirs,
        compared_at=timezone.now(),
    )


def test_a_denied_call_is_told_with_what_to_add_to_the_policy(as_viewer):
    check("inspector2:ListFindings", Permission.DENIED, f"Access denied to ListFindings: {XSS}")
    check("inspector2:ListCoverage", Permission.ALLOWED)
    page = read(as_viewer.get("/sync/permissions/"))
    assert page.column("Answer") == ["Allowed", f"Denied Access denied to ListFindings: {XSS}"]
    assert "Add to the policy of the role to read with: inspector2:ListFindings" in page.text
    assert "<script>alert" not in page.html


def test_counts_that_differ_lead_and_are_named(as_viewer):
    count(5, 5)
    count(3, 10, XSS)
    page = read(as_viewer.get("/sync/comparison/"))
    assert "1 of 2 counts differ" in page.text
    assert page.column("Difference") == ["−7", "0"]
    assert page.column("Reason") == [XSS, "SUCCESSFUL"]


def test_counts_that_agree_are_told_with_their_sum(as_viewer):
    count(5, 5)
    assert "All 1 counts agree: 5 rows" in read(as_viewer.get("/sync/comparison/")).text


def test_an_error_stands_beside_the_older_counts(as_viewer):
    count(5, 5)
    factories.fail("comparison", factories.REGION, error="Access denied to ListCoverageStatistics.")
    page = read(as_viewer.get("/sync/comparison/"))
    assert "Could not be compared Access denied to ListCoverageStatistics." in page.text
    assert "5" in page.column("Here")


@pytest.mark.parametrize("page", PAGES)
def test_before_the_first_check_the_pages_say_so(as_viewer, page):
    assert "yet" in read(as_viewer.get(page)).text


@pytest.mark.parametrize(("page", "button"), PAGES.items())
def test_a_check_is_asked_for_once_and_queued_once(as_admin, queued, page, button):
    for _ in range(3):
        assert as_admin.post(button).url == page
    assert len(queued()) == 1
    shown = read(as_admin.get(page))
    assert "Asked for by delegated-admin, waits for a worker" in shown.text
    assert f'hx-get="{page}"' in shown.html


@pytest.mark.parametrize(("page", "button"), PAGES.items())
@pytest.mark.parametrize("kind", ["away", "silent"])
def test_a_queue_that_does_not_answer_is_told_within_two_seconds(as_admin, monkeypatch, kind, page, button):
    with broker_that(kind) as address:
        monkeypatch.setattr(current_app.conf, "broker_url", address)
        began = time.monotonic()
        answer = as_admin.post(button, follow=True)
        assert time.monotonic() - began < 10, "two seconds on a machine that has them"
    assert "The queue does not answer. Nothing was changed." in read(answer).text
    assert not SyncRequest.objects.exists()


@pytest.mark.parametrize(("page", "button"), PAGES.items())
@pytest.mark.parametrize(
    ("role", "sees", "may"),
    [
        ("viewer", 200, 403),
        ("account_viewer", 403, 403),
        ("site_admin", 200, 302),
        ("delegated_admin", 403, 403),
        ("", 403, 403),
    ],
)
def test_who_sees_every_account_looks_and_who_may_sync_asks(as_person, queued, page, button, role, sees, may):
    client = as_person(factories.person("somebody", role=role, accounts=[factories.PAYMENTS]))
    for headers in ({}, {"HX-Request": "true"}):
        assert client.get(page, headers=headers).status_code == sees
    assert client.post(button).status_code == may
    assert client.get(button).status_code == 405
    if sees == 200:
        shown = client.get(page).content.decode()
        assert (f'action="{button}"' in shown) == (may == 302 and not SyncRequest.objects.exists())


@pytest.mark.parametrize("button", PAGES.values())
def test_a_check_needs_the_token(delegated_admin, button):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(delegated_admin)
    assert strict.post(button).status_code == 403
    assert not SyncRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_stores_what_aws_answers(organization: Organization, stand_in: StandIn, as_admin):
    organization.add_instance(region="us-east-1", account_id=MEMBER, resource_id="i-0")
    stand_in.faults.add(operation="ListMembers", status=403, code="AccessDeniedException", message="no")
    tasks.check_permissions()
    page = read(as_admin.get("/sync/permissions/"))
    assert "Add to the policy of the role to read with: inspector2:ListMembers" in page.text
    assert {row.action for row in PermissionCheck.objects.all()} == {call.action for call in READING}
    for region in ("us-east-1", "eu-west-1"):
        tasks.compare(region)
    assert not CoveredResource.objects.exists()
    assert "−1" in read(as_admin.get("/sync/comparison/")).column("Difference")
