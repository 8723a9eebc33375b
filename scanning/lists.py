"""A tab's lists as a page shows them: rows, counts, order and neighbours, narrowed to what the person may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from accounts.models import Person
from coverage_site.drawing import noun_for
from coverage_site.links import changed
from coverage_site.paging import Page, page_of, read_cursor, read_order, read_per_page
from scanning.choices import Group
from scanning.columns import Sheet, counted_findings
from scanning.filters import FROM_THE_FIRST_PAGE, AccountChoices, CoverageFilters, reason_or_status, status_label
from scanning.frame import Frame
from scanning.models import CoveredResource, CoveredResourceQuerySet
from scanning.statuses import Status, statuses_with
from scanning.tables import SORTS, TABLES, CoverageTable, OtherTable
from scanning.tabs import ALL, CoverageTab, TabTable


@dataclass(frozen=True)
class TabList:
    """One table of a tab, with its counts and its neighbouring pages."""

    spec: TabTable
    table: CoverageTable
    counts: Mapping[str, int]
    listed: int
    total: int
    is_read: bool
    first_page: str
    previous: str
    next: str

    @property
    def total_in_words(self) -> str:
        return f"{self.total:,} {noun_for(self.total, self.spec.noun)}"

    @property
    def listed_in_words(self) -> str:
        return f"{self.listed:,} {noun_for(self.listed, self.spec.noun)}"

    @property
    def noun(self) -> str:
        return noun_for(self.total, self.spec.noun)

    @property
    def shown(self) -> int:
        return len(self.table.data.data)


@dataclass(frozen=True)
class GroupLink:
    value: str
    label: str
    address: str
    count: str
    meaning: str


@dataclass(frozen=True)
class About:
    """What the panel beside the list says of one status."""

    label: str
    statuses: Sequence[Status]
    only_these: str
    close: str


def read_filters(tab: CoverageTab, query: Any, frame: Frame, person: Person) -> CoverageFilters:
    """The filters that the address names. Raises BadRequest for what it does not understand."""
    keys = frame.totals.status_keys(tab)
    filters = CoverageFilters(query, tab, AccountChoices(person), frame.freshness.regions, keys)
    filters.require()
    return filters


def narrowed_rows(spec: TabTable, filters: CoverageFilters, frame: Frame, person: Person) -> CoveredResourceQuerySet:
    """The rows of one table that the filters let through, in every group."""
    rows = CoveredResource.objects.visible_to(person).present().of_table(spec)
    return filters.narrow(rows, frame.freshness.now)


def in_group(rows: CoveredResourceQuerySet, group: str) -> CoveredResourceQuerySet:
    return rows if group == ALL else rows.in_group(group)


def read_lists(tab: CoverageTab, filters: CoverageFilters, frame: Frame, person: Person) -> list[TabList]:
    """Every table of the tab: rows first, then what is drawn beside them, once for all tables."""
    per_page = read_per_page(filters.query.get("per", ""))
    narrowed = [narrowed_rows(spec, filters, frame, person) for spec in tab.tables]
    pages = [
        _page(spec, in_group(rows, filters.chosen_group), filters, per_page)
        for spec, rows in zip(tab.tables, narrowed, strict=True)
    ]
    shown = [row for _, page in pages for row in page.rows]
    sheet = Sheet(
        freshness=frame.freshness,
        names=filters.accounts.named({row.account_id for row in shown}),
        findings=counted_findings(person, shown),
        query=filters.query,
        about=filters.query.get("about", ""),
    )
    return [
        _list(TABLES.get(tab.slug, OtherTable), spec, rows, order, page, filters, frame, sheet)
        for spec, rows, (order, page) in zip(tab.tables, narrowed, pages, strict=True)
    ]


def _page(spec: TabTable, rows: CoveredResourceQuerySet, filters: CoverageFilters, per_page: int) -> Any:
    query, prefix = filters.query, spec.prefix
    order = read_order(query.get(f"{prefix}sort", ""), SORTS, default="name")
    cursor = read_cursor(query.get(f"{prefix}after", ""), query.get(f"{prefix}before", ""), order)
    return order, page_of(rows, order, cursor, per_page)


def _list(
    columns: type[CoverageTable],
    spec: TabTable,
    rows: CoveredResourceQuerySet,
    order: Any,
    page: Page[CoveredResource],
    filters: CoverageFilters,
    frame: Frame,
    sheet: Sheet,
) -> TabList:
    counts = _counts(spec, rows, filters, frame)
    after, before = f"{spec.prefix}after", f"{spec.prefix}before"
    table = columns(
        page.rows, sheet, order=order, status_label=reason_or_status(filters.chosen_group), query_prefix=spec.prefix
    )
    return TabList(
        spec=spec,
        table=table,
        counts=counts,
        listed=frame.totals.of_table(spec).listed,
        total=sum(counts.values()) if filters.chosen_group == ALL else counts.get(filters.chosen_group, 0),
        is_read=frame.freshness.has_read(spec.resource_types, frame.freshness.regions),
        first_page=changed(filters.query, {after: None, before: None}),
        previous=changed(filters.query, {before: page.previous, after: None}) if page.previous else "",
        next=changed(filters.query, {after: page.next, before: None}) if page.next else "",
    )


def _counts(spec: TabTable, rows: CoveredResourceQuerySet, filters: CoverageFilters, frame: Frame) -> Mapping[str, int]:
    """Rows by group: from the counters where these know all that is filtered by, else counted."""
    if filters.counters_suffice:
        chosen = filters.cleaned_data
        totals = frame.chosen_totals.of_table(spec).narrowed((), chosen["status"], chosen["kind"])
        return totals.by_group()
    return dict(rows.order_by().values_list("group").annotate(Count("id")))


MEANINGS: Mapping[str, str] = {
    Group.SCANNING: "What Inspector monitors and scans now, or will by itself",
    Group.NOT_SCANNING: "What Inspector lists and does not monitor and scan now; each with its reason",
    Group.ACTIVATED: "Repositories that Inspector is configured to monitor and scan",
    Group.NOT_ACTIVATED: "Repositories that Inspector is not configured to monitor and scan; each with its reason",
}
"""What a group holds, told on hover and to screen readers."""


def group_links(tab: CoverageTab, filters: CoverageFilters, lists: Sequence[TabList]) -> list[GroupLink]:
    """The groups, each with how many rows the filters leave in it: one number a table."""
    links = []
    for value, label in ((ALL, "All"), *((group.value, str(group.label)) for group in tab.groups)):
        counts = [sum(a.counts.values()) if value == ALL else a.counts.get(value, 0) for a in lists]
        address = changed(filters.query, {"group": value, "about": None, **FROM_THE_FIRST_PAGE})
        number = " + ".join(f"{count:,}" for count in counts)
        links.append(GroupLink(value, label, address, number, MEANINGS.get(value, "")))
    return links


def status_counts(tab: CoverageTab, filters: CoverageFilters, frame: Frame) -> Counter[str]:
    """The statuses that occur in the chosen accounts, Regions and group, each with how often."""
    group = "" if filters.chosen_group == ALL else filters.chosen_group
    counts: Counter[str] = Counter()
    for spec in tab.tables:
        counts += frame.chosen_totals.of_table(spec).by_status(group)
    return counts


def about(tab: CoverageTab, filters: CoverageFilters) -> About | None:
    """What the address asks to have explained."""
    chosen = filters.cleaned_data["about"]
    if not chosen:
        return None
    key = chosen[-1]
    label = status_label(tab, key)
    unknown = Status(key, label, "", "", "", "Not documented in this release.", "", "")
    return About(
        label=label,
        statuses=statuses_with(tab.status_tab, key) or (unknown,),
        only_these=changed(filters.query, {"status": key, **FROM_THE_FIRST_PAGE}),
        close=changed(filters.query, {"about": None}),
    )


def is_uncovered(group: str) -> bool:
    return group in {Group.NOT_SCANNING, Group.NOT_ACTIVATED}
