"""Real boto3 clients against a stand-in; each answer that they get is checked against the SDK's own model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.organization import Organization
from demo.server import StandIn
from tests.demo.shapes import check_body

ADMIN = "111111111111"
MEMBER = "222222222222"
OTHER = "333333333333"
OUTSIDER = "444444444444"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
Connect = Callable[..., Any]
SESSION = boto3.Session()


@pytest.fixture
def organization() -> Organization:
    """An administrator, two members and an account that never joined."""
    organization = Organization.empty(ADMIN)
    organization.add_account(MEMBER, name="payments-prod", ou="Workloads/Production")
    organization.add_account(OTHER, name="search-dev", ou="Workloads/Development")
    organization.add_account(OUTSIDER, name="sandbox", member=False)
    return organization


@pytest.fixture
def aws(organization: Organization) -> Iterator[StandIn]:
    with StandIn(organization) as stand_in:
        yield stand_in


def connect_to(stand_in: StandIn, service: str, account_id: str | None, region: str, *, check: bool = True) -> Any:
    """A boto3 client that acts as an account and never retries."""
    client = SESSION.client(
        service,  # type: ignore[call-overload]
        **stand_in.credentials(account_id),
        endpoint_url=stand_in.url,
        region_name=region,
        config=Config(retries={"max_attempts": 0}, read_timeout=20),
    )

    def check_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] == 200:
            check_body(service, operation_model.name, response_dict["body"])

    if check and service != "sts":
        client.meta.events.register(f"before-parse.{client.meta.service_model.service_id.hyphenize()}", check_answer)
    return client


@pytest.fixture
def connect(aws: StandIn) -> Connect:
    """connect("inspector2", account_id=…, region=…): a client; without an account the default caller."""

    def make(
        service: str = "inspector2", account_id: str | None = None, region: str = "us-east-1", *, check: bool = True
    ) -> Any:
        return connect_to(aws, service, account_id, region, check=check)

    return make


def refusal_of(call: Callable[..., Any], **params: Any) -> tuple[int, str, str]:
    """(HTTP status, code, message) of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: Any = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def equals(**filters: str | list[str]) -> dict[str, Any]:
    """Filter criteria of EQUALS alone."""
    return {
        name: [{"comparison": "EQUALS", "value": one} for one in ([value] if isinstance(value, str) else value)]
        for name, value in filters.items()
    }
