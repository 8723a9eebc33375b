"""Credentials: the environment's own, or those of a role, over HTTP against the stand-in AWS."""

from __future__ import annotations

import pytest

from aws import session
from demo.server import StandIn
from tests.stand_in import MEMBER

ROLE = f"arn:aws:iam::{MEMBER}:role/inspector-coverage-reader"


def test_a_role_is_assumed_with_its_external_id_in_a_region_that_is_read(stand_in: StandIn, settings) -> None:
    settings.COVERAGE_READ_ROLE_ARN = ROLE
    settings.COVERAGE_EXTERNAL_ID = "chosen-by-us"
    identity = session.sts("us-east-1").get_caller_identity()
    assert identity["Account"] == MEMBER
    assert "assumed-role/inspector-coverage-reader" in identity["Arn"]
    session.inspector("eu-west-1").list_coverage()
    assumed = [call for call in stand_in.calls if call.operation == "AssumeRole"]
    assert len(assumed) == 1, "once for all clients"
    assert assumed[0].params["ExternalId"] == "chosen-by-us"
    assert assumed[0].params["RoleSessionName"] == session.SESSION_NAME
    assert assumed[0].region == settings.COVERAGE_REGIONS[0]


def test_without_a_role_nothing_is_assumed(stand_in: StandIn) -> None:
    session.sts("us-east-1").get_caller_identity()
    assert [call.operation for call in stand_in.calls] == ["GetCallerIdentity"]


def test_every_call_says_who_calls(stand_in: StandIn) -> None:
    session.inspector("us-east-1").list_coverage()
    assert "inspector-coverage" in stand_in.calls[0].user_agent


@pytest.mark.parametrize(("refused", "works"), [(set(), True), ({"eu-west-1"}, False)])
def test_credentials_are_tried_in_the_other_regions(stand_in: StandIn, refused: set[str], works: bool) -> None:
    stand_in.organization.not_opted_in.update(refused)
    assert session.credentials_work(besides="us-east-1") is works
