"""The page of one account, and the file of all of them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountChange, ScanTypeStatus
from tests import factories
from tests.factories import OTHER_REGION, PAYMENTS, REGION, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

PAGE = f"/accounts/{PAYMENTS}/"
EXPORT = "/coverage/accounts/export.csv"
SCAN_TYPES = ["ec2", "ecr", "lambda", "lambda_code", "code_repository"]
FIRST = ["region", "account_id", "account_name", "relationship", "state", "email", "organizational_unit"]


@pytest.fixture(autouse=True)
def _organization(db):
    """Two members in two Regions; in one of them a scan type is off."""
    factories.read(REGION)
    factories.read(OTHER_REGION)
    factories.administered()
    for account_id in (PAYMENTS, SEARCH):
        factories.scan_types(account_id, REGION)
        factories.scan_types(account_id, OTHER_REGION, ECR="DISABLED")


def matrix(client, address=PAGE):
    """Row → Region → cell."""
    return {row.pop("Scan type"): row for row in read(client.get(address)).rows}


def exported(client, query=""):
    response = client.get(EXPORT + query)
    assert response.status_code == 200
    assert response.streaming
    content = b"".join(response.streaming_content).decode()
    return response, content, list(csv.DictReader(io.StringIO(content, newline="")))


# --- One account


def test_the_page_says_what_organizations_knows(as_viewer):
    factories.account(
        PAYMENTS, email="pay@example.com", state="ACTIVE", organizational_unit="o-1/r-1/ou-7", joined_at=timezone.now()
    )
    text = read(as_viewer.get(PAGE)).text
    for words in ("payments-prod", PAYMENTS, "pay@example.com", "State Active", "o-1/r-1/ou-7", "Joined"):
        assert words in text


def test_the_matrix_has_a_cell_for_each_scan_type_and_region(as_viewer):
    changed = timezone.now() - timedelta(days=2)
    ScanTypeStatus.objects.filter(account_id=PAYMENTS, region=OTHER_REGION, scan_type="ECR").update(
        changed_at=changed, error_code="BLOCKED_BY_ORGANIZATION_POLICY", error_message="A policy forbids it"
    )
    cells = matrix(as_viewer)
    assert cells["Relationship"] == {REGION: "Member", OTHER_REGION: "Member"}
    assert cells["EC2"] == {REGION: "Activated", OTHER_REGION: "Activated"}
    assert cells["ECR"][REGION] == "Activated"
    assert (
        cells["ECR"][OTHER_REGION]
        == "Deactivated since 2 days ago Locked by an organization policy: A policy forbids it"
        " Whoever keeps that policy in AWS Organizations can change it."
    )
    ScanTypeStatus.objects.filter(error_code__startswith="BLOCKED").update(error_code="SSM_UNAVAILABLE")
    assert matrix(as_viewer)["ECR"][OTHER_REGION].endswith("SSM_UNAVAILABLE: A policy forbids it")


def test_unknown_is_told_with_time_reason_and_what_was_last_known(as_viewer):
    since = timezone.now() - timedelta(days=3)
    factories.regional(PAYMENTS, OTHER_REGION, unknown_since=since, error_code="ACCESS_DENIED", error_message="no role")
    cells = matrix(as_viewer)
    assert cells["ECR"][OTHER_REGION] == "Unknown last known: Deactivated"
    assert cells["ECR"][REGION] == "Activated"
    assert "Status unknown since" in cells["Relationship"][OTHER_REGION]
    assert "(3 days ago)" in cells["Relationship"][OTHER_REGION]
    assert cells["Relationship"][OTHER_REGION].endswith("ACCESS_DENIED: no role")


def test_network_reachability_is_told_region_by_region(as_viewer):
    factories.resource("AWS_ACCOUNT", PAYMENTS, scan_type="NETWORK")
    cells = matrix(as_viewer)["Network reachability"]
    assert cells[REGION] == "Actively monitoring"
    assert cells[OTHER_REGION] == "—"


def test_coverage_is_counted_by_tab_with_links_to_the_lists(as_viewer):
    factories.instance("fine", scanned=timezone.now())
    factories.unmanaged_instance("broken")
    factories.unmanaged_instance("foreign", account_id=SEARCH)
    factories.resource("AWS_ACCOUNT", PAYMENTS, scan_type="NETWORK")
    page = read(as_viewer.get(PAGE))
    assert page.tables[2] == [{"Type": "Instances", "Listed": "2", "Not covered": "1", "Fixable": "1"}]
    assert page.links["Instances"] == f"/coverage/instances/?account={PAYMENTS}"
    assert page.links["1"] == f"/coverage/instances/?account={PAYMENTS}&kind=fix"
    assert len(read(as_viewer.get(page.links["Instances"])).rows) == 2


def test_history_is_told_in_words_newest_first_and_of_this_account_alone(as_viewer):
    now = timezone.now()
    changes = [
        (PAYMENTS, REGION, "ECR", "ENABLED", "DISABLED", 3),
        (PAYMENTS, "", "organizational_unit", "o-1/r-1/ou-7", "o-1/r-1/ou-8", 2),
        (PAYMENTS, OTHER_REGION, "relationship", "", "ENABLED", 1),
        (SEARCH, REGION, "EC2", "ENABLED", "SUSPENDED", 1),
    ]
    for account_id, region, field, before, after, days in changes:
        AccountChange.objects.create(
            account_id=account_id,
            region=region,
            field=field,
            from_value=before,
            to_value=after,
            at=now - timedelta(days=days),
        )
    text = read(as_viewer.get(PAGE)).text
    lines = [
        "Relationship in eu-west-1: Not a member → Member",
        "Organizational unit: o-1/r-1/ou-7 → o-1/r-1/ou-8",
        "ECR in us-east-1: Activated → Deactivated",
    ]
    places = [text.index(line) for line in lines]
    assert places == sorted(places)
    assert "Suspended" not in text


def test_only_the_latest_changes_are_shown(as_viewer):
    for number in range(60):
        AccountChange.objects.create(account_id=PAYMENTS, field="state", to_value=f"S{number:02}", at=timezone.now())
    text = read(as_viewer.get(PAGE)).text
    assert text.count("State: ") == 50
    assert "→ S59" in text
    assert "→ S09" not in text


def test_a_departed_account_keeps_its_page(as_viewer):
    factories.account(PAYMENTS, departed_at=timezone.now())
    assert "Not in the organization since" in read(as_viewer.get(PAGE)).text


def test_what_aws_sends_stays_text(as_viewer):
    factories.account(PAYMENTS, name="<script>alert(1)</script>")
    factories.regional(PAYMENTS, unknown_since=timezone.now(), error_code='"><b>', error_message="<i>")
    for address in (PAGE, "/coverage/accounts/"):
        html = read(as_viewer.get(address)).html
        assert "<script>alert" not in html
        assert '"><b>' not in html


@pytest.mark.parametrize(
    "account_id", [SEARCH, "9" * 12, "1", "1" * 13, "١٢٣٤٥٦٧٨٩٠١٢", "abcdefghijkl", f"{PAYMENTS}%0A", "%00"]
)
def test_foreign_missing_and_impossible_accounts_are_the_same_404(as_person, account_viewer, account_id):
    page = read(as_person(account_viewer).get(f"/accounts/{account_id}/"), 404)
    assert "There is nothing here that you can see" in page.text
    assert "search-prod" not in page.html


def test_an_account_viewer_sees_the_granted_account_and_nobody_sees_none(as_person, account_viewer, nobody):
    assert matrix(as_person(account_viewer))["EC2"][REGION] == "Activated"
    read(as_person(nobody).get(PAGE), 404)


def test_the_number_of_queries_is_fixed(as_viewer, django_assert_num_queries):
    for number in range(20):
        factories.unmanaged_instance(f"i{number}")
        AccountChange.objects.create(account_id=PAYMENTS, field="state", at=timezone.now())
    # Session, person; the account, scopes twice; Regions, scan types, coverage, findings;
    # further scan types, network reachability, history.
    with django_assert_num_queries(13):
        as_viewer.get(PAGE)


# --- The file


def test_the_file_has_a_row_for_each_account_and_region_in_aws_own_words(as_viewer):
    factories.account(PAYMENTS, email="pay@example.com", state="ACTIVE", organizational_unit="o-1/r-1/ou-7")
    response, content, rows = exported(as_viewer)
    assert "attachment; filename=" in response["Content-Disposition"]
    assert content.splitlines()[0].split(",") == [*FIRST, *SCAN_TYPES, "status", "error", "unknown_since"]
    assert [(row["account_id"], row["region"]) for row in rows] == [
        (account_id, region) for account_id in (PAYMENTS, SEARCH) for region in (REGION, OTHER_REGION)
    ]
    first = rows[1]
    assert (first["account_name"], first["state"], first["email"]) == ("payments-prod", "ACTIVE", "pay@example.com")
    assert first["organizational_unit"] == "o-1/r-1/ou-7"
    assert [first[name] for name in SCAN_TYPES] == ["ENABLED", "DISABLED", "ENABLED", "ENABLED", "ENABLED"]


def test_the_file_tells_unknown_and_not_a_member_apart(as_viewer):
    factories.account("777788889999", "sandbox")
    factories.regional(SEARCH, REGION, unknown_since=timezone.now(), error_code="ACCESS_DENIED", error_message="no")
    rows = {(row["account_id"], row["region"]): row for row in exported(as_viewer)[2]}
    assert rows[SEARCH, REGION]["ec2"] == rows[SEARCH, REGION]["status"] == "UNKNOWN"
    assert rows[SEARCH, REGION]["error"] == "ACCESS_DENIED: no"
    assert rows["777788889999", REGION]["relationship"] == "Not a member"
    assert rows["777788889999", REGION]["ec2"] == ""


def test_the_file_follows_the_filters(as_viewer):
    rows = exported(as_viewer, f"?region={OTHER_REGION}&group=something-off&account={SEARCH}")[2]
    assert [(row["account_id"], row["region"]) for row in rows] == [(SEARCH, OTHER_REGION)]


def test_no_cell_is_a_formula(as_viewer):
    factories.account(PAYMENTS, name="=cmd|' /C calc'!A0", email="+1@example.com")
    row = exported(as_viewer)[2][0]
    assert row["account_name"] == "'=cmd|' /C calc'!A0"
    assert row["email"] == "'+1@example.com"


def test_the_file_holds_what_the_person_may_see(as_person, account_viewer, nobody):
    assert {row["account_id"] for row in exported(as_person(account_viewer))[2]} == {PAYMENTS}
    assert exported(as_person(nobody))[2] == []


def test_the_queries_of_a_file_do_not_grow_with_the_accounts(as_viewer, django_assert_max_num_queries):
    for number in range(60):
        factories.scan_types(f"{number:012}")
    with django_assert_max_num_queries(11):
        assert len(exported(as_viewer)[2]) == 2 * 62
