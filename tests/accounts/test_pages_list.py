"""The list of accounts: what is activated where, groups, filters, order, and what a person may see of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import OrganizationSettings, Person
from aws.choices import CallerKind
from tests import factories
from tests.factories import OTHER_REGION, PAYMENTS, REGION, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

PAGE = "/coverage/accounts/"
OUTSIDER = "777788889999"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def organization(db):
    """Two members, one of them with something off, and an account that is no member."""
    factories.read(REGION)
    factories.read(OTHER_REGION)
    factories.administered()
    for region in (REGION, OTHER_REGION):
        factories.scan_types(PAYMENTS, region)
        factories.scan_types(SEARCH, region, LAMBDA="ENABLING", LAMBDA_CODE="DISABLED")
    factories.scan_types(SEARCH, OTHER_REGION, ECR="DISABLED", LAMBDA="ENABLING", LAMBDA_CODE="DISABLED")
    factories.account(OUTSIDER, "sandbox", state="SUSPENDED")


def names(client, query=""):
    return [cell.split()[0] for cell in read(client.get(PAGE + query)).column("Account id")]


def row_of(client, name, query=""):
    return next(row for row in read(client.get(PAGE + query)).rows if row["Account id"].split()[0] == name)


# --- What a row says


def test_one_word_for_each_scan_type_and_the_region_where_it_differs(as_viewer, organization):
    row = row_of(as_viewer, "search-prod")
    assert row["Account id"] == f"search-prod {SEARCH}"
    assert row["Relationship state"] == "Member"
    assert row["EC2"] == "Activated"
    assert row["ECR"] == "Off in eu-west-1"
    assert row["Lambda standard"] == "Activating"
    assert row["Lambda code"] == "Deactivated"


def test_what_is_off_is_loud_and_what_is_on_is_quiet(as_viewer, organization):
    html = read(as_viewer.get(PAGE)).html
    assert re.search(r'<a class="state off" [^>]*>Deactivated</a>', html)
    assert re.search(r'<a class="state move" [^>]*>Activating</a>', html)
    assert re.search(r'<a class="state quiet" [^>]*>Activated</a>', html)


def test_a_cell_opens_to_the_scan_types_by_region_below_its_row_or_on_the_accounts_page(as_viewer, organization):
    html = read(as_viewer.get(PAGE)).html
    address = f"/accounts/{SEARCH}/"
    assert f'<a class="state off" href="{address}#scan-ECR" hx-get="{address}" data-opens="regions-{SEARCH}"' in html
    assert 'hx-target="closest tr" hx-swap="afterend"' in html
    assert '<tr id="scan-ECR">' in read(as_viewer.get(address)).html
    below = read(as_viewer.get(address, headers=HTMX))
    assert below.html.count("<html") == 0
    assert f'<tr class="opened" id="regions-{SEARCH}">' in below.html
    assert {row["Scan type"]: row[OTHER_REGION] for row in below.rows}["ECR"] == "Deactivated"
    assert as_viewer.get("/accounts/999999999999/", headers=HTMX).status_code == 404


def test_several_regions_that_differ_are_counted(as_viewer, organization, settings):
    settings.COVERAGE_REGIONS = [REGION, OTHER_REGION, "ap-south-1"]
    factories.administered("ap-south-1")
    factories.scan_types(SEARCH, "ap-south-1", ECR="DISABLED")
    assert row_of(as_viewer, "search-prod")["ECR"] == "1 of 3 Regions"


def test_who_is_no_member_has_no_scan_types(as_viewer, organization):
    row = row_of(as_viewer, "sandbox")
    assert row["Relationship state"] == "Not a member Suspended in Organizations"
    assert row["EC2"] == row["ECR"] == "—"
    assert row["Gaps"] == "— not visible"
    assert row["Findings C H M L"] == "not visible"


def test_what_inspector_refuses_to_tell_is_unknown_with_reason_and_age(as_viewer, organization):
    since = timezone.now() - timedelta(days=3)
    for region in (REGION, OTHER_REGION):
        factories.regional(SEARCH, region, unknown_since=since, error_code="ACCESS_DENIED", error_message="no role")
    row = row_of(as_viewer, "search-prod")
    assert row["EC2"] == row["Lambda code"] == "Unknown"
    assert row["Relationship state"] == "Member Status unknown for 3 days: ACCESS_DENIED"
    assert "Last known: Deactivated." in read(as_viewer.get(PAGE)).html


def test_one_unknown_region_is_named(as_viewer, organization):
    since = timezone.now() - timedelta(days=3)
    factories.regional(PAYMENTS, OTHER_REGION, unknown_since=since, error_code="ACCESS_DENIED")
    row = row_of(as_viewer, "payments-prod")
    assert row["EC2"] == "Unknown in eu-west-1"
    assert row["Relationship state"] == "Member Status unknown in eu-west-1 for 3 days: ACCESS_DENIED"


def test_before_the_first_read_nobody_is_called_a_stranger(as_viewer):
    factories.account(PAYMENTS)
    row = row_of(as_viewer, "payments-prod")
    assert row["Relationship state"] == row["EC2"] == "Unknown"
    assert names(as_viewer, "?group=not-members") == []


def test_machine_images_have_a_column_only_where_aws_reports_them(as_viewer, organization):
    assert "Machine images" not in row_of(as_viewer, "search-prod")
    factories.scan_types(SEARCH, REGION, AMI="ENABLED", NEW_TYPE="NEW_STATUS")
    row = row_of(as_viewer, "search-prod")
    assert row["Machine images"] == "Activated"
    assert row["NEW_TYPE"] == "NEW_STATUS"
    assert row_of(as_viewer, "payments-prod")["Machine images"] == "—"


def test_gaps_lead_to_what_can_be_fixed(as_viewer, organization):
    factories.instance("fine", account_id=SEARCH, scanned=timezone.now())
    factories.unmanaged_instance("broken", account_id=SEARCH)
    factories.unmanaged_instance("other", account_id=PAYMENTS)
    assert row_of(as_viewer, "search-prod")["Gaps"] == "1 fixable of 2 listed"
    page = read(as_viewer.get(PAGE + f"?account={SEARCH}"))
    address = page.links["1 fixable"]
    assert address == f"/coverage/instances/?account={SEARCH}&kind=fix"
    assert read(as_viewer.get(address)).column("EC2 instance")[0].startswith("broken")


def test_gaps_on_several_tabs_lead_to_the_account(as_viewer, organization):
    factories.unmanaged_instance("broken", account_id=SEARCH)
    factories.repository("shop", account_id=SEARCH, code="INACTIVE", reason="ACCESS_DENIED")
    page = read(as_viewer.get(PAGE))
    assert page.links["2 fixable"] == f"/accounts/{SEARCH}/#coverage-counts"


def test_findings_are_summed_and_never_a_bare_zero(as_viewer, organization):
    one = factories.instance("one", account_id=SEARCH, scanned=timezone.now())
    two = factories.function("two", account_id=SEARCH, scanned=timezone.now())
    for of, severity in ((one, "CRITICAL"), (one, "HIGH"), (two, "HIGH")):
        factories.finding(of, severity)
    assert row_of(as_viewer, "search-prod")["Findings C H M L"].split() == ["1", "2", "–", "–"]
    assert row_of(as_viewer, "payments-prod")["Findings C H M L"] == "nothing scanned"


# --- Above the list


def test_automatic_activation_is_told_region_by_region_to_the_administrators_people(as_viewer, organization):
    on = {"ec2": True, "ecr": True, "lambda": False}
    OrganizationSettings.objects.create(region=REGION, auto_enable=on)
    OrganizationSettings.objects.create(region=OTHER_REGION, auto_enable={"ec2": True}, max_account_limit_reached=True)
    text = read(as_viewer.get(PAGE)).text
    assert "Existing accounts are not changed." in text
    assert "EC2, ECR in us-east-1 (not Lambda standard)" in text
    assert "EC2 in eu-west-1 Member limit reached" in text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (CallerKind.MEMBER, "may activate scan types for itself, but not deactivate them"),
        (CallerKind.STANDALONE, "a standalone account in us-east-1"),
    ],
)
def test_who_is_no_administrator_reads_what_this_account_is(as_viewer, kind, words):
    factories.administered(REGION, caller_account=PAYMENTS, caller_kind=kind)
    relationship = "ENABLED" if kind == CallerKind.MEMBER else ""
    factories.regional(PAYMENTS, relationship=relationship)
    page = read(as_viewer.get(PAGE))
    assert words in page.text
    assert "Automatic activation" not in page.text
    expected = "Member" if kind == CallerKind.MEMBER else "Standalone account"
    assert page.column("Relationship state") == [expected]
    assert names(as_viewer, "?group=not-members") == []


def test_a_member_reads_who_its_administrator_is_in_each_region(as_viewer, settings):
    other_admin = "888800001111"
    for region, administrator in ((REGION, OUTSIDER), (OTHER_REGION, other_admin)):
        factories.administered(region, caller_account=PAYMENTS, caller_kind=CallerKind.MEMBER)
        factories.regional(PAYMENTS, region, administrator_id=administrator)
    text = read(as_viewer.get(PAGE)).text
    assert f"This is account {PAYMENTS} , a member account in {REGION}." in text
    assert f"its delegated administrator, account {OUTSIDER} , does that" in text
    assert f"its delegated administrator, account {other_admin} , does that" in text


def test_without_organizations_the_page_says_that_accounts_may_be_missing(as_viewer, organization):
    assert "AWS Organizations is not known" not in read(as_viewer.get(PAGE)).text
    factories.fail("organization", "global", error="denied")
    text = read(as_viewer.get(PAGE)).text
    assert "only the accounts that Inspector lists are shown, and of how many is not known" in text
    assert "2 known, total not known" in text


def test_the_tile_counts_members_and_names_the_others(as_viewer, organization):
    text = read(as_viewer.get(PAGE)).text
    assert "0 accounts not activated of 2 members · 1 suspended" in text
    assert "0 accounts not activated of 2 members" in read(as_viewer.get("/coverage/instances/")).text
    assert "of 1 member" in read(as_viewer.get(f"/coverage/instances/?account={SEARCH}")).text


# --- Groups, filters, order


def test_groups_have_counts_and_are_links(as_viewer, organization):
    factories.scan_types("222200001111", REGION, "DISABLED")
    factories.account("222200001111", "idle")
    factories.account("333300001111", "stranger")
    page = read(as_viewer.get(PAGE))
    assert [page.links[label] for label in ("All 5", "Something off 2", "Not activated 1", "Not members 1")] == [
        "?group=all",
        "?group=something-off",
        "?group=not-activated",
        "?group=not-members",
    ]
    assert names(as_viewer, "?group=something-off") == ["idle", "search-prod"]
    assert names(as_viewer, "?group=not-members") == ["stranger"]


def test_the_tile_leads_to_the_accounts_that_it_counts(as_viewer, organization):
    factories.scan_types("222200001111", REGION, "DISABLED")
    factories.account("222200001111", "idle")
    page = read(as_viewer.get("/coverage/instances/"))
    assert "1 account not activated of 3 members · 1 suspended" in page.text
    tile = next(href for text, href in page.links.items() if "account not activated" in text)
    assert tile == "/coverage/accounts/?group=not-activated"
    assert read(as_viewer.get(tile)).rows[0]["Account id"].startswith("idle")


def test_what_only_some_use_is_nothing_that_is_off(as_viewer, organization):
    for region in (REGION, OTHER_REGION):
        factories.scan_types(SEARCH, region, CODE_REPOSITORY="DISABLED", AMI="DISABLED")
    assert names(as_viewer, "?group=something-off") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=PAY", ["payments-prod"]),
        (f"?q={SEARCH[:6]}", ["search-prod"]),
        ("?scan_type=ECR&status=DISABLED", ["search-prod"]),
        ("?scan_type=ECR&status=DISABLED&region=us-east-1", []),
        ("?scan_type=EC2&status=DISABLED", []),
        ("?status=ENABLING", ["search-prod"]),
        ("?scan_type=EC2", ["payments-prod", "search-prod"]),
        ("?state=SUSPENDED", ["sandbox"]),
        (f"?account={PAYMENTS}&account={SEARCH}", ["payments-prod", "search-prod"]),
        ("?status=UNKNOWN", []),
        ("?relationship=ENABLED", ["payments-prod", "search-prod"]),
        ("?relationship=NO_MEMBER", ["sandbox"]),
        ("?relationship=NO_MEMBER&relationship=ENABLED", ["payments-prod", "sandbox", "search-prod"]),
        ("?relationship=ADMINISTRATOR", []),
        ("?gaps=fixable", []),
        ("?gaps=none&relationship=ENABLED", ["payments-prod", "search-prod"]),
        ("?severity=CRITICAL", []),
    ],
)
def test_filters_narrow_the_list(as_viewer, organization, query, expected):
    assert names(as_viewer, query) == expected


def test_gaps_and_findings_narrow_the_list(as_viewer, organization):
    broken = factories.unmanaged_instance("broken", account_id=SEARCH)
    factories.finding(broken, "HIGH")
    assert names(as_viewer, "?gaps=fixable") == ["search-prod"]
    assert names(as_viewer, "?severity=HIGH&severity=LOW") == ["search-prod"]
    assert names(as_viewer, "?severity=LOW") == []
    assert names(as_viewer, "?gaps=fixable&region=eu-west-1") == []


def test_an_unknown_account_is_found_as_unknown_and_not_as_off(as_viewer, organization):
    for region in (REGION, OTHER_REGION):
        factories.regional(SEARCH, region, unknown_since=timezone.now())
    assert names(as_viewer, "?status=UNKNOWN") == ["search-prod"]
    assert names(as_viewer, "?status=DISABLED") == []
    assert names(as_viewer, "?group=something-off") == []


@pytest.mark.parametrize(
    "query",
    [
        "?group=none",
        "?region=mars-1",
        "?scan_type=EC3",
        "?status=OFF",
        "?state=odd",
        "?relationship=friend",
        "?gaps=many",
        "?severity=UNTRIAGED",
        "?account=1",
        f"?account={'9' * 12}",
        "?account=١٢٣٤٥٦٧٨٩٠١٢",
        "?sort=email",
        "?q=%00",
    ],
)
@pytest.mark.parametrize("page", [PAGE, PAGE + "export.csv"])
def test_what_is_not_understood_is_refused(as_viewer, organization, page, query):
    assert "The request was not understood" in read(as_viewer.get(page + query), 400).text


@pytest.mark.parametrize("query", ["?after=x", "?per=7", "?after=x&before=y"])
def test_places_that_do_not_exist_are_refused(as_viewer, organization, query):
    assert "The request was not understood" in read(as_viewer.get(PAGE + query), 400).text


def test_pages_follow_the_names_and_say_of_how_many(as_viewer, organization):
    for number in range(60):
        factories.account(f"{number:012}", f"a{number:02}")
    page = read(as_viewer.get(PAGE))
    assert "50 of 63 accounts" in page.text
    second = read(as_viewer.get(PAGE + page.links["Next"]))
    assert "13 of 63 accounts" in second.text
    both = page.column("Account id") + second.column("Account id")
    assert both == sorted(both)
    assert len(set(both)) == 63
    assert read(as_viewer.get(PAGE + second.links["Previous"])).column("Account id") == page.column("Account id")


def test_the_list_is_sorted_by_name_or_id_and_headings_keep_the_filters(as_viewer, organization):
    page = read(as_viewer.get(PAGE + "?q=prod"))
    assert page.links["id"] == "?q=prod&sort=id"
    assert names(as_viewer, "?sort=-id") == ["sandbox", "search-prod", "payments-prod"]
    assert names(as_viewer, "?sort=-name") == ["search-prod", "sandbox", "payments-prod"]


EVERY_SORT = ["name", "id", "relationship", "state", "EC2", "ECR", "LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY"]


@pytest.mark.parametrize("sort", [*EVERY_SORT, "gaps", "findings"])
def test_every_column_is_a_sort_that_pages_on_over_everything(as_viewer, organization, sort):
    for number in range(30):
        factories.scan_types(f"{number:012}", REGION, EC2="DISABLED" if number % 3 else "ENABLED")
    for direction in ("", "-"):
        address, seen = f"?per=25&sort={direction}{sort}", []
        while address:
            page = read(as_viewer.get(PAGE + address))
            seen += [cell.split()[-1] for cell in page.column("Account id")]
            address = page.links.get("Next", "")
        assert len(seen) == len(set(seen)) == 33


def test_columns_sort_what_needs_somebody_to_the_top(as_viewer, organization):
    one = factories.unmanaged_instance("one", account_id=SEARCH)
    other = factories.unmanaged_instance("other", account_id=PAYMENTS)
    factories.unmanaged_instance("more", account_id=PAYMENTS)
    factories.finding(one, "CRITICAL")
    for _ in range(12):
        factories.finding(other, "HIGH")
    assert names(as_viewer, "?sort=-ECR")[0] == "search-prod"
    assert names(as_viewer, "?sort=-LAMBDA") == ["search-prod", "payments-prod", "sandbox"]
    assert names(as_viewer, "?sort=-gaps") == ["payments-prod", "search-prod", "sandbox"]
    assert names(as_viewer, "?sort=-findings") == ["search-prod", "payments-prod", "sandbox"]
    assert names(as_viewer, "?sort=relationship")[-1] == "sandbox"
    assert names(as_viewer, "?sort=-state")[0] == "sandbox"
    since = timezone.now()
    for region in (REGION, OTHER_REGION):
        factories.regional(PAYMENTS, region, unknown_since=since)
    assert names(as_viewer, "?sort=-EC2") == ["payments-prod", "search-prod", "sandbox"]
    page = read(as_viewer.get(PAGE))
    assert page.links["EC2"] == "?sort=-EC2"
    assert page.links["state"] == "?sort=-state"


def test_a_departed_account_is_in_a_group_of_its_own(as_viewer, organization):
    factories.account("222200001111", "gone", departed_at=timezone.now())
    assert "gone" not in names(as_viewer)
    assert names(as_viewer, "?group=departed") == ["gone"]
    assert "gone" not in names(as_viewer, "?group=not-members")


def test_a_fragment_is_the_part_that_changes(as_viewer, organization):
    response = as_viewer.get(PAGE + "?group=something-off", headers=HTMX)
    html = response.content.decode()
    assert "<html" not in html
    assert '<div id="coverage">' in html
    assert response["HX-Push-Url"] == PAGE + "?group=something-off"
    assert 'hx-get="?group=not-members" hx-target="#coverage"' in html


def test_without_script_links_and_a_plain_form_do_the_same(as_viewer, organization):
    page = read(as_viewer.get(PAGE + f"?group=something-off&sort=-id&account={SEARCH}"))
    assert f'<form class="row" id="filters" method="get" action="{PAGE}"' in page.html
    assert '<noscript><button type="submit"' in page.html
    for name, value in (("group", "something-off"), ("sort", "-id"), ("account", SEARCH)):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page.html
    assert names(as_viewer, page.links["Not members 0"]) == []
    empty_fields = "?group=&q=&sort=&per=50"
    assert names(as_viewer, empty_fields) == names(as_viewer)


@pytest.mark.parametrize("count", [1, 40])
def test_the_number_of_queries_does_not_depend_on_the_accounts(
    as_viewer, organization, django_assert_num_queries, count
):
    for number in range(count):
        factories.scan_types(f"{number:012}")
        factories.unmanaged_instance(account_id=f"{number:012}")
    # Session, person; scopes twice, counters, when they were remembered; four for the tile; scan types,
    # settings, counts, accounts; and of these: Regions, scan types, locks, coverage, findings.
    with django_assert_num_queries(17):
        as_viewer.get(PAGE)


# --- People


def test_an_account_viewer_sees_and_counts_the_granted_account_alone(as_person, account_viewer, organization):
    client = as_person(account_viewer)
    page = read(client.get(PAGE))
    assert page.column("Account id") == [f"payments-prod {PAYMENTS}"]
    assert "All 1" in page.links
    assert "Something off 0" in page.links
    assert SEARCH not in page.html
    assert "of 1 member" in page.text
    assert read(client.get(PAGE + f"?account={SEARCH}"), 400)
    assert names(client, "?q=search") == []


def test_a_person_without_a_role_sees_nothing(as_person, nobody, organization):
    OrganizationSettings.objects.create(region=REGION, auto_enable={"ec2": True})
    page = read(as_person(nobody).get(PAGE))
    assert page.rows == []
    assert "Nothing here that you can see" in page.text
    assert "Automatic activation" not in page.text
    assert PAYMENTS not in page.html


def test_departed_accounts_are_not_listed(as_viewer, organization):
    factories.account(SEARCH, departed_at=timezone.now())
    assert names(as_viewer) == ["payments-prod", "sandbox"]


# --- The way in and out


def test_a_link_opened_without_a_session_leads_through_the_login_to_exactly_that_page(client, organization):
    assert isinstance(factories.person("late", role="viewer"), Person)
    address = PAGE + "?group=something-off&q=search"
    sent = client.get(address)
    assert sent.status_code == 302
    assert sent["Location"].startswith("/login/?next=")
    login = read(client.get(sent["Location"]))
    assert 'name="next" value="/coverage/accounts/?group=something-off&amp;q=search"' in login.html
    answer = client.post("/login/", {"username": "late", "password": factories.PASSWORD, "next": address})
    assert (answer.status_code, answer["Location"]) == (302, address)


def test_the_login_leads_nowhere_else(client, viewer):
    form = {"username": "viewer", "password": factories.PASSWORD, "next": "https://example.com/"}
    assert client.post("/login/", form)["Location"] == "/"


def test_logging_out_is_a_post_that_ends_the_session(as_viewer):
    assert as_viewer.get("/logout/").status_code == 405
    assert as_viewer.post("/logout/")["Location"] == "/login/"
    assert as_viewer.get(PAGE).status_code == 302
    assert as_viewer.post("/logout/")["Location"] == "/login/"
