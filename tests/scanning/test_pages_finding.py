"""The page of one finding: everything AWS says, for the three types, and how much of it still holds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def instance(db):
    factories.read()
    return factories.instance("web", scanned=timezone.now())


def test_a_package_vulnerability(as_viewer, instance):
    found = factories.finding(
        instance,
        "CRITICAL",
        title="CVE-2026-1 - openssl",
        epss={"score": 0.923},
        exploitAvailable="YES",
        fixAvailable="PARTIAL",
        exploitabilityDetails={"lastKnownExploitAt": 1_763_000_000},
        inspectorScoreDetails={
            "adjustedCvss": {
                "scoreSource": "NVD",
                "version": "3.1",
                "score": 9.1,
                "scoringVector": "CVSS:3.1/AV:N",
                "adjustments": [{"metric": "Attack vector", "reason": "Not reachable from the internet"}],
            }
        },
        remediation={"recommendation": {"text": "Update openssl.", "Url": "https://example.com/advice"}},
    )
    page = read(as_viewer.get(found.get_absolute_url()))
    for said in (
        "Critical Package vulnerability · Active",
        "Inspector score 9.1",
        "EPSS 92.30%",
        "Exploit available Yes",
        "Last known exploit 13 Nov 2025, 02:13 UTC",
        "Fix available Partly",
        "A flaw was found in openssl.",
        "Update openssl.",
        "Vendor severity High",
        "openssl 1.1.1k-6.el8 1.1.1w OS",
        "CVSS:3.1/AV:N/AC:L",
        "Attack vector Not reachable from the internet",
        found.finding_arn,
    ):
        assert said in page.text
    assert page.links["web"] == instance.get_absolute_url()
    assert page.links["https://example.com/advice"] == "https://example.com/advice"
    assert page.links["https://www.openssl.org/news/secadv/"]
    assert page.links["NVD"].startswith("https://nvd.nist.gov/")
    for document in ("findings-understanding", "findings-types", "findings-understanding-severity"):
        assert f"https://docs.aws.amazon.com/inspector/latest/user/{document}.html" in page.links.values()


def test_a_network_reachability(as_viewer, instance):
    found = factories.finding(
        instance,
        type="NETWORK_REACHABILITY",
        title="Port 22 is reachable from an Internet Gateway",
        networkReachabilityDetails={
            "openPortRange": {"begin": 22, "end": 22},
            "protocol": "TCP",
            "networkPath": {
                "steps": [
                    {"componentType": "AWS::EC2::InternetGateway", "componentId": "igw-1"},
                    {"componentType": "AWS::EC2::Instance", "componentId": "i-1", "componentArn": "arn:aws:ec2:x"},
                ]
            },
        },
    )
    text = read(as_viewer.get(found.get_absolute_url())).text
    assert "Reachable: TCP 22" in text
    assert text.index("AWS::EC2::InternetGateway igw-1") < text.index("AWS::EC2::Instance i-1 arn:aws:ec2:x")


def test_a_code_vulnerability(as_viewer):
    factories.read()
    function = factories.function("resize", scan_type="CODE")
    found = factories.finding(
        function,
        type="CODE_VULNERABILITY",
        title="CWE-78 - Command injection",
        codeVulnerabilityDetails={
            "filePath": {"fileName": "app.py", "filePath": "src/app.py", "startLine": 10, "endLine": 12},
            "detectorId": "python/command-injection@v1.0",
            "detectorName": "Command injection",
            "cwes": ["CWE-78", "CWE-77"],
            "detectorTags": ["injection", "security"],
            "referenceUrls": ["https://cwe.mitre.org/data/definitions/78.html"],
            "ruleId": "Rule-1",
        },
    )
    page = read(as_viewer.get(found.get_absolute_url()))
    for said in ("File src/app.py", "Lines 10–12", "Detector Command injection", "CWEs CWE-78, CWE-77", "Rule Rule-1"):
        assert said in page.text
    assert "https://cwe.mitre.org/data/definitions/78.html" in page.links


def test_what_aws_adds_appears_under_its_own_name(as_viewer, instance):
    details = {**factories.package_details("CVE-2026-1"), "kev": {"listed": True}}
    found = factories.finding(instance, quantumRisk={"level": "entangled"}, packageVulnerabilityDetails=details)
    text = read(as_viewer.get(found.get_absolute_url())).text
    assert "Quantum risk Level entangled" in text
    assert "Kev Listed Yes" in text


@pytest.mark.parametrize(
    "broken",
    [
        {"packageVulnerabilityDetails": "text"},
        {"packageVulnerabilityDetails": {"vulnerablePackages": "x", "cvss": [1, None], "referenceUrls": {"a": 1}}},
        {"networkReachabilityDetails": {"openPortRange": 5, "networkPath": {"steps": ["x", {}]}}},
        {"codeVulnerabilityDetails": {"filePath": "src/app.py", "cwes": "CWE-1"}},
        {"remediation": None, "description": None, "resources": ["x"], "inspectorScoreDetails": []},
        {"exploitabilityDetails": {"lastKnownExploitAt": "when?"}},
        {"remediation": {"recommendation": {"text": "x", "Url": "javascript:alert(1)"}}},
    ],
)
def test_a_finding_of_another_shape_is_shown_all_the_same(as_viewer, instance, broken):
    found = factories.finding(instance, **broken)
    response = as_viewer.get(found.get_absolute_url())
    assert response.status_code == 200
    assert b'href="javascript:' not in response.content


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "CLOSED"}, "Closed: AWS found that it does not apply any more"),
        ({"status": "SUPPRESSED"}, "Suppressed: a suppression rule hides it"),
        ({"gone_at": timezone.now()}, "Gone: AWS has not listed this finding since"),
    ],
)
def test_what_is_over_says_so(as_viewer, instance, fields, said):
    assert said in read(as_viewer.get(factories.finding(instance, **fields).get_absolute_url())).text


def test_a_finding_of_what_is_not_scanned_tells_the_age_of_its_evidence(as_viewer):
    factories.read()
    old = factories.unmanaged_instance("web", scanned=timezone.now() - 9 * DAY)
    text = read(as_viewer.get(factories.finding(old).get_absolute_url())).text
    assert "Its resource has not been scanned since" in text


def test_a_finding_in_a_region_that_fails_tells_as_of_when_it_is(as_viewer, instance):
    found = factories.finding(instance)
    factories.fail("findings", "us-east-1", error="throttled")
    text = read(as_viewer.get(found.get_absolute_url())).text
    assert "findings in us-east-1 have not been read since" in text


def test_a_finding_whose_resource_is_not_listed_is_shown_without_it(as_viewer, instance):
    found = factories.finding(instance)
    instance.delete()
    assert "Inspector does not list this resource" in read(as_viewer.get(found.get_absolute_url())).text


@pytest.mark.parametrize("arn", ["x", "arn:aws:inspector2:us-east-1:111122223333:finding/0", "%00", "%0A", "x" * 5000])
def test_what_does_not_exist_is_not_found(as_viewer, arn):
    assert as_viewer.get(f"/findings/{arn}/").status_code == 404
