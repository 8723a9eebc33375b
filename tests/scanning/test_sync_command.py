"""From AWS into the browser: the command and the tasks read, the pages show."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AwsAccount
from aws.choices import What
from aws.models import SyncScope
from coverage_site.celery import app
from demo.organization import Organization
from demo.server import StandIn
from scanning import tasks
from scanning.models import CoveredResource, Finding
from tests.stand_in import MEMBER, REGIONS

pytestmark = pytest.mark.django_db(transaction=True)

DENIED = {"status": 403, "code": "AccessDeniedException", "message": "explicit deny in a service control policy"}


def sync(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def checkout(organization: Organization) -> None:
    """One instance with one critical finding in each Region."""
    for region in REGIONS:
        instance = organization.add_instance(
            region=region, account_id=MEMBER, name=f"checkout-{region}", code="INACTIVE", reason="STALE_INVENTORY"
        )
        organization.add_finding(instance, severity="CRITICAL", title=f"CVE-2026-1 - log4j in {region}")


def test_an_instance_and_its_finding_come_from_aws_into_the_browser(
    stand_in: StandIn, checkout: None, viewer, as_person
) -> None:
    sync()
    client = as_person(viewer)
    page = client.get("/coverage/instances/?group=not-scanning")
    assert page.status_code == 200
    text = page.content.decode()
    assert "checkout-us-east-1" in text
    assert "Stale inventory" in text
    assert "payments-prod" in text
    resource = CoveredResource.objects.get(region="us-east-1", resource_type="AWS_EC2_INSTANCE")
    text = client.get(resource.get_absolute_url()).content.decode()
    assert "CVE-2026-1 - log4j in us-east-1" in text
    finding = Finding.objects.get(region="us-east-1")
    page = client.get(finding.get_absolute_url())
    assert (page.status_code, finding.title in page.content.decode()) == (200, True)


def test_the_command_prints_a_line_for_each_scope(stand_in: StandIn, checkout: None) -> None:
    lines = sync().splitlines()
    assert len([line for line in lines if re.search(r"coverage AWS_EC2_INSTANCE +read +1 +new +1", line)]) == 2
    for start in ("global", *REGIONS):
        assert any(line.startswith(start) for line in lines)


def test_only_one_kind_and_one_region_can_be_read(stand_in: StandIn, checkout: None) -> None:
    sync("--only", "findings", "--region", "eu-west-1")
    assert set(SyncScope.objects.values_list("what", "region")) == {(What.FINDINGS, "eu-west-1")}


def test_a_region_that_is_not_configured_is_refused(stand_in: StandIn) -> None:
    with pytest.raises(CommandError, match="mars-north-1 is not among COVERAGE_REGIONS"):
        sync("--region", "mars-north-1")


def test_a_denied_region_ends_in_an_error_and_stays_on_the_pages_with_its_age(
    stand_in: StandIn, checkout: None, viewer, as_person
) -> None:
    sync()
    SyncScope.objects.update(last_complete_at=timezone.now() - timedelta(hours=2))
    stand_in.faults.add(operation="ListCoverage", region="eu-west-1", **DENIED)
    with pytest.raises(CommandError, match="1 of the scopes were not read completely"):
        sync("--only", "coverage")
    text = as_person(viewer).get("/coverage/instances/").content.decode()
    assert "checkout-eu-west-1" in text, "what was known is still shown"
    assert "eu-west-1" in text
    assert "Access denied to ListCoverage: explicit deny in a service control policy" in re.sub(r"\s+", " ", text)
    page = as_person(viewer).get("/sync/").content.decode()
    assert "Access denied to ListCoverage" in page


def test_an_error_that_is_expected_is_told_on_its_line_alone(stand_in: StandIn, checkout: None, caplog) -> None:
    stand_in.faults.add(operation="ListFindings", **DENIED)
    with pytest.raises(CommandError):
        sync("--only", "findings")
    assert caplog.records == []


def test_denied_organizations_are_tolerated(stand_in: StandIn, checkout: None) -> None:
    stand_in.faults.add(operation="ListAccounts", **DENIED)
    assert "FAILED: Access denied to ListAccounts" in sync()
    assert AwsAccount.objects.get(account_id=MEMBER).name == ""


def test_a_region_that_is_not_opted_in_is_skipped(
    organization: Organization, stand_in: StandIn, checkout: None
) -> None:
    organization.not_opted_in.add("eu-west-1")
    assert "SKIPPED: eu-west-1 is not opted in" in sync()
    assert set(CoveredResource.objects.values_list("region", flat=True)) == {"us-east-1"}


def test_the_tasks_read_the_same_as_the_command(
    stand_in: StandIn, checkout: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.conf, "task_always_eager", True)
    monkeypatch.setitem(app.conf, "task_eager_propagates", True)
    tasks.dispatch_sync.delay()
    assert CoveredResource.objects.filter(resource_type="AWS_EC2_INSTANCE").count() == 2
    assert Finding.objects.count() == 2
    assert AwsAccount.objects.filter(name="payments-prod").exists()
    tasks.dispatch_sync.delay()
    assert CoveredResource.objects.filter(resource_type="AWS_EC2_INSTANCE").count() == 2
