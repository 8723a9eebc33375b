"""Text that somebody else wrote, in names, tags, ids and findings, stays text."""

from __future__ import annotations

import pytest
from django.utils import timezone

from aws.models import SyncRequest, SyncScope
from tests import factories

pytestmark = pytest.mark.django_db

PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{ 7|add:7 }}{% load static %}",
    "javascript:alert(1)",
    "</td></tr></table><h1>",
    "&lt;blink&gt;",
    "{} {0} %s {name}",
]
DANGEROUS = ("<script>alert", "<img src=x", "<svg/onload", "<h1></", 'href="javascript:', "<blink>")


@pytest.fixture(params=PAYLOADS)
def payload(request, db):
    factories.read()
    factories.account(factories.PAYMENTS, name=request.param)
    return request.param


def is_inert(response):
    html = response.content.decode()
    assert response.status_code == 200
    for text in DANGEROUS:
        assert text not in html
    return html


def test_in_lists(as_viewer, payload):
    factories.instance(payload, tags={payload: payload}, reason=payload, platform=payload, scanMode=payload)
    factories.image("shop", tags=[payload])
    factories.repository(payload[:40])
    factories.function(payload, runtime=payload, tags={"k": payload})
    factories.resource("QUANTUM_" + payload[:60], payload, metadata={payload: {payload: [payload]}})
    for tab in ("instances", "images", "repositories", "lambda", "other"):
        is_inert(as_viewer.get(f"/coverage/{tab}/"))


def test_in_filters_and_addresses(as_viewer, payload):
    for name in ("q", "tag"):
        html = is_inert(as_viewer.get("/coverage/instances/", {name: payload}))
        assert "Remove " in html
    for name in ("status", "region", "account", "sort", "after", "group"):
        response = as_viewer.get("/coverage/instances/", {name: payload})
        assert response.status_code == 400
        assert not any(text in response.content.decode() for text in DANGEROUS)


def test_on_resources_and_findings(as_viewer, payload):
    instance = factories.instance(
        payload, tags={payload: payload}, code="INACTIVE", reason=payload, scanned=timezone.now()
    )
    other = factories.resource("QUANTUM_COMPUTER", payload, metadata={payload: {payload: [payload]}})
    found = factories.finding(
        instance,
        title=payload,
        description=payload,
        remediation={"recommendation": {"text": payload, "Url": payload}},
        packageVulnerabilityDetails={
            "vulnerabilityId": payload,
            "source": payload,
            "sourceUrl": payload,
            "referenceUrls": [payload],
            "vulnerablePackages": [{"name": payload, "version": payload, "fixedInVersion": payload, payload: payload}],
            "cvss": [{"source": payload, "scoringVector": payload}],
        },
        extra={payload: payload},
    )
    for row in (instance, other, found):
        is_inert(as_viewer.get(row.get_absolute_url()))


def test_in_errors_of_aws(as_viewer, payload):
    factories.fail("coverage", "us-east-1", "AWS_EC2_INSTANCE", error=payload)
    is_inert(as_viewer.get("/sync/"))
    is_inert(as_viewer.get("/coverage/instances/"))


def test_what_is_escaped_already_is_escaped_again(as_viewer):
    factories.instance("&lt;blink&gt;")
    assert "&amp;lt;blink&amp;gt;" in as_viewer.get("/coverage/instances/").content.decode()


def test_in_holds_and_in_the_history_of_reads(delegated_admin, as_person, payload):
    scope = factories.fail(
        "coverage", "us-east-1", payload[:100], state="held", error=payload, would_go=[payload, {payload: payload}]
    )
    factories.run(scope, outcome="failed", error=payload, error_request_id=payload, error_code=payload)
    SyncScope.objects.update(hold_decision="refused", hold_decided_by=payload, hold_decided_at=timezone.now())
    SyncRequest.objects.create(region="us-east-1", requested_by=payload, requested_at=timezone.now())
    client = as_person(delegated_admin)
    for path in ("/sync/", scope.get_absolute_url(), f"/sync/{scope.pk}/release/", "/coverage/instances/"):
        is_inert(client.get(path))
