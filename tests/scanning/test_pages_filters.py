"""Filters: what the address asks for is what is listed, counted and exported, or it is refused in plain words."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _instances(db):
    """Five instances, of which each filter below picks some."""
    factories.read()
    factories.read(factories.OTHER_REGION)
    factories.instance("Alpha", tags={"Env": "prod"}, scanned=NOW)
    factories.unmanaged_instance("bravo", tags={"Env": "test"}, region=factories.OTHER_REGION, scanned=NOW - 9 * DAY)
    factories.unmanaged_instance("charlie", account_id=factories.SEARCH, platform="WINDOWS", scanned=NOW - 40 * DAY)
    factories.instance("delta", code="INACTIVE", reason="EC2_INSTANCE_STOPPED", platform="MACOS", missing_since=NOW)
    factories.instance("echo", platform=None, reason="PENDING_INITIAL_SCAN", tags={"environment": "prod"})


def names(page):
    return [cell.split()[0] for cell in page.column("EC2 instance")] if page.rows else []


FILTERS = [
    ("", ["Alpha", "bravo", "charlie", "delta", "echo"]),
    (f"account={factories.SEARCH}", ["charlie"]),
    (f"account={factories.SEARCH}&account={factories.PAYMENTS}", ["Alpha", "bravo", "charlie", "delta", "echo"]),
    ("region=eu-west-1", ["bravo"]),
    ("region=eu-west-1&region=us-east-1", ["Alpha", "bravo", "charlie", "delta", "echo"]),
    ("status=unmanaged-ec2-instance", ["bravo", "charlie"]),
    ("status=unmanaged-ec2-instance&status=ec2-instance-stopped", ["bravo", "charlie", "delta"]),
    ("kind=fix", ["bravo", "charlie"]),
    ("kind=idle&kind=waiting", ["delta", "echo"]),
    ("platform=WINDOWS", ["charlie"]),
    ("platform=MACOS", ["delta"]),
    ("platform=UNKNOWN", ["echo"]),
    ("tag=Env", ["Alpha", "bravo"]),
    ("tag=Env=prod", ["Alpha"]),
    ("tag=env=prod", []),
    ("q=ALPHA", ["Alpha"]),
    ("q=ha", ["Alpha", "charlie"]),
    ("q=%25", []),
    ("scanned=never", ["delta", "echo"]),
    ("scanned=7", ["bravo", "charlie"]),
    ("scanned=30", ["charlie"]),
    ("missing=1", ["delta"]),
    ("group=not-scanning&status=unmanaged-ec2-instance&region=us-east-1", ["charlie"]),
    ("group=scanning&q=ha", ["Alpha"]),
    ("q=&tag=&region=&status=&scanned=&missing=&sort=&after=", ["Alpha", "bravo", "charlie", "delta", "echo"]),
    ("utm_source=mail&page=3", ["Alpha", "bravo", "charlie", "delta", "echo"]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_a_filter_lists_what_it_names(as_viewer, query, expected):
    page = read(as_viewer.get(f"/coverage/instances/?{query}"))
    assert names(page) == expected
    noun = "instance" if len(expected) == 1 else "instances"
    assert (f"{len(expected)} of {len(expected)} {noun}" if expected else "No instances match") in page.text


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_the_export_holds_the_same_rows(as_viewer, query, expected):
    content = b"".join(as_viewer.get(f"/coverage/instances/export.csv?{query}").streaming_content).decode()
    assert [line.split(",")[5] for line in content.splitlines()[1:]] == expected


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", "All 5 Scanning 2 Not scanning 3"),
        ("region=eu-west-1", "All 1 Scanning 0 Not scanning 1"),
        ("status=unmanaged-ec2-instance&group=scanning", "All 2 Scanning 0 Not scanning 2"),
        ("kind=idle", "All 1 Scanning 0 Not scanning 1"),
        ("q=ha", "All 2 Scanning 1 Not scanning 1"),
        (f"tag=Env&account={factories.PAYMENTS}", "All 2 Scanning 1 Not scanning 1"),
        (f"account={factories.SEARCH}", "All 1 Scanning 0 Not scanning 1"),
    ],
)
def test_the_counts_of_the_groups_follow_the_filters(as_viewer, query, counts):
    assert counts in read(as_viewer.get(f"/coverage/instances/?{query}")).text


REFUSED = [
    "group=everything",
    "group=activated",
    "account=999999999999",
    "account=payments-prod",
    "account=" + quote("١١١١٢٢٢٢٣٣٣٣"),
    "region=mars-north-1",
    "status=fine",
    "kind=FIX",
    "platform=BeOS",
    "scanned=0",
    "scanned=-1",
    "scanned=" + quote("٧"),
    "scanned=12345",
    "missing=yes",
    "about=nothing-like-it",
    "q=%00",
    "tag=a%00b",
    "region=%00",
    "q=" + "x" * 100_000,
    "tag=" + "x" * 401,
    "sort=colour",
    "sort=--name",
    "sort=%00",
    "per=7",
    "per=" + quote("٥٠"),
    "after=x",
    "after=!!!",
    "before=%00",
    "after=" + "A" * 100_000,
    "after=W10&before=W10",
    "after=" + "W1tb" * 900,
]


IN_EXPORTS = [query for query in REFUSED if not query.startswith(("per", "after", "before"))]


@pytest.mark.parametrize(
    ("path", "query"),
    [("/coverage/instances/", query) for query in REFUSED]
    + [("/coverage/instances/export.csv", query) for query in IN_EXPORTS],
    ids=lambda text: text[-30:],
)
def test_what_is_not_understood_is_refused_in_plain_words(as_viewer, path, query):
    page = read(as_viewer.get(f"{path}?{query}"), status=400)
    assert "The request was not understood" in page.text
    assert len(page.html) < 20_000


def test_a_refusal_names_the_parameter_and_the_value(as_viewer):
    page = read(as_viewer.get("/coverage/instances/?region=mars-north-1"), status=400)
    assert "region: “mars-north-1” is not a Region that is read here." in page.text


@pytest.mark.parametrize(
    ("address", "left_out"),
    [
        ("/coverage/images/?platform=WINDOWS", "platform"),
        ("/coverage/instances/?staus=no-inventory&GROUP=scanning", "GROUP, staus"),
        ("/coverage/accounts/?about=x", "about"),
    ],
)
def test_a_parameter_that_a_list_does_not_know_is_left_out_and_told(as_viewer, address, left_out):
    page = read(as_viewer.get(address))
    assert f"Left out: {left_out}. The address names this" in page.text
    assert all(name not in href for name in left_out.split(", ") for href in page.links.values())


def test_a_parameter_without_a_value_is_not_told(as_viewer):
    assert "Left out" not in read(as_viewer.get("/coverage/instances/?staus=&q=alpha")).text


def test_each_filter_in_force_is_a_token_that_can_be_removed(as_viewer):
    query = (
        f"account={factories.PAYMENTS}&account={factories.SEARCH}&status=unmanaged-ec2-instance&q=a&group=not-scanning"
    )
    page = read(as_viewer.get(f"/coverage/instances/?{query}&sort=-name&per=25"))
    left = page.links["Remove search-prod ×"]
    assert f"account={factories.PAYMENTS}" in left
    assert factories.SEARCH not in left
    assert {"group=not-scanning", "q=a", "sort=-name", "per=25"} <= set(left.removeprefix("?").split("&"))
    assert "Remove Unmanaged EC2 instance ×" in page.links
    assert page.links["Clear"] == "?group=not-scanning&sort=-name&per=25"


def test_a_changed_filter_starts_from_the_first_page(as_viewer):
    for number in range(30):
        factories.instance(f"x{number:02}")
    first = read(as_viewer.get("/coverage/instances/?per=25&q=x"))
    second = read(as_viewer.get("/coverage/instances/" + first.links["Next"]))
    assert len(second.rows) == 5
    for link in ("Remove x ×", "Clear", "Scanning 30"):
        assert "after=" not in second.links[link]


def test_choices_name_what_occurs_with_its_count(as_viewer):
    page = read(as_viewer.get("/coverage/instances/?group=not-scanning"))
    assert "Unmanaged EC2 instance 2" in page.text
    assert "payments-prod" in page.text
    assert "Stale inventory" not in page.text


def test_links_from_tab_to_tab_keep_region_and_account(as_viewer):
    page = read(as_viewer.get(f"/coverage/instances/?region=us-east-1&account={factories.SEARCH}&q=a"))
    assert page.links["Images"] == f"/coverage/images/?region=us-east-1&account={factories.SEARCH}"


def test_more_accounts_than_a_list_can_offer_are_named_by_their_id(as_viewer, django_assert_num_queries):
    for number in range(201):
        factories.account(f"{500_000_000_000 + number}", f"dev-{number:03}")
    page = read(as_viewer.get(f"/coverage/instances/?account={factories.SEARCH}"))
    assert names(page) == ["charlie"]
    assert 'placeholder="12 digits"' in page.html
    assert "dev-007" not in page.text
    assert "search-prod" in page.text
    assert as_viewer.get("/coverage/instances/?account=999999999999").status_code == 400
    many = "&".join(f"account={500_000_000_000 + number}" for number in range(150))
    with django_assert_num_queries(10):
        as_viewer.get(f"/coverage/instances/?{many}")
