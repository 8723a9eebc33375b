"""Exports: AWS' own values, complete, streamed, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from coverage_site.exports import RISKY, safe_cell
from tests import factories

pytestmark = pytest.mark.django_db

COMMON = [
    "region",
    "account_id",
    "account_name",
    "resource_type",
    "resource_id",
    "name",
    "scan_type",
    "status",
    "status_code",
    "reason",
    "group",
    "last_scanned_at",
    "tags",
]
OWN = {
    "instances": ["platform", "scan_mode", "ami_id"],
    "repositories": ["scan_frequency"],
    "images": ["repository_name", "scan_frequency", "in_use_count"],
    "lambda": ["runtime"],
    "code-repositories": ["provider_type", "last_scanned_commit_id"],
    "machine-images": ["platform"],
    "azure": ["platform", "scan_frequency"],
    "gcp": ["platform", "scan_frequency"],
    "other": ["platform", "scan_frequency"],
}


@pytest.fixture(autouse=True)
def _read(db):
    factories.read()


def exported(client, tab="instances", query=""):
    response = client.get(f"/coverage/{tab}/export.csv{query}")
    assert response.status_code == 200
    assert response.streaming
    content = b"".join(response.streaming_content).decode()
    return response, content, list(csv.DictReader(io.StringIO(content, newline="")))


def test_a_row_holds_what_aws_says_in_aws_own_words(as_viewer):
    scanned = datetime(2026, 11, 15, 14, 2, tzinfo=UTC)
    row = factories.instance(
        "web", tags={"Env": "prod"}, scanned=scanned, code="INACTIVE", reason="STALE_INVENTORY", platform="LINUX"
    )
    factories.finding(row, "CRITICAL")
    _, _, [line] = exported(as_viewer)
    assert line | {"missing_since": ""} == {
        "region": "us-east-1",
        "account_id": "111122223333",
        "account_name": "payments-prod",
        "resource_type": "AWS_EC2_INSTANCE",
        "resource_id": row.resource_id,
        "name": "web",
        "scan_type": "PACKAGE",
        "status": "Stale inventory",
        "status_code": "INACTIVE",
        "reason": "STALE_INVENTORY",
        "group": "not-scanning",
        "last_scanned_at": "2026-11-15T14:02:00Z",
        "tags": '{"Env": "prod", "Name": "web"}',
        "platform": "LINUX",
        "scan_mode": "EC2_SSM_AGENT_BASED",
        "ami_id": "ami-0c1b2a39485766554",
        "not_scanned_since": "2026-11-15T14:02:00Z",
        "missing_since": "",
        "critical": "1",
        "high": "0",
        "medium": "0",
        "low": "0",
    }
    assert json.loads(line["tags"]) == {"Name": "web", "Env": "prod"}


@pytest.mark.parametrize("tab", OWN)
def test_each_tab_has_the_common_columns_and_its_own(as_viewer, tab):
    _, content, _ = exported(as_viewer, tab)
    heading = content.splitlines()[0].split(",")
    assert heading[: len(COMMON)] == COMMON
    assert heading[len(COMMON) :][: len(OWN[tab])] == OWN[tab]


def test_lambda_exports_both_tables_told_apart_by_scan_type(as_viewer):
    factories.function("resize")
    factories.function("resize", scan_type="CODE")
    _, _, lines = exported(as_viewer, "lambda")
    assert [(line["name"], line["scan_type"]) for line in lines] == [("resize", "PACKAGE"), ("resize", "CODE")]


def test_the_file_is_named_after_tab_and_day(as_viewer):
    response, _, _ = exported(as_viewer, "images")
    day = timezone.now().date().isoformat()
    assert response["Content-Disposition"] == f'attachment; filename="coverage-images-{day}.csv"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("first", [first for first in RISKY if first != "\0"])
def test_no_cell_begins_as_a_formula_does(as_viewer, first):
    hostile = f"{first}cmd|' /C calc'!A0"
    factories.instance(hostile)
    _, _, [line] = exported(as_viewer)
    assert line["name"].startswith("'")
    for cell in line.values():
        assert not cell.startswith(RISKY)


def test_a_cell_that_begins_with_nul_is_defused():
    assert safe_cell("\0=1") == "'\N{REPLACEMENT CHARACTER}=1"


@pytest.mark.parametrize("text", ["plain", "a=b", "1-2", "né", "a\x00b", "", "two\nlines", 'quo"te', "a,b"])
def test_harmless_text_comes_out_as_it_went_in(text):
    assert safe_cell(text) == text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def test_commas_quotes_and_line_ends_survive(as_viewer):
    name = 'a "quoted", name\r\nwith lines'
    factories.instance(name, tags={"k": 'v,"w"'})
    _, content, [line] = exported(as_viewer)
    assert line["name"] == name
    assert json.loads(line["tags"])["k"] == 'v,"w"'
    assert content.endswith("\r\n")


def test_a_semicolon_ends_no_cell_where_a_spreadsheet_separates_by_semicolons(as_viewer):
    factories.instance("a;=1+1")
    _, content, [line] = exported(as_viewer)
    assert line["name"] == "a;=1+1"
    assert ',"a;=1+1",' in content


def test_what_is_not_known_is_empty_and_not_zero(as_viewer):
    factories.unmanaged_instance("never")
    factories.instance("unread", region=factories.OTHER_REGION, scanned=timezone.now())
    _, _, lines = exported(as_viewer)
    assert [line["critical"] for line in lines] == ["", ""]


def test_an_export_is_not_limited_to_a_page_and_keeps_group_and_order(as_viewer, django_assert_num_queries):
    for number in range(210):
        factories.unmanaged_instance(f"web-{number:03}")
    factories.instance("fine")
    _, _, lines = exported(as_viewer, query="?group=not-scanning&sort=-name&per=25")
    assert [line["name"] for line in lines] == [f"web-{number:03}" for number in reversed(range(210))]
    with django_assert_num_queries(8):
        exported(as_viewer)


@pytest.mark.parametrize("query", ["after=garbage", "before=x", "per=-1", "per=7", "code-after=garbage"])
@pytest.mark.parametrize("tab", ["instances", "lambda", "accounts"])
def test_a_file_refuses_the_places_that_its_page_refuses(as_viewer, tab, query):
    if query.startswith("code-") and tab != "lambda":
        return
    assert as_viewer.get(f"/coverage/{tab}/?{query}").status_code == 400
    assert as_viewer.get(f"/coverage/{tab}/export.csv?{query}").status_code == 400
