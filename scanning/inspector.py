"""Inspector's list calls for coverage and findings: filters in, pages of AWS' own dicts out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from aws.decoding import clean
from aws.paging import MOST_PAGES, pages

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

Item = dict[str, Any]

COVERAGE_PAGE = 200
FINDINGS_PAGE = 100
SPARE_PAGES = 1000
LONGEST_KEY = 100
IDS_A_CALL = 10
"""How many values one filter takes."""


def coverage_totals(client: Inspector2Client) -> dict[str, int]:
    """Resource type → number of coverage rows (resources × scan types), from ListCoverageStatistics."""
    return _totals(client, "RESOURCE_TYPE")


def coverage_reasons(client: Inspector2Client, resource_type: str) -> dict[str, int]:
    """Reason of the status → number of coverage rows of one resource type, from ListCoverageStatistics."""
    return _totals(client, "SCAN_STATUS_REASON", filterCriteria={"resourceType": [_equals(resource_type)]})


def _totals(client: Inspector2Client, group_by: str, **parameters: Any) -> dict[str, int]:
    totals: dict[str, int] = {}
    for page in pages(client, "list_coverage_statistics", "countsByGroup", groupBy=group_by, **parameters):
        for group in page:
            key = str(clean(group.get("groupKey") or ""))[:LONGEST_KEY]
            totals[key] = totals.get(key, 0) + int(group["count"])
    return totals


def list_coverage(client: Inspector2Client, resource_type: str, expected: int | None = None) -> Iterator[list[Item]]:
    """Every coverage row of one resource type, page by page: not many more pages than the `expected` rows fill.

    AWS may fill its pages badly. Twice as many, and then some, are a list that does not end.
    """
    criteria = {"resourceType": [_equals(resource_type)]}
    most_pages = MOST_PAGES if expected is None else 2 * -(-expected // COVERAGE_PAGE) + SPARE_PAGES
    yield from pages(
        client,
        "list_coverage",
        "coveredResources",
        most_pages=most_pages,
        filterCriteria=criteria,
        maxResults=COVERAGE_PAGE,
    )


def list_coverage_of(client: Inspector2Client, resource_type: str, resource_ids: Sequence[str]) -> Iterator[list[Item]]:
    """The coverage rows of the named resources."""
    for some in batches(resource_ids, IDS_A_CALL):
        criteria = {"resourceType": [_equals(resource_type)], "resourceId": [_equals(one) for one in some]}
        yield from pages(client, "list_coverage", "coveredResources", filterCriteria=criteria, maxResults=COVERAGE_PAGE)


def list_open_findings(client: Inspector2Client) -> Iterator[list[Item]]:
    """Every finding that is active or suppressed."""
    yield from _findings(client, {"findingStatus": [_equals("ACTIVE"), _equals("SUPPRESSED")]})


def list_findings_updated_since(client: Inspector2Client, since: datetime) -> Iterator[list[Item]]:
    """Every finding, closed ones too, that AWS changed since then."""
    yield from _findings(client, {"updatedAt": [{"startInclusive": since}]})


def list_findings_named(client: Inspector2Client, arns: Sequence[str]) -> Iterator[list[Item]]:
    for some in batches(arns, IDS_A_CALL):
        yield from _findings(client, {"findingArn": [_equals(one) for one in some]})


def _findings(client: Inspector2Client, criteria: dict[str, Any]) -> Iterator[list[Item]]:
    yield from pages(client, "list_findings", "findings", filterCriteria=criteria, maxResults=FINDINGS_PAGE)


def _equals(value: str) -> dict[str, str]:
    return {"comparison": "EQUALS", "value": value}


def batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while some := list(islice(remaining, size)):
        yield some
