"""A read that AWS interrupts by its own rules begins once more, and ends as if nothing had been."""

from __future__ import annotations

import pytest

from aws.choices import RunOutcome
from demo.organization import Organization
from demo.server import StandIn
from scanning.choices import ResourceType
from scanning.models import CoveredResource
from scanning.sync import sync_coverage
from tests.stand_in import MEMBER

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"


@pytest.mark.parametrize("code", ["ValidationException", "ExpiredTokenException"])
def test_a_token_that_expires_between_two_pages(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr("scanning.inspector.COVERAGE_PAGE", 2)
    for number in range(5):
        organization.add_instance(region=REGION, account_id=MEMBER, resource_id=f"i-{number}")
    stand_in.faults.add(operation="ListCoverage", call=3, code=code, message="Invalid or expired token")
    run = sync_coverage(REGION, ResourceType.AWS_EC2_INSTANCE, 5)
    assert (run.outcome, run.read, run.new) == (RunOutcome.COMPLETE, 5, 1)
    assert CoveredResource.objects.count() == 5
    assert sum(call.operation == "ListCoverage" for call in stand_in.calls) == 3 + 3


def test_the_first_page_that_is_refused_is_not_asked_for_again(organization: Organization, stand_in: StandIn) -> None:
    stand_in.faults.add(operation="ListCoverage", code="ValidationException", message="Unknown filter")
    assert sync_coverage(REGION, ResourceType.AWS_EC2_INSTANCE).outcome == RunOutcome.FAILED
    assert sum(call.operation == "ListCoverage" for call in stand_in.calls) == 1
