"""The stand-in AWS for tests: a real server on loopback that the product's own boto3 clients talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws import session
from demo.organization import Organization
from demo.server import StandIn

ADMIN = "999900001111"
MEMBER = "222200001111"
REGIONS = ("us-east-1", "eu-west-1")
ON = {"EC2": "ENABLED", "ECR": "ENABLED", "LAMBDA": "ENABLED", "LAMBDA_CODE": "ENABLED"}


@pytest.fixture
def organization() -> Organization:
    """A delegated administrator and one member, everything activated in both Regions."""
    made = Organization.empty(admin=ADMIN, regions=REGIONS)
    made.add_account(MEMBER, name="payments-prod", scan_types={region: dict(ON) for region in REGIONS})
    return made


@pytest.fixture
def stand_in(organization: Organization, monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[StandIn]:
    """The organization behind HTTP, as the environment of the product's clients names it."""
    with StandIn(organization) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name, value in aws.credentials().items():
            monkeypatch.setenv(name.upper(), value)
        settings.COVERAGE_REQUESTS_PER_SECOND = 1000
        session.forget_clients()
        yield aws
        session.forget_clients()
