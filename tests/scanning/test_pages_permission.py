"""Who sees what: a viewer everything, an account viewer the granted accounts, a person without a role nothing.

The same on every page, in every number and in every choice; what may not be seen answers like what does not exist.
"""

from __future__ import annotations

import pytest

from aws.models import SyncScope
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rows(db):
    """One gap in each of two accounts, with a finding each. The account viewer sees payments-prod only."""
    factories.read()
    payments = factories.unmanaged_instance("web-payments")
    search = factories.unmanaged_instance("web-search", account_id=factories.SEARCH)
    odd = factories.instance("odd", account_id=factories.SEARCH, code="INACTIVE", reason="ONLY_SEARCH_HAS_IT")
    repository = factories.repository("search/api", account_id=factories.SEARCH)
    factories.image("search/api", tags=["v1"], account_id=factories.SEARCH)
    return {
        "payments": payments,
        "search": search,
        "odd": odd,
        "repository": repository,
        "of payments": factories.finding(payments, title="CVE-2026-1 - payments"),
        "of search": factories.finding(search, title="CVE-2026-2 - search"),
    }


@pytest.fixture
def as_account_viewer(account_viewer, as_person):
    return as_person(account_viewer)


@pytest.fixture
def as_nobody(nobody, as_person):
    return as_person(nobody)


def names(client, query=""):
    return [
        cell.split()[0]
        for row in read(client.get(f"/coverage/instances/{query}")).rows
        for cell in [row["EC2 instance"]]
    ]


def test_lists(as_viewer, as_account_viewer, as_nobody):
    assert names(as_viewer) == ["odd", "web-payments", "web-search"]
    assert names(as_account_viewer) == ["web-payments"]
    assert names(as_nobody) == []


def test_a_delegated_admin_sees_all_accounts_or_the_granted_ones(delegated_admin, as_person):
    assert len(names(as_person(delegated_admin))) == 3
    limited = factories.person("limited", role="delegated_admin", accounts=[factories.SEARCH])
    assert names(as_person(limited)) == ["odd", "web-search"]


def test_a_grant_of_an_organizational_unit_covers_what_is_below_it(as_person):
    factories.account(factories.SEARCH, organizational_unit="o-1/r-1/ou-search/ou-prod")
    person = factories.person("unit", role="account_viewer", units=["o-1/r-1/ou-search"])
    assert names(as_person(person)) == ["odd", "web-search"]
    assert names(as_person(factories.person("like it", role="account_viewer", units=["o-1/r-1/ou-sea"]))) == []


def test_a_person_who_was_switched_off_is_sent_to_the_login(viewer, as_person):
    client = as_person(viewer)
    viewer.is_active = False
    viewer.save()
    assert client.get("/coverage/instances/").status_code == 302


def test_counts_of_groups_and_tiles(as_viewer, as_account_viewer, as_nobody):
    for client, counts, tile in (
        (as_viewer, "All 3 Scanning 0 Not scanning 3", "3 instances not scanning of 3 listed"),
        (as_account_viewer, "All 1 Scanning 0 Not scanning 1", "1 instance not scanning of 1 listed"),
        (as_nobody, "All 0 Scanning 0 Not scanning 0", "You have no role yet"),
    ):
        page = read(client.get("/coverage/instances/"))
        assert counts in page.text
        assert tile in page.text
        counted = read(client.get("/coverage/instances/?q=web"))
        assert f"All {min(2, int(counts.split()[1]))} " in counted.text


def test_choices(as_viewer, as_account_viewer, as_nobody):
    everything = read(as_viewer.get("/coverage/instances/")).text
    assert "search-prod" in everything
    assert "Only search has it" in everything
    assert "instances not scanning" not in read(as_nobody.get("/coverage/instances/")).text
    for client in (as_account_viewer, as_nobody):
        text = read(client.get("/coverage/instances/")).text
        assert "search" not in text.lower()
    assert "payments-prod" not in read(as_nobody.get("/coverage/instances/")).text


def test_a_foreign_account_is_refused_like_one_that_does_not_exist(as_viewer, as_account_viewer, as_nobody):
    assert names(as_viewer, f"?account={factories.SEARCH}") == ["odd", "web-search"]
    for client in (as_account_viewer, as_nobody):
        foreign = read(client.get(f"/coverage/instances/?account={factories.SEARCH}"), status=400).text
        missing = read(client.get("/coverage/instances/?account=999999999999"), status=400).text
        assert foreign.replace(factories.SEARCH, "X") == missing.replace("999999999999", "X")


def test_a_status_that_only_others_have_is_refused_like_one_that_does_not_exist(as_viewer, as_account_viewer):
    assert names(as_viewer, "?status=only-search-has-it") == ["odd"]
    for name in ("status", "about"):
        assert as_account_viewer.get(f"/coverage/instances/?{name}=only-search-has-it").status_code == 400


def test_exports(as_viewer, as_account_viewer, as_nobody):
    def exported(client):
        lines = b"".join(client.get("/coverage/instances/export.csv").streaming_content).decode().splitlines()
        return [line.split(",")[5] for line in lines[1:]]

    assert exported(as_viewer) == ["odd", "web-payments", "web-search"]
    assert exported(as_account_viewer) == ["web-payments"]
    assert exported(as_nobody) == []


@pytest.mark.parametrize(("own", "foreign"), [("payments", "search"), ("of payments", "of search")])
def test_resources_and_findings(as_viewer, as_account_viewer, as_nobody, rows, own, foreign):
    assert as_viewer.get(rows[foreign].get_absolute_url()).status_code == 200
    assert as_account_viewer.get(rows[own].get_absolute_url()).status_code == 200
    assert as_nobody.get(rows[own].get_absolute_url()).status_code == 404
    hidden = read(as_account_viewer.get(rows[foreign].get_absolute_url()), status=404).text
    wrong = rows[foreign].get_absolute_url().replace(factories.SEARCH, "999999999999")
    assert hidden == read(as_account_viewer.get(wrong), status=404).text


def test_an_address_that_would_be_redirected_does_not_tell_that_it_exists(as_viewer, as_account_viewer):
    function = factories.function("secret", account_id=factories.SEARCH)
    short = function.get_absolute_url().replace(":$LATEST", "")
    assert as_viewer.get(short).status_code == 302
    assert as_account_viewer.get(short).status_code == 404


def test_images_of_a_repository(as_viewer, as_account_viewer, rows):
    assert "v1" in read(as_viewer.get(rows["repository"].get_absolute_url())).links
    assert as_account_viewer.get(rows["repository"].get_absolute_url()).status_code == 404


def test_errors_of_aws_are_told_to_those_who_see_all_accounts(as_viewer, as_account_viewer, as_nobody):
    factories.fail("coverage", "us-east-1", "AWS_EC2_INSTANCE", error="arn:aws:iam::444455556666:role/reader is denied")
    for path in ("/coverage/instances/", "/sync/"):
        assert "role/reader is denied" in read(as_viewer.get(path)).text
        limited = read(as_account_viewer.get(path)).text
        assert "Instances in us-east-1 could not be read" in limited
        assert "role/reader" not in limited
        assert "could not be read" not in read(as_nobody.get(path)).text


def test_how_many_resources_are_old_counts_the_visible_ones(as_viewer, as_account_viewer):
    factories.fail("coverage", "us-east-1", "AWS_EC2_INSTANCE")
    assert "Its 3 resources are shown" in read(as_viewer.get("/coverage/instances/")).text
    assert "Its 1 resource is shown" in read(as_account_viewer.get("/coverage/instances/")).text


def test_a_person_without_a_role_is_told_so(as_nobody):
    for path in ("/coverage/instances/", "/sync/"):
        assert "You have no role yet" in read(as_nobody.get(path)).text


@pytest.mark.parametrize(
    "path", ["/coverage/instances/", "/coverage/instances/export.csv", "/sync/", "/", "/findings/x/"]
)
def test_everything_is_behind_the_login_and_leads_back(client, path):
    response = client.get(f"{path}?q=web")
    assert response.status_code == 302
    assert response["Location"] == f"/login/?next={path}%3Fq%3Dweb"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/coverage/instances/", "/coverage/instances/export.csv", "/sync/"])
def test_pages_only_answer_reads(as_viewer, method, path):
    assert getattr(as_viewer, method)(path).status_code == 405


def test_the_sync_page_tells_how_many_rows_there_are_to_who_sees_them_all(as_viewer, as_account_viewer):
    factories.run(factories.scope("coverage", factories.REGION, "AWS_EC2_INSTANCE"), read=4321, new=1234)
    assert "4,321" in read(as_viewer.get("/sync/")).text
    for path in ("/sync/", SyncScope.objects.latest("pk").get_absolute_url()):
        page = read(as_account_viewer.get(path)).text
        assert "4,321" not in page
        assert "1,234" not in page
