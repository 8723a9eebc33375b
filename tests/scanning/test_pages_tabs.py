"""The other tabs, and the numbers above all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.session import get_session
from django.utils import timezone

from aws.models import Heartbeat
from scanning import tasks
from scanning.choices import ResourceType
from scanning.exports import OWN
from scanning.statuses import statuses_of_tab
from scanning.tables import TABLES
from scanning.tabs import TABS, tab_of_type
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

OLD = timedelta(days=4)


@pytest.fixture(autouse=True)
def _read():
    factories.read()


def test_every_resource_type_of_the_sdk_has_a_tab():
    types: Any = get_session().get_service_model("inspector2").shape_for("CoverageResourceType")
    newcomers = [name for name in types.enum if tab_of_type(name).slug == "other" and name != ResourceType.AWS_ACCOUNT]
    assert newcomers == [], f"resource types without a tab: {newcomers}"


def test_repositories_are_activated_or_not(as_viewer):
    factories.repository("shop/web")
    factories.repository("shop/old", frequency="MANUAL", code="INACTIVE", reason="SCAN_FREQUENCY_MANUAL")
    page = read(as_viewer.get("/coverage/repositories/"))
    assert [row["ECR repository"] for row in page.rows] == ["shop/old", "shop/web"]
    assert page.column("Status") == ["Deactivated (Manual) What to do", "Activated (Continuous) ?"]
    assert {"Account", "Region", "Not scanned for", "Last scanned"} <= page.rows[0].keys()
    off = read(as_viewer.get("/coverage/repositories/?group=not-activated"))
    assert off.column("Reason") == ["Deactivated (Manual) What to do"]
    assert "enhanced scanning" in off.text
    assert "All 2 Activated 1 Not activated 1" in off.text


def test_images_are_called_by_tag_or_digest(as_viewer):
    factories.image("shop/web", tags=["v1", "latest"], scanned=timezone.now())
    untagged = factories.image(
        "shop/web", code="INACTIVE", reason="SCAN_ELIGIBILITY_EXPIRED", scanned=timezone.now() - OLD
    )
    page = read(as_viewer.get("/coverage/images/"))
    digest = untagged.resource_id.rpartition("/")[2][:19]
    assert {row["ECR container image"].split()[0] for row in page.rows} == {"v1", digest}
    assert page.links[digest] == untagged.get_absolute_url()
    assert set(page.column("Repository name")) == {"shop/web"}
    assert set(page.column("Status")) == {
        "Actively monitoring (Continuous) ?",
        "Scan eligibility expired (Continuous) What to do",
    }
    assert {"Account", "Region", "Not scanned for", "Last scanned", "Image tags", "Findings C H M L"} <= page.rows[
        0
    ].keys()
    assert "re-scan duration" in read(as_viewer.get("/coverage/images/?group=not-scanning")).text


def test_lambda_has_a_table_for_standard_and_one_for_code_scanning(as_viewer):
    standard = factories.function("resize", tags={"Team": "blue"}, scanned=timezone.now())
    code = factories.function("resize", scan_type="CODE", code="INACTIVE", reason="UNSUPPORTED_RUNTIME")
    factories.finding(standard, "HIGH")
    factories.finding(code, "LOW", type="CODE_VULNERABILITY")
    page = read(as_viewer.get("/coverage/lambda/"))
    [[first], [second]] = page.tables
    assert "Lambda standard scanning 1 function" in page.text
    assert "Lambda code scanning 1 function" in page.text
    assert first["Function name"] == second["Function name"] == "resize"
    assert first["Runtime"] == "Python 3.13"
    assert (first["Status"], second["Status"]) == ("Actively monitoring ?", "Unsupported What to do")
    assert first["Resource tags"] == "Team: blue"
    assert first["Findings C H M L"] == "– 1 – –"
    assert second["Findings C H M L"] == "– – – 1 never fully scanned"
    assert {"Account", "Region", "Last scanned", "Not scanned for"} <= first.keys()
    assert "All 1 + 1 Scanning 1 + 0 Not scanning 0 + 1" in page.text
    gaps = read(as_viewer.get("/coverage/lambda/?group=not-scanning"))
    assert "neither invoked nor updated for 90 days" in gaps.text
    assert "No functions in this group" in gaps.text


def test_the_two_lambda_tables_are_sorted_and_paged_by_themselves(as_viewer):
    for number in range(30):
        factories.function(f"f-{number:02}")
        factories.function(f"f-{number:02}", scan_type="CODE")
    page = read(as_viewer.get("/coverage/lambda/?per=25&sort=-name&code-sort=name"))
    assert page.tables[0][0]["Function name"] == "f-29"
    assert page.tables[1][0]["Function name"] == "f-00"
    following = read(as_viewer.get("/coverage/lambda/" + page.links["Next: Lambda code scanning Next"]))
    assert following.tables[0][0]["Function name"] == "f-29"
    assert [row["Function name"] for row in following.tables[1]] == ["f-25", "f-26", "f-27", "f-28", "f-29"]


FURTHER = [
    (
        "code-repositories",
        "Code repositories",
        "CODE_REPOSITORY",
        {"codeRepository": {"projectName": "shop", "providerType": "GITHUB"}},
    ),
    ("machine-images", "Machine images", "MACHINE_IMAGE", {"machineImage": {"platform": "LINUX"}}),
    ("azure", "Azure", "Microsoft.Compute/virtualMachines", {"vmInstance": {"platform": "LINUX"}}),
    ("gcp", "Google Cloud", "compute.googleapis.com/Instance", {"vmInstance": {}}),
    ("other", "Other", "QUANTUM_COMPUTER", {}),
]


@pytest.mark.parametrize(("slug", "label", "resource_type", "metadata"), FURTHER)
def test_a_further_tab_appears_when_such_rows_exist(as_viewer, slug, label, resource_type, metadata):
    assert label not in read(as_viewer.get("/coverage/instances/")).links
    row = factories.resource(resource_type, f"id-of-{slug}", metadata=metadata)
    page = read(as_viewer.get("/coverage/instances/"))
    assert page.links[label] == f"/coverage/{slug}/"
    listed = read(as_viewer.get(f"/coverage/{slug}/"))
    assert row.get_absolute_url() in listed.links.values()
    assert len(listed.rows) == 1


def test_the_row_of_an_account_is_no_resource(as_viewer):
    factories.resource("AWS_ACCOUNT", factories.PAYMENTS, scan_type="NETWORK")
    page = read(as_viewer.get("/coverage/other/"))
    assert page.rows == []
    assert "Other" not in page.links
    assert as_viewer.get(f"/resources/us-east-1/{factories.PAYMENTS}/{factories.PAYMENTS}/").status_code == 404


@pytest.mark.parametrize("tab", [tab for tab in TABS if tab.is_of_console], ids=lambda tab: tab.slug)
def test_every_documented_status_of_a_tab_explains_itself(as_viewer, tab):
    for status in statuses_of_tab(tab.status_tab):
        page = read(as_viewer.get(f"/coverage/{tab.slug}/?about={status.key}"))
        assert status.label in page.text
        assert status.meaning in page.text
        assert status.action in page.text
        assert status.doc in page.links.values()


def test_an_unknown_tab_is_not_found(as_viewer):
    assert as_viewer.get("/coverage/spaceships/").status_code == 404
    assert as_viewer.get("/coverage/spaceships/export.csv").status_code == 404


# --- The numbers above the tabs


def test_each_tile_tells_the_gap_of_what_is_listed_and_what_that_means(as_viewer):
    factories.instance("fine")
    factories.unmanaged_instance("broken")
    factories.repository("shop/web")
    page = read(as_viewer.get("/coverage/instances/"))
    assert "1 instance not scanning of 2 listed" in page.text
    assert "0 repositories not activated of 1 listed" in page.text
    assert "EC2 instances that Inspector lists and does not monitor and scan now." in page.text
    assert 'aria-label="50 percent scanning"' in page.html
    assert '<rect class="fill" width="50" height="4"/>' in page.html


def test_a_tile_tells_what_changed_since_the_counters_were_remembered(as_viewer):
    factories.unmanaged_instance("a")
    factories.instance("fine")
    assert "since" not in read(as_viewer.get("/coverage/repositories/")).text, "nothing was remembered yet"
    tasks.take_snapshots()
    for name in ("b", "c"):
        factories.unmanaged_instance(name)
    assert "3 instances not scanning of 4 listed · +2 since yesterday" in read(as_viewer.get("/coverage/images/")).text
    Heartbeat.objects.update(at=datetime(2026, 3, 9, tzinfo=UTC))
    page = read(as_viewer.get("/coverage/images/"))
    assert "+2 since 9 Mar" in page.text
    assert 'title="Since 9 Mar 2026, 00:00 UTC"' in page.html


def test_what_left_the_gap_since_yesterday_is_told_even_where_nothing_is_left_of_it(as_viewer):
    row = factories.unmanaged_instance("a")
    factories.instance("fine")
    tasks.take_snapshots()
    factories.goes(row)
    assert "0 instances not scanning of 1 listed · −1 since yesterday" in read(as_viewer.get("/coverage/images/")).text


def test_tiles_follow_the_chosen_region_and_account_and_lead_to_the_gap(as_viewer):
    factories.unmanaged_instance("a")
    factories.unmanaged_instance("b", account_id=factories.SEARCH)
    factories.unmanaged_instance("c", region=factories.OTHER_REGION)
    by_region = read(as_viewer.get("/coverage/repositories/?region=us-east-1"))
    assert "2 instances not scanning of 2 listed" in by_region.text
    both = read(as_viewer.get(f"/coverage/repositories/?region=us-east-1&account={factories.SEARCH}"))
    assert "1 instance not scanning of 1 listed" in both.text
    tile = next(link for text, link in both.links.items() if "instance not scanning" in text)
    assert tile == f"/coverage/instances/?region=us-east-1&account={factories.SEARCH}&group=not-scanning"
    assert len(read(as_viewer.get(tile)).rows) == 1


def test_a_gap_of_one_in_a_thousand_is_not_rounded_to_full_coverage(as_viewer):
    factories.unmanaged_instance("broken")
    for _ in range(300):
        factories.instance("fine")
    assert 'aria-label="99 percent scanning"' in read(as_viewer.get("/coverage/images/")).html


def test_what_was_never_read_is_unknown_and_not_zero(as_viewer):
    from aws.models import SyncScope

    SyncScope.objects.all().delete()
    page = read(as_viewer.get("/coverage/instances/"))
    assert "— instances not scanning not read yet" in page.text
    assert "Nothing was read yet" in page.text


def test_an_empty_list_says_whether_inspector_lists_nothing_or_filters_hide_it(as_viewer):
    assert "Inspector lists no instances" in read(as_viewer.get("/coverage/instances/")).text
    factories.instance("fine")
    assert (
        "Inspector lists 1 instance here, none in this group."
        in read(as_viewer.get("/coverage/instances/?group=not-scanning")).text
    )
    hidden = read(as_viewer.get("/coverage/instances/?q=nothing-like-it"))
    assert "The filters hide what is listed: 1 instance" in hidden.text
    assert hidden.links["Clear the filters"] == "?"


@pytest.mark.parametrize(
    ("address", "document"),
    [
        ("/coverage/instances/?group=not-scanning", "scanning-ec2"),
        ("/coverage/repositories/?group=not-activated", "scanning-ecr"),
        ("/coverage/images/?group=not-scanning", "scanning-ecr"),
        ("/coverage/lambda/?group=not-scanning", "scanning-lambda"),
        ("/coverage/machine-images/?group=not-scanning", "scanning-machine-images"),
        ("/coverage/code-repositories/?group=not-scanning", "supported"),
        ("/coverage/accounts/", "activate-scans"),
        ("/coverage/accounts/", "managing-multiple-accounts"),
    ],
)
def test_each_list_leads_to_what_aws_says_of_it(as_viewer, address, document):
    links = read(as_viewer.get(address)).links.values()
    assert f"https://docs.aws.amazon.com/inspector/latest/user/{document}.html" in links


def test_columns_and_groups_say_what_they_mean(as_viewer):
    factories.instance("web")
    html = read(as_viewer.get("/coverage/instances/")).html
    for meaning in (
        "When Inspector last checked it for vulnerabilities: how often depends on the scan method",
        "Whether Inspector scans it by an agent or without one",
        "They show what is excluded from scans by a tag",
        "What Inspector monitors and scans now, or will by itself",
        "What Inspector lists and does not monitor and scan now; each with its reason",
    ):
        assert f'title="{meaning}" aria-description="{meaning}"' in html


def test_one_is_not_several(as_viewer):
    row = factories.instance("web")
    factories.finding(row)
    assert "1 of 1 instance" in read(as_viewer.get("/coverage/instances/")).text
    text = read(as_viewer.get("/coverage/instances/")).text + read(as_viewer.get(row.get_absolute_url())).text
    assert "1 of 1 finding" in text
    assert "1 of 1 instances" not in text
    assert "1 of 1 findings" not in text


def test_columns_are_given_for_tabs_that_there_are():
    slugs = {tab.slug for tab in TABS}
    assert TABLES.keys() <= slugs
    assert OWN.keys() <= slugs
