"""Order and pages: every sort, both ways, walks every row once, forwards and back."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from coverage_site.paging import Order, Page, page_of, read_cursor
from scanning.models import CoveredResource
from scanning.tables import SORTS
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(microsecond=123456)
KINDS = (factories.instance, factories.unmanaged_instance)


@pytest.fixture
def instances(db):
    """Sixty instances with many ties: in name, account, status and times, some of them never scanned."""
    factories.read()
    for number in range(60):
        factories_of = KINDS[number % 2]
        factories_of(
            f"web-{number % 7}",
            account_id=(factories.PAYMENTS, factories.SEARCH)[number % 3 == 0],
            scanned=NOW - timedelta(days=number % 5) if number % 4 else None,
            first_seen_at=NOW,
        )
    return CoveredResource.objects.all()


def walk(client, query):
    """All pages from the first to the last: the addresses of the rows, and of the pages."""
    addresses, found = ["/coverage/instances/" + query], []
    while True:
        page = read(client.get(addresses[-1]))
        found.append([cell.split()[-1] for cell in page.column("EC2 instance")])
        if "Next" not in page.links:
            return addresses, found
        addresses.append("/coverage/instances/" + page.links["Next"])


@pytest.mark.parametrize("sort", [sign + name for name in SORTS for sign in ("", "-")])
def test_every_sort_walks_every_row_once_and_back_again(as_viewer, instances, sort):
    addresses, pages = walk(as_viewer, f"?sort={sort}&per=25")
    assert [len(page) for page in pages] == [25, 25, 10]
    seen = [resource_id for page in pages for resource_id in page]
    assert sorted(seen) == sorted(instances.values_list("resource_id", flat=True))
    back = read(as_viewer.get(addresses[-1])).links["Previous"]
    middle = read(as_viewer.get("/coverage/instances/" + back))
    assert [cell.split()[-1] for cell in middle.column("EC2 instance")] == pages[1]
    first = read(as_viewer.get("/coverage/instances/" + middle.links["Previous"]))
    assert [cell.split()[-1] for cell in first.column("EC2 instance")] == pages[0]
    assert "Previous" not in first.links


@pytest.mark.parametrize("name", SORTS)
def test_the_other_way_round_is_exactly_the_reverse(as_viewer, instances, name):
    _, up = walk(as_viewer, f"?sort={name}&per=200")
    _, down = walk(as_viewer, f"?sort=-{name}&per=200")
    assert up[0] == down[0][::-1]


def test_sorts_mean_what_they_say(as_viewer):
    factories.read()
    factories.unmanaged_instance("long", scanned=NOW - timedelta(days=90))
    factories.unmanaged_instance("short", scanned=NOW - timedelta(days=1))
    factories.instance("fine", scanned=NOW)

    def order(sort):
        return [
            cell.split()[0] for cell in read(as_viewer.get(f"/coverage/instances/?sort={sort}")).column("EC2 instance")
        ]

    assert order("name") == ["fine", "long", "short"]
    assert order("last_scanned") == ["long", "short", "fine"]
    assert order("-not_scanned_for") == ["long", "short", "fine"]
    assert order("not_scanned_for") == ["fine", "short", "long"]


def test_headings_lead_to_the_sort_and_then_the_other_way(as_viewer, instances):
    page = read(as_viewer.get("/coverage/instances/"))
    assert page.links["Not scanned for"] == "?sort=-not_scanned_for"
    assert page.links["EC2 instance"] == "?sort=-name"
    sorted_page = read(as_viewer.get("/coverage/instances/?sort=-not_scanned_for"))
    assert sorted_page.links["Not scanned for"] == "?sort=not_scanned_for"
    assert 'aria-sort="descending"' in sorted_page.html
    assert "Region" not in page.links


def test_a_page_tells_how_many_of_how_many(as_viewer, instances):
    assert "50 of 60 instances" in read(as_viewer.get("/coverage/instances/")).text
    assert "60 of 60 instances" in read(as_viewer.get("/coverage/instances/?per=100")).text


def test_rows_that_come_and_go_while_one_pages_repeat_and_lose_none_of_the_others(as_viewer, instances):
    first = read(as_viewer.get("/coverage/instances/?sort=name&per=25"))
    seen = [cell.split()[-1] for cell in first.column("EC2 instance")]
    instances.filter(resource_id__in=seen[:5]).delete()
    factories.instance("a-newcomer")
    _, rest = walk(as_viewer, first.links["Next"])
    assert not set(seen) & {one for page in rest for one in page}
    assert sum(len(page) for page in rest) == 35


def cursor(*content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "forged",
    [
        cursor("name", "web", "1"),
        cursor("name", "web", -1),
        cursor("name", "web", 2**63),
        cursor("name", "web", True),
        cursor("name", 7, 1),
        cursor("name", "a\x00b", 1),
        cursor("name", "\ud800", 1),
        cursor("-name", "web", 1),
        cursor("name", "web"),
        cursor(),
        cursor("account", "web", 1),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        "é",
    ],
)
def test_a_forged_cursor_is_refused(as_viewer, instances, forged):
    assert as_viewer.get("/coverage/instances/", {"sort": "name", "after": forged}).status_code == 400


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-11-24", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ""]
)
def test_a_cursor_with_an_impossible_time_is_refused(as_viewer, instances, value):
    forged = cursor("last_scanned", value, 1)
    assert as_viewer.get("/coverage/instances/", {"sort": "last_scanned", "after": forged}).status_code == 400


def test_a_page_whose_rows_went_leads_back_to_the_first(as_viewer, instances):
    page = read(as_viewer.get("/coverage/instances/?per=25"))
    instances.exclude(resource_id__in=[cell.split()[-1] for cell in page.column("EC2 instance")]).delete()
    after = read(as_viewer.get("/coverage/instances/" + page.links["Next"]))
    assert "Nothing on this page any more" in after.text
    assert after.links["First page"] == "?per=25"


def test_deep_pages_cost_what_the_first_costs(instances, django_assert_num_queries):
    order = Order(SORTS["name"], descending=False)
    with django_assert_num_queries(1):
        page: Page[CoveredResource] = page_of(instances, order, None, 25)
    with django_assert_num_queries(1):
        page_of(instances, order, read_cursor(page.next, "", order), 25)
