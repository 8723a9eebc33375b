"""The lists as CSV: streamed, AWS' own values, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from accounts.models import Person
from coverage_site.exports import line_of, moment, safe_cell
from coverage_site.paging import Order, ordered, read_cursor, read_order, read_per_page
from scanning.columns import Sheet, counted_findings, metadata_value
from scanning.filters import CoverageFilters
from scanning.frame import Frame
from scanning.lists import in_group, narrowed_rows
from scanning.models import CoveredResource
from scanning.tables import SORTS
from scanning.tabs import CoverageTab, TabTable

ROWS_AT_ONCE = 1000

Value = Callable[[CoveredResource, Sheet], object]


def exported(tab: CoverageTab, filters: CoverageFilters, frame: Frame, person: Person) -> Iterator[str]:
    """The lines of the file, the heading first; of Lambda both tables, told apart by scan_type."""
    query = filters.query
    orders = {spec: read_order(query.get(f"{spec.prefix}sort", ""), SORTS, default="name") for spec in tab.tables}
    # A file has no pages, but an address that the page refuses is refused here, too.
    read_per_page(query.get("per", ""))
    for spec, order in orders.items():
        read_cursor(query.get(f"{spec.prefix}after", ""), query.get(f"{spec.prefix}before", ""), order)
    return _lines(tab, filters, frame, person, orders)


def _lines(
    tab: CoverageTab, filters: CoverageFilters, frame: Frame, person: Person, orders: Mapping[TabTable, Order]
) -> Iterator[str]:
    """Everything that can be refused was refused before: once the first line is out, the status is, too."""
    columns = {**COMMON, **OWN.get(tab.slug, OWN_OF_OTHERS)}
    yield line_of(columns)
    for spec, order in orders.items():
        rows = ordered(in_group(narrowed_rows(spec, filters, frame, person), filters.chosen_group), order)
        found = rows.iterator(chunk_size=ROWS_AT_ONCE)
        while chunk := list(islice(found, ROWS_AT_ONCE)):
            names = filters.accounts.named({row.account_id for row in chunk})
            sheet = Sheet(frame.freshness, names, counted_findings(person, chunk))
            for row in chunk:
                yield line_of([safe_cell(value(row, sheet)) for value in columns.values()])


def _metadata(*path: str) -> Value:
    return lambda row, sheet: metadata_value(row, *path)


def _finding(severity: str) -> Value:
    """Empty where it is not known: never scanned, or findings never read."""

    def count(row: CoveredResource, sheet: Sheet) -> object:
        counts = sheet.counts_of(row)
        unknown = not sheet.freshness.findings_are_known(row.region) or (not row.is_covered and not row.was_scanned)
        return "" if unknown and not any(counts.values()) else counts.get(severity, 0)

    return count


COMMON: Mapping[str, Value] = {
    "region": lambda row, sheet: row.region,
    "account_id": lambda row, sheet: row.account_id,
    "account_name": lambda row, sheet: sheet.names.get(row.account_id, ""),
    "resource_type": lambda row, sheet: row.resource_type,
    "resource_id": lambda row, sheet: row.resource_id,
    "name": lambda row, sheet: row.name,
    "scan_type": lambda row, sheet: row.scan_type,
    "status": lambda row, sheet: row.status.text,
    "status_code": lambda row, sheet: row.status_code,
    "reason": lambda row, sheet: row.status_reason,
    "group": lambda row, sheet: row.group,
    "last_scanned_at": lambda row, sheet: moment(row.last_scanned_at),
    "tags": lambda row, sheet: json.dumps(row.tags, ensure_ascii=False, sort_keys=True) if row.tags else "",
}
KNOWN_AS_OF: Mapping[str, Value] = {
    "not_scanned_since": lambda row, sheet: "" if row.is_covered else moment(row.not_scanned_since),
    "missing_since": lambda row, sheet: moment(row.missing_since),
}
FINDINGS: Mapping[str, Value] = {severity: _finding(severity) for severity in ("critical", "high", "medium", "low")}
OWN: dict[str, Mapping[str, Value]] = {
    "instances": {
        "platform": lambda row, sheet: row.platform,
        "scan_mode": lambda row, sheet: row.scan_mode,
        "ami_id": _metadata("ec2", "amiId"),
        **KNOWN_AS_OF,
        **FINDINGS,
    },
    "repositories": {"scan_frequency": lambda row, sheet: row.scan_frequency, **KNOWN_AS_OF},
    "images": {
        "repository_name": _metadata("ecrRepository", "name"),
        "scan_frequency": lambda row, sheet: row.scan_frequency,
        "in_use_count": _metadata("ecrImage", "inUseCount"),
        **KNOWN_AS_OF,
        **FINDINGS,
    },
    "lambda": {"runtime": _metadata("lambdaFunction", "runtime"), **KNOWN_AS_OF, **FINDINGS},
    "code-repositories": {
        "provider_type": _metadata("codeRepository", "providerType"),
        "last_scanned_commit_id": _metadata("codeRepository", "lastScannedCommitId"),
        **KNOWN_AS_OF,
        **FINDINGS,
    },
    "machine-images": {"platform": lambda row, sheet: row.platform, **KNOWN_AS_OF, **FINDINGS},
}
OWN_OF_OTHERS: Mapping[str, Value] = {
    "platform": lambda row, sheet: row.platform,
    "scan_frequency": lambda row, sheet: row.scan_frequency,
    **KNOWN_AS_OF,
    **FINDINGS,
}
