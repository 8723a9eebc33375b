"""Nothing that AWS' own model of a coverage row or a finding can say is left out of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from django.utils import timezone

from scanning.rows import to_finding, to_row, wait_from
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

INSPECTOR = botocore.session.get_session().get_service_model("inspector2")


class Filled:
    """A value for every member of a shape, with a mark of its own in every text."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}

    def of(self, name: str, **given: Any) -> dict[str, Any]:
        made: dict[str, Any] = self._value(INSPECTOR.shape_for(name), name)
        return {**made, **given}

    def _value(self, shape: Any, path: str) -> Any:
        if shape.type_name == "structure":
            return {key: self._value(member, f"{path}.{key}") for key, member in shape.members.items()}
        if shape.type_name == "list":
            return [self._value(shape.member, f"{path}[]")]
        if shape.type_name == "map":
            return {self._mark(f"{path} key"): self._value(shape.value, f"{path} value")}
        return (
            self._mark(path) if shape.type_name == "string" else {"boolean": True}.get(shape.type_name, 1_700_000_000)
        )

    def _mark(self, path: str) -> str:
        mark = f"Mark{len(self.marks)}q"
        self.marks[path] = mark
        return mark

    def left_out(self, html: str, given: dict[str, Any]) -> Iterator[str]:
        """The members whose mark is not on the page, but for those that were given another value."""
        for path, mark in self.marks.items():
            if mark not in html and path.split(".")[1].rstrip("[]") not in given:
                yield path


def test_a_resource_page_tells_every_member_of_a_coverage_row(as_viewer):
    factories.read()
    factories.account()
    given = {"accountId": factories.PAYMENTS}
    filled = Filled()
    row = to_row(filled.of("CoveredResource", **given), factories.REGION)
    wait_from(row, timezone.now())
    row.save()
    page = read(as_viewer.get(row.get_absolute_url()))
    assert list(filled.left_out(page.text, given)) == []


def test_a_finding_page_tells_every_member_of_a_finding(as_viewer):
    factories.read()
    factories.account()
    given = {"awsAccountId": factories.PAYMENTS}
    filled = Filled()
    found = to_finding(filled.of("Finding", **given), factories.REGION)
    found.first_seen_at = timezone.now()
    found.save()
    page = read(as_viewer.get(found.get_absolute_url()))
    assert list(filled.left_out(page.text, given)) == []


def test_what_aws_adds_to_a_coverage_row_is_told(as_viewer):
    factories.read()
    row = factories.resource(
        "AWS_EC2_INSTANCE",
        "i-1",
        scanStatus={"statusCode": "ACTIVE", "reason": "SUCCESSFUL", "retryHint": "tomorrow"},
        quantumState="entangled",
        provider="AZURE",
        providerAccountId="0000-1111",
    )
    text = read(as_viewer.get(row.get_absolute_url())).text
    for said in ("Retry hint tomorrow", "Quantum state entangled", "Provider AZURE", "Provider account id 0000-1111"):
        assert said in text


def test_what_aws_adds_deep_in_a_finding_is_told(as_viewer):
    factories.read()
    of = factories.instance("web")
    package = factories.package_details("CVE-2026-1")
    package["cvss"][0]["supplier"] = "New supplier"
    found = factories.finding(
        of,
        epss={"score": 0.5, "percentile": 0.91},
        exploitabilityDetails={"inTheWild": True},
        remediation={"recommendation": {"text": "x", "effort": "small"}, "script": "run this"},
        inspectorScoreDetails={"adjustedCvss": {"score": 5, "newMetric": "N"}, "baseline": "b1"},
        networkReachabilityDetails={"protocol": "TCP", "networkPath": {"steps": [], "hops": 7}},
        packageVulnerabilityDetails=package,
    )
    text = read(as_viewer.get(found.get_absolute_url())).text
    for said in (
        "Percentile 0.91",
        "In the wild Yes",
        "Effort small",
        "Script run this",
        "New metric N",
        "Baseline b1",
        "Reachable: TCP ports not given",
        "Hops 7",
        "Supplier New supplier",
    ):
        assert said in text
