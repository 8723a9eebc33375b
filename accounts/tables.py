"""The list of accounts: its columns, and how a fact of an account is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.choices import AccountState, Status
from accounts.forms import scan_type_label
from accounts.lists import Sheet
from accounts.models import AwsAccount, RegionalAccount, ScanTypeStatus
from accounts.orders import FINDINGS, GAPS, RELATIONSHIP, STATE, sorts_for
from coverage_site.drawing import NOTHING, absolute, account_url, age_words, draw_severities, markup
from coverage_site.links import changed
from coverage_site.paging import Heading, Order, sorting

UNKNOWN = "UNKNOWN"
STYLES = {
    Status.ENABLED: "state quiet",
    Status.ENABLING: "state move",
    Status.DISABLING: "state move",
    Status.SUSPENDING: "state move",
    Status.DISABLED: "state off",
    Status.SUSPENDED: "state off",
}
UNUSUAL = "state unknown"
WORST_FIRST = ("state off", UNUSUAL, "state move", "state quiet")

Draw = Callable[[AwsAccount, Sheet], SafeString]


@dataclass(frozen=True)
class Column:
    label: str
    draw: Draw
    sort: str
    css: str = ""
    second: str = ""
    """The name of a second sort, where a cell holds two facts; it is the link's text, too."""


@dataclass(frozen=True)
class AccountTable:
    rows: Sequence[AwsAccount]
    sheet: Sheet
    order: Order
    scan_types: Sequence[str]
    is_selectable: bool = False

    @property
    def columns(self) -> list[Column]:
        return [
            Column("Account", selectable_account if self.is_selectable else account, sort="name", second="id"),
            Column("Relationship", relationship, css="fix", sort=RELATIONSHIP, second=STATE),
            *(
                Column(scan_type_label(name), scan_type_cell(name), css="state-of", sort=name)
                for name in self.scan_types
            ),
            Column("Gaps", gaps, sort=GAPS),
            Column("Findings", findings, css="findings", sort=FINDINGS),
        ]

    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.columns]

    def _heading(self, column: Column) -> Heading:
        sorts = sorts_for(self.scan_types)
        first = sorting(column.label, sorts[column.sort], self.order, self.sheet.query, css=column.css)
        if not column.second:
            return first
        return replace(first, second=sorting(column.second, sorts[column.second], self.order, self.sheet.query))

    def body(self) -> SafeString:
        columns = self.columns
        return SafeString("\n".join(self._line(row, columns) for row in self.rows))

    def _line(self, row: AwsAccount, columns: Sequence[Column]) -> str:
        cells = [markup('<td class="{}">{}</td>', column.css, column.draw(row, self.sheet)) for column in columns]
        return f"<tr>{''.join(cells)}</tr>"


# --- Cells


def account(row: AwsAccount, sheet: Sheet) -> SafeString:
    shape = '<a href="{}">{}</a><br><span class="id quiet">{}</span>'
    return markup(shape, account_url(row.account_id), row.name or "Name not known", row.account_id)


def selectable_account(row: AwsAccount, sheet: Sheet) -> SafeString:
    shape = '<input type="checkbox" name="account" value="{}" form="selection" aria-label="Select {}"> {}'
    return markup(shape, row.account_id, row.label, account(row, sheet))


def relationship(row: AwsAccount, sheet: Sheet) -> SafeString:
    """What the account is to the delegated administrator; told apart where Regions differ. Its state, if unusual."""
    by_region = sheet.relationships(row.account_id)
    labels = list(dict.fromkeys(by_region.values()))
    if not labels:
        drawn = markup('<span class="state unknown" title="{}">{}</span>', "Members were not read yet", "Unknown")
    elif len(labels) == 1:
        drawn = markup("{}", labels[0])
    else:
        counted = ((label, sum(of == label for of in by_region.values())) for label in labels)
        words = (f"{label} in {count} of {len(by_region)} Regions" for label, count in counted)
        drawn = markup('<a href="{}">{}</a>', account_url(row.account_id) + "#activation", "; ".join(words))
    below = [] if row.state in {"", AccountState.ACTIVE} else [f"{row.state_label} in Organizations"]
    below += _unknown_in_words(row.account_id, sheet)
    return drawn + SafeString("".join(markup('<br><small class="quiet">{}</small>', words) for words in below))


def _unknown_in_words(account_id: str, sheet: Sheet) -> list[str]:
    """Since when Inspector does not tell what is activated, and why: once, not in each cell."""
    rows = sheet.associated(account_id)
    unknown = {row.region: row.unknown_since for row in rows if row.unknown_since}
    if not unknown:
        return []
    where = "" if len(unknown) == len(rows) else f" in {', '.join(unknown)}"
    reason = next((row.error_code for row in rows if row.unknown_since and row.error_code), "not told")
    return [f"Status unknown{where} for {age_words(sheet.now - min(unknown.values()))}: {reason}"]


def scan_type_cell(scan_type: str) -> Draw:
    """The cell of one scan type: one word where all Regions agree, else how they differ."""

    def draw(row: AwsAccount, sheet: Sheet) -> SafeString:
        rows = sheet.associated(row.account_id)
        if not rows:
            return NOTHING if sheet.relationships(row.account_id) else draw_label(UNKNOWN)
        states = states_of(row.account_id, rows, scan_type, sheet)
        unknown = next((regional for regional in rows if regional.unknown_since), None)
        if not states:
            return NOTHING
        if unknown and set(states.values()) == {UNKNOWN}:
            status, title = UNKNOWN, _unknown(unknown, sheet.statuses.get((row.account_id, unknown.region, scan_type)))
        elif len(set(states.values())) == 1:
            status, title = next(iter(states.values())), ""
        else:
            style, words, title = _differing(states)
            return _opening(row.account_id, scan_type, style, words + _locked(row, scan_type, sheet), title)
        words = markup("{}", label_of(status)) + _locked(row, scan_type, sheet)
        return _opening(row.account_id, scan_type, style_of(status), words, title)

    return draw


def _locked(row: AwsAccount, scan_type: str, sheet: Sheet) -> SafeString:
    """That an organization policy locks it somewhere. How we know, and what to do, is said Region by Region."""
    locks = {region: sheet.locks.get((row.account_id, region, scan_type)) for region in sheet.scopes.regions}
    told = "; ".join(f"{region}: {lock}" for region, lock in locks.items() if lock)
    return markup('<br><small class="quiet" title="{}">locked by a policy</small>', told) if told else SafeString("")


def states_of(account_id: str, rows: Iterable[RegionalAccount], scan_type: str, sheet: Sheet) -> dict[str, str]:
    """Region → status, UNKNOWN where Inspector refuses to tell. A Region without this scan type is left out."""
    states = {}
    for row in rows:
        told = sheet.statuses.get((account_id, row.region, scan_type))
        if row.unknown_since:
            states[row.region] = UNKNOWN
        elif told is not None:
            states[row.region] = told.status
    return states


def label_of(status: str) -> str:
    if status == UNKNOWN:
        return "Unknown"
    return str(Status(status).label) if status in Status else status


def style_of(status: str) -> str:
    return STYLES.get(Status(status), UNUSUAL) if status in Status else UNUSUAL


def draw_label(status: str) -> SafeString:
    return markup('<span class="{}">{}</span>', style_of(status), label_of(status))


def _opening(account_id: str, scan_type: str, style: str, words: SafeString, title: str) -> SafeString:
    """A cell that opens to the account's scan types by Region: below its row, or else on the account's page."""
    shape = '<a class="{}" href="{url}#scan-{}" hx-get="{url}" data-opens="regions-{}"{}>{}</a>'
    told = markup(' title="{}"', title) if title else SafeString("")
    address = markup("{}", account_url(account_id))
    return markup(shape.replace("{url}", address), style, scan_type, account_id, told, words)


def _unknown(row: RegionalAccount, last: ScanTypeStatus | None) -> str:
    """Since when it is unknown and why; what was last known does not pass for what is."""
    assert row.unknown_since is not None
    reason = ": ".join(filter(None, [row.error_code, row.error_message])) or "Inspector did not tell"
    before = f" Last known: {last.label}." if last else ""
    return f"{reason}. Since {absolute(row.unknown_since)}.{before}"


def _differing(states: dict[str, str]) -> tuple[str, SafeString, str]:
    """“Off in eu-west-1” where one Region differs from the activated others, else how many are activated.

    On two lines, because the list has up to six such columns.
    """
    others = {region: status for region, status in states.items() if status != Status.ENABLED}
    style = min((style_of(status) for status in others.values()), key=WORST_FIRST.index)
    if len(others) == 1:
        region, status = next(iter(others.items()))
        words = markup("{} in<br> {}", "Off" if status == Status.DISABLED else label_of(status), region)
    else:
        words = markup("{} of {}<br> Regions", len(states) - len(others), len(states))
    return style, words, "; ".join(f"{region}: {label_of(status)}" for region, status in states.items())


def gaps(row: AwsAccount, sheet: Sheet) -> SafeString:
    """How much of what Inspector lists could be scanned if somebody did something, with the way to it."""
    total = sheet.listed_in(row.account_id)
    if not total.listed:
        words = "nothing listed" if sheet.associated(row.account_id) else "not visible"
        return NOTHING + markup('<br><small class="quiet">{}</small>', words)
    below = markup('<br><small class="quiet">of {} listed</small>', f"{total.listed:,}")
    if not total.fixable:
        return markup("{}", "none fixable") + below
    pages = [slug for slug, part in sheet.listed[row.account_id].items() if part.fixable]
    address = account_url(row.account_id) + "#coverage-counts"
    if len(pages) == 1:
        address = coverage_address(pages[0], row.account_id, sheet.query.getlist("region"), kind="fix")
    return markup('<a href="{}">{} fixable</a>', address, f"{total.fixable:,}") + below


def coverage_address(slug: str, account_id: str, regions: list[str], **filters: str) -> str:
    """The coverage page of one tab, narrowed to this account and what else is chosen."""
    query = changed(QueryDict(), {"account": account_id, "region": regions, **filters})
    return reverse("coverage", args=[slug]) + query


def findings(row: AwsAccount, sheet: Sheet) -> SafeString:
    """Active findings by severity. Unknown is never 0, and neither is what is not scanned."""
    counts = dict(sheet.findings.get(row.account_id, {}))
    fresh, associated = sheet.scopes.freshness, sheet.associated(row.account_id)
    if not any(counts.values()):
        if not any(fresh.findings_are_known(region) for region in sheet.scopes.regions):
            return markup('<span class="quiet">{}</span>', "not read yet")
        if not associated:
            return markup('<span class="quiet">{}</span>', "not visible")
        if not sheet.listed_in(row.account_id).covered:
            return markup('<span class="quiet">{}</span>', "nothing scanned")
    is_old = any(fresh.findings_as_of(region) for region in sheet.scopes.regions)
    return draw_severities(counts, aged=is_old or not associated)
