"""The Instances tab: what it lists, for whom, and in which words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _read():
    factories.read()


def test_a_row_tells_every_fact_that_the_console_tells(as_viewer):
    row = factories.instance(
        "checkout-web-1",
        tags={"Env": "prod"},
        scanned=timezone.now() - 3 * DAY,
        code="INACTIVE",
        reason="STALE_INVENTORY",
    )
    factories.finding(row, "CRITICAL")
    [shown] = read(as_viewer.get("/coverage/instances/")).rows
    assert shown == {
        "EC2 instance": f"checkout-web-1 {row.resource_id}",
        "Account": "payments-prod 111122223333",
        "Region": "us-east-1",
        "Status": "Stale inventory What to do",
        "Not scanned for": "3 days",
        "Last scanned": "3 days ago",
        "Operating system": "Linux",
        "Monitored using": "Agent-based (SSM agent)",
        "EC2 instance tags": "Env: prod Name: checkout-web-1",
        "Findings C H M L": "1 – – – as of 3 days ago",
    }


@pytest.mark.parametrize(
    ("group", "heading", "names"),
    [
        ("all", "Status", ["broken", "fine"]),
        ("scanning", "Status", ["fine"]),
        ("not-scanning", "Reason", ["broken"]),
    ],
)
def test_each_group_lists_its_own_and_says_status_or_reason(as_viewer, group, heading, names):
    factories.instance("fine")
    factories.unmanaged_instance("broken")
    page = read(as_viewer.get(f"/coverage/instances/?group={group}"))
    assert [cell.split()[0] for cell in page.column("EC2 instance")] == names
    assert heading in page.rows[0]
    assert "All 2 Scanning 1 Not scanning 1" in page.text


def test_without_a_group_everything_is_listed(as_viewer):
    factories.instance("fine")
    factories.unmanaged_instance("broken")
    assert len(read(as_viewer.get("/coverage/instances/")).rows) == 2


def test_the_not_scanning_list_says_why_things_land_there(as_viewer):
    assert "SSM Agent" in read(as_viewer.get("/coverage/instances/?group=not-scanning")).text
    assert "SSM Agent" not in read(as_viewer.get("/coverage/instances/?group=scanning")).text


def test_what_to_do_opens_the_meaning_the_action_and_the_link_to_aws(as_viewer):
    factories.unmanaged_instance("broken")
    page = read(as_viewer.get("/coverage/instances/"))
    opened = read(as_viewer.get("/coverage/instances/" + page.links["What to do: Unmanaged EC2 instance What to do"]))
    assert "Systems Manager does not manage the instance" in opened.text
    assert "AWSSupport-TroubleshootManagedInstance" in opened.text
    assert opened.links["AWS documentation"].startswith("https://docs.aws.amazon.com/")
    assert opened.links["Close ×"] == "?"


def test_the_statuses_behind_one_label_are_told_apart(as_viewer):
    factories.instance("one", reason="DEEP_INSPECTION_NO_INVENTORY")
    page = read(as_viewer.get("/coverage/instances/?about=actively-monitoring-with-partial-errors"))
    assert page.column("Status") == [
        "Actively monitoring with partial errors Deep inspection has no inventory What to do"
    ]
    assert "Deep inspection package collection limit exceeded" in page.text


def test_the_age_of_findings_is_never_hidden(as_viewer):
    now = timezone.now()
    factories.unmanaged_instance("a-never")
    factories.unmanaged_instance("b-none-then", scanned=now - 9 * DAY)
    factories.instance("c-waiting", reason="PENDING_INITIAL_SCAN")
    factories.instance("d-scanned", scanned=now)
    page = read(as_viewer.get("/coverage/instances/"))
    assert page.column("Findings C H M L") == [
        "never scanned",
        "none, as of 9 days ago",
        "not scanned yet",
        "– – – –",
    ]


def test_network_findings_count_with_the_instance(as_viewer):
    row = factories.instance("web", scanned=timezone.now())
    factories.finding(row, "HIGH")
    factories.finding(row, "HIGH", type="NETWORK_REACHABILITY")
    assert read(as_viewer.get("/coverage/instances/")).column("Findings C H M L") == ["– 2 – –"]


def test_findings_that_were_never_read_are_not_zero(as_viewer):
    factories.instance("web", region=factories.OTHER_REGION, scanned=timezone.now())
    assert read(as_viewer.get("/coverage/instances/")).column("Findings C H M L") == ["not read yet"]


def test_an_instance_without_optional_facts_is_listed_all_the_same(as_viewer):
    factories.resource("AWS_EC2_INSTANCE", "i-0123456789abcdef0", code=None, reason=None)
    [shown] = read(as_viewer.get("/coverage/instances/")).rows
    assert shown["EC2 instance"] == "i-0123456789abcdef0"
    assert shown["Operating system"] == "Unknown"
    assert shown["Monitored using"] == shown["EC2 instance tags"] == "—"


def test_an_unknown_reason_appears_in_its_own_words(as_viewer):
    factories.instance("new", code="INACTIVE", reason="MOON_PHASE_WRONG")
    page = read(as_viewer.get("/coverage/instances/?about=moon-phase-wrong"))
    assert page.column("Status") == ["Moon phase wrong ?"]
    assert "Not documented in this release" in page.text


def test_the_exclusion_tag_is_marked(as_viewer):
    factories.instance("skipped", tags={"InspectorEc2Exclusion": "true"}, code="INACTIVE", reason="EXCLUDED_BY_TAG")
    response = as_viewer.get("/coverage/instances/")
    assert (
        b'<span class="tag excluding" title="InspectorEc2Exclusion: true (excludes it from scans)">' in response.content
    )


def test_a_missing_instance_stays_and_is_marked_and_a_gone_one_is_not_listed(as_viewer):
    factories.instance("lost", missing_since=timezone.now())
    factories.instance("gone", gone_at=timezone.now())
    page = read(as_viewer.get("/coverage/instances/"))
    assert [cell.split()[:2] for cell in page.column("EC2 instance")] == [["lost", "missing"]]


def test_rows_of_a_region_that_failed_are_marked_with_their_age(as_viewer):
    factories.instance("old")
    factories.scope("coverage", "us-east-1", "AWS_EC2_INSTANCE", age=timedelta(minutes=20))
    factories.fail("coverage", "us-east-1", "AWS_EC2_INSTANCE")
    response = as_viewer.get("/coverage/instances/")
    assert read(response).column("Region") == ["us-east-1 ◷"]
    assert b"not read since" in response.content


def test_a_network_row_on_an_instance_is_not_listed_twice(as_viewer):
    row = factories.instance("web")
    factories.instance("web", resource_id=row.resource_id, scan_type="NETWORK")
    factories.resource("AWS_ACCOUNT", factories.PAYMENTS, scan_type="NETWORK")
    page = read(as_viewer.get("/coverage/instances/"))
    assert len(page.rows) == 1
    assert "All 1" in page.text


@pytest.mark.parametrize("count", [1, 50])
def test_the_number_of_queries_does_not_depend_on_the_rows(as_viewer, django_assert_num_queries, count):
    for number in range(count):
        row = factories.unmanaged_instance(f"web-{number:02}", tags={"Env": "prod"}, scanned=timezone.now())
        factories.finding(row)
    # session, person; counters, scopes, when they were remembered; four for the tile of accounts;
    # rows, accounts, findings
    with django_assert_num_queries(10):
        as_viewer.get("/coverage/instances/?group=not-scanning")
    with django_assert_num_queries(11):  # and the counts of the groups, which the counters do not know by name
        as_viewer.get("/coverage/instances/?group=not-scanning&q=web")
