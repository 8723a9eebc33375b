"""The page of one resource: every scan type, everything AWS says, its history, and its findings or images."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from scanning.models import resource_url
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _read(db):
    factories.read()


def test_it_tells_status_meaning_action_and_what_else_is_like_it(as_viewer):
    row = factories.unmanaged_instance("checkout-web-1", scanned=timezone.now() - 9 * DAY, tags={"Env": "prod"})
    factories.unmanaged_instance("other")
    factories.unmanaged_instance("elsewhere", account_id=factories.SEARCH)
    page = read(as_viewer.get(row.get_absolute_url()))
    assert "Unmanaged EC2 instance Not scanned for packages for 9 days" in page.text
    assert "AWSSupport-TroubleshootManagedInstance" in page.text
    assert page.links["AWS documentation"].startswith("https://docs.aws.amazon.com/")
    alike = page.links["2 like this in payments-prod"]
    assert {cell.split()[0] for cell in read(as_viewer.get(alike)).column("EC2 instance")} == {
        "checkout-web-1",
        "other",
    }


def test_it_tells_everything_that_aws_says_unknown_keys_included(as_viewer):
    metadata = {
        "ec2": {"tags": {"Name": "web"}, "amiId": "ami-0c1b2a39485766554", "platform": "LINUX", "coreCount": 4},
        "someNewThing": {"deep": [{"x-y": "z"}], "launchedAt": 1_700_000_000.5, "on": True, "none": None},
    }
    row = factories.resource("AWS_EC2_INSTANCE", "i-0123456789abcdef0", metadata=metadata)
    text = read(as_viewer.get(row.get_absolute_url())).text
    for said in (
        "AMI ami-0c1b2a39485766554",
        "Core count 4",
        "Some new thing",
        "x-y z",
        "14 Nov 2023, 22:13 UTC",
        "On Yes",
    ):
        assert said in text


def test_it_tells_the_history_since_the_first_sight(as_viewer):
    now = timezone.now()
    row = factories.unmanaged_instance("web", first_seen_at=now - 30 * DAY)
    pending, fine, off = (
        ("ACTIVE", "PENDING_INITIAL_SCAN"),
        ("ACTIVE", "SUCCESSFUL"),
        ("INACTIVE", "UNMANAGED_EC2_INSTANCE"),
    )
    factories.status_change(row, now - 29 * DAY, pending, fine)
    factories.status_change(row, now - 9 * DAY, fine, off)
    text = read(as_viewer.get(row.get_absolute_url())).text.partition("Status history")[2]
    assert text.index("Unmanaged EC2 instance") < text.index("Actively monitoring") < text.index("Pending initial scan")
    assert "Seen by this dashboard since" in text
    assert "within 15 minutes" in text


def test_a_function_shows_both_of_its_scan_types(as_viewer):
    row = factories.function("resize", scanned=timezone.now())
    factories.function("resize", scan_type="CODE", code="INACTIVE", reason="UNSUPPORTED_RUNTIME")
    text = read(as_viewer.get(row.get_absolute_url())).text
    assert "Actively monitoring Scanned for packages" in text
    assert "Unsupported Never scanned for code" in text


def test_findings_stand_worst_first_with_the_age_of_their_evidence(as_viewer):
    row = factories.unmanaged_instance("web", scanned=timezone.now() - 9 * DAY)
    factories.resource("AWS_ACCOUNT", factories.PAYMENTS, scan_type="NETWORK")
    factories.finding(
        row, "LOW", title="CVE-2026-3 - zlib", fixAvailable="NO", exploitAvailable="NO", inspectorScore=3.1
    )
    factories.finding(row, "CRITICAL", title="CVE-2026-1 - openssl", exploitAvailable="YES", epss={"score": 0.923})
    factories.finding(row, "HIGH", title="Port 22 is reachable", type="NETWORK_REACHABILITY", inspectorScore=None)
    factories.finding(row, "HIGH", title="CVE-2026-9 - gone", gone_at=timezone.now())
    page = read(as_viewer.get(row.get_absolute_url()))
    assert page.column("Title") == ["CVE-2026-1 - openssl", "Port 22 is reachable", "CVE-2026-3 - zlib"]
    assert page.column("Severity") == ["Critical", "High", "Low"]
    assert page.column("Evidence") == ["9 days ago", "current", "9 days ago"]
    assert page.column("EPSS") == ["92.30%", "—", "—"]
    assert page.column("Score") == ["9.1", "—", "3.1"]
    assert page.column("Exploit") == ["Yes", "—", "No"]
    assert page.column("Fix") == ["openssl 1.1.1k → 1.1.1w", "—", "no fixed version"]
    assert "Active 3 Suppressed 0 Closed 0" in page.text


@pytest.mark.parametrize("how", [{"reason": "SCAN_FREQUENCY_SCAN_ON_PUSH"}, {"frequency": "SCAN_ON_PUSH"}])
def test_what_was_scanned_once_on_push_is_as_old_as_that_scan(as_viewer, how):
    row = factories.image("shop/web", tags=["v1"], scanned=timezone.now() - 40 * DAY, **how)
    found = factories.finding(row, "CRITICAL")
    page = read(as_viewer.get(row.get_absolute_url()))
    assert page.column("Evidence") == ["40 days ago"]
    assert "Activated (On push) Scanned for packages once, 40 days ago" in page.text
    listed = read(as_viewer.get("/coverage/images/"))
    assert listed.column("Findings C H M L") == ["1 – – – as of 40 days ago"]
    assert "scanned once, when it was pushed, on" in read(as_viewer.get(found.get_absolute_url())).text
    unscathed = factories.image("shop/web", tags=["v2"], scanned=timezone.now() - 40 * DAY, **how)
    assert "None, as of the last scan on" in read(as_viewer.get(unscathed.get_absolute_url())).text


def test_how_it_is_monitored_is_told_of_any_type_that_has_it(as_viewer):
    row = factories.resource(
        "Microsoft.Compute/virtualMachines", "/subscriptions/1/vm-7", scanMode="VM_INSPECTOR_AGENT_BASED"
    )
    page = read(as_viewer.get(row.get_absolute_url()))
    assert "Monitored using Agent-based (Inspector agent)" in page.text
    assert "› vm-7 vm-7 /subscriptions/1/vm-7" in page.text


def test_what_has_no_scores_has_no_columns_for_them(as_viewer):
    row = factories.instance("web", scanned=timezone.now())
    factories.finding(row, type="NETWORK_REACHABILITY", inspectorScore=None, title="Port 22 is reachable")
    page = read(as_viewer.get(row.get_absolute_url()))
    assert list(page.rows[0]) == ["Title", "Severity", "First seen", "Evidence"]
    text = read(as_viewer.get(page.links["Port 22 is reachable"])).text
    assert not [word for word in ("EPSS", "Exploit", "exploit", "Fix available", "Inspector score") if word in text]


def test_values_of_aws_are_told_in_words(as_viewer):
    row = factories.instance("web", scanned=timezone.now())
    details = {**factories.package_details("CVE-2026-1"), "vendorSeverity": "HIGH"}
    details["vulnerablePackages"][0].pop("fixedInVersion")
    found = factories.finding(
        row,
        fixAvailable="NO",
        packageVulnerabilityDetails=details,
        resources=[
            {
                "type": row.resource_type,
                "id": row.resource_id,
                "details": {"awsEc2Instance": {"platform": "AMAZON_LINUX_2023", "type": "t3.large"}},
            }
        ],
    )
    text = read(as_viewer.get(found.get_absolute_url())).text
    for said in (
        "Platform Amazon Linux 2023",
        "Type t3.large",
        "Type EC2 instance",
        "Vendor severity High",
        "openssl 1.1.1k-6.el8 none OS",
    ):
        assert said in text
    repository = factories.repository("shop/web", frequency="MANUAL")
    assert "Scan frequency Manual" in read(as_viewer.get(repository.get_absolute_url())).text
    project = {"codeRepository": {"projectName": "web", "providerType": "GITLAB_SELF_MANAGED"}}
    factories.resource("CODE_REPOSITORY", "p-1", scan_type="CODE", metadata=project)
    assert read(as_viewer.get("/coverage/code-repositories/")).column("Provider") == ["GitLab Self-Managed"]


def test_suppressed_and_closed_findings_are_one_click_away(as_viewer):
    row = factories.instance("web", scanned=timezone.now())
    factories.finding(row, title="CVE-2026-7 - hidden", status="SUPPRESSED")
    factories.finding(row, title="CVE-2026-8 - over", status="CLOSED")
    page = read(as_viewer.get(row.get_absolute_url()))
    assert page.rows == []
    closed = read(as_viewer.get(row.get_absolute_url() + page.links["Closed 1"]))
    assert closed.column("Title") == ["CVE-2026-8 - over"]


def test_many_findings_are_paged(as_viewer):
    row = factories.instance("web", scanned=timezone.now())
    for number in range(101):
        factories.finding(row, title=f"CVE-{number:03}")
    page = read(as_viewer.get(row.get_absolute_url()))
    assert "100 of 101 findings" in page.text
    assert read(as_viewer.get(row.get_absolute_url() + page.links["Next"])).column("Title") == ["CVE-100"]


@pytest.mark.parametrize(
    "query", ["page=0", "page=2", "page=x", "page=%D9%A1", "page=" + "9" * 5000, "findings=open", "page=%00"]
)
def test_a_page_of_findings_that_does_not_exist_is_refused(as_viewer, query):
    row = factories.instance("web")
    assert as_viewer.get(f"{row.get_absolute_url()}?{query}").status_code == 400


def test_never_scanned_is_not_no_findings(as_viewer):
    row = factories.unmanaged_instance("web")
    text = read(as_viewer.get(row.get_absolute_url())).text
    assert "Never scanned: nothing is known." in text
    assert "Active 0" not in text
    unread = factories.instance("web", region=factories.OTHER_REGION)
    assert "Findings in eu-west-1 have not been read completely" in read(as_viewer.get(unread.get_absolute_url())).text


def test_a_repository_lists_its_images(as_viewer):
    row = factories.repository("shop/web")
    tagged = factories.image("shop/web", tags=["v1"], scanned=timezone.now())
    untagged = factories.image("shop/web", code="INACTIVE", reason="IMAGE_ARCHIVED")
    factories.image("shop/web-two", tags=["v9"])
    factories.image("shop/web", tags=["v8"], region=factories.OTHER_REGION)
    factories.finding(tagged, "CRITICAL")
    page = read(as_viewer.get(row.get_absolute_url()))
    assert "Images 2" in page.text
    assert page.column("Status") == ["Actively monitoring (Continuous) ?", "Image archived What to do"]
    assert page.column("Findings C H M L") == ["1 – – –", "never scanned"]
    assert page.links["v1"] == tagged.get_absolute_url()
    assert page.links[untagged.resource_id.rpartition("/")[2][:19]] == untagged.get_absolute_url()
    explained = read(as_viewer.get(page.links["What to do: Image archived What to do"]))
    assert "Image archived" in explained.text
    image = read(as_viewer.get(tagged.get_absolute_url()))
    assert image.links["shop/web"] == row.get_absolute_url()
    assert "shop/web:v1" in image.text
    digest = untagged.resource_id.rpartition("/")[2][:19]
    assert f"shop/web@{digest}" in read(as_viewer.get(untagged.get_absolute_url())).text


def test_images_of_a_large_repository_are_paged_and_sorted(as_viewer):
    row = factories.repository("shop/web")
    for number in range(51):
        factories.image("shop/web", tags=[f"v{number}"], scanned=timezone.now() - number * DAY)
    page = read(as_viewer.get(row.get_absolute_url()))
    assert "50 of 51 images" in page.text
    assert page.rows[0]["ECR container image"].startswith("v0 ")
    assert len(read(as_viewer.get(row.get_absolute_url() + page.links["Next"])).rows) == 1
    other_way = read(as_viewer.get(row.get_absolute_url() + page.links["Last scanned"]))
    assert other_way.rows[0]["ECR container image"].startswith("v50 ")
    assert as_viewer.get(row.get_absolute_url() + "?after=x").status_code == 400


def test_a_gone_resource_still_answers_and_says_so(as_viewer):
    row = factories.unmanaged_instance("web", gone_at=timezone.now() - DAY)
    text = read(as_viewer.get(row.get_absolute_url())).text
    assert "Gone since" in text
    assert "AWS does not list it any more" in text


def test_a_missing_resource_says_so(as_viewer):
    row = factories.instance("web", missing_since=timezone.now())
    assert "Missing since" in read(as_viewer.get(row.get_absolute_url())).text


# --- Addresses

ODD_IDS = [
    "i-0123456789abcdef0",
    "arn:aws:ecr:us-east-1:111122223333:repository/team/app",
    "arn:aws:lambda:us-east-1:111122223333:function:resize:$LATEST",
    "/subscriptions/1/resourceGroups/a b/providers/Microsoft.Compute/virtualMachines/vm",
    "//compute.googleapis.com/projects/p/zones/z/instances/1",
    "projects/p//double",
    "a/../b",
    "./a",
    "a/./b",
    "ends/with/",
    "a?b=c#d&e=%2F+ ü",
    "line\nend",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("resource_id", ODD_IDS)
def test_any_id_has_an_address_that_leads_to_it_and_to_nothing_else(as_viewer, resource_id):
    row = factories.resource("QUANTUM_COMPUTER", resource_id)
    address = row.get_absolute_url()
    assert "//" not in address
    assert not {".", ".."} & set(address.split("/"))
    response = as_viewer.get(address)
    assert response.status_code == 200
    listed = as_viewer.get("/coverage/other/").content.decode()
    assert "<script>alert" not in listed + response.content.decode()
    assert address.replace("&", "&amp;") in listed


def test_ids_that_begin_with_a_slash_are_percent_encoded():
    assert resource_url("eastus", "1", "/subscriptions/1") == "/resources/eastus/1/%2Fsubscriptions%2F1/"


@pytest.mark.parametrize(
    "written",
    ["function:resize/", "function:resize:$LATEST//", "function:resize:$LATEST", "function:resize:%24LATEST/"],
)
def test_what_people_make_of_an_address_leads_to_the_canonical_one(as_viewer, written):
    row = factories.function("resize")
    response = as_viewer.get(row.get_absolute_url().replace("function:resize:$LATEST/", written), follow=True)
    assert response.status_code == 200
    if response.redirect_chain:
        assert response.redirect_chain[-1][0] == row.get_absolute_url()
    else:
        assert "%24" in written


@pytest.mark.parametrize(
    "path",
    [
        "us-east-1/111122223333/i-nothing/",
        "mars-1/111122223333/i-0123456789abcdef0/",
        "us-east-1/999999999999/i-0123456789abcdef0/",
        "us-east-1/x/y/",
        "us-east-1/111122223333/%00/",
        "us-east-1/%00/i-0123456789abcdef0/",
        "us-east-1/111122223333/" + "x" * 5000 + "/",
    ],
)
def test_what_does_not_exist_is_not_found(as_viewer, path):
    factories.instance("web", resource_id="i-0123456789abcdef0")
    assert as_viewer.get("/resources/" + path).status_code == 404


@pytest.mark.parametrize("count", [1, 50])
def test_the_number_of_queries_does_not_depend_on_findings_or_images(as_viewer, django_assert_num_queries, count):
    instance, repository = factories.instance("web", scanned=timezone.now()), factories.repository("shop/web")
    for _ in range(count):
        factories.finding(instance)
        factories.finding(factories.image("shop/web", tags=["v1"]))
    with django_assert_num_queries(11):
        as_viewer.get(instance.get_absolute_url())
    with django_assert_num_queries(10):
        as_viewer.get(repository.get_absolute_url())
