"""What the page of one account shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.activation.locks import NEXT_STEP, Lock
from accounts.activation.offers import Offers, offers_for
from accounts.choices import Action, RelationshipStatus
from accounts.forms import scan_type_label
from accounts.lists import Listed, Scopes, Sheet, read_sheet, scan_types_shown
from accounts.models import AccountChange, AwsAccount, Person
from accounts.selection import actions_for
from accounts.settings_rows import SETTINGS, WORDS, settings_of
from accounts.tables import UNKNOWN, coverage_address, draw_label, label_of
from coverage_site.drawing import NOTHING, absolute, draw_full_time, draw_time, markup
from scanning.choices import Kind, ResourceType, ScanType
from scanning.freshness import Freshness
from scanning.models import CoveredResource
from scanning.statuses import status_of
from scanning.tabs import TABS

CHANGES_SHOWN = 50
FIELDS = {"relationship": "Relationship", "state": "State", "organizational_unit": "Organizational unit"}


@dataclass(frozen=True)
class RegionColumn:
    """One account in one Region: a column of the matrix."""

    region: str
    relationship: str
    error: str
    unknown: SafeString | None
    network: SafeString


@dataclass(frozen=True)
class PageCount:
    """What one coverage page lists of the account."""

    label: str
    numbers: Listed
    address: str
    fixable_address: str


@dataclass(frozen=True)
class Button:
    """Leads to the preview of what it names: an action, a scan type, and perhaps a Region."""

    cell: str
    label: str
    meaning: str
    is_quiet: bool


@dataclass(frozen=True)
class Cell:
    """One scan type of the account in one Region, and what can be asked for there."""

    drawn: SafeString
    button: Button | None


@dataclass(frozen=True)
class ScanTypeRow:
    """One scan type of the account in every Region: a row of the matrix."""

    scan_type: str
    label: str
    cells: list[Cell]
    everywhere: list[Button]


def matrix_context(person: Person, account: AwsAccount) -> dict[str, Any]:
    """Scan types by Region, with what this person can ask for in them."""
    freshness = Freshness.read()
    scopes = Scopes(freshness, freshness.regions)
    sheet = read_sheet(person, scopes, [account.account_id], QueryDict())
    offers = offers_for(person, account.account_id, list(settings.COVERAGE_REGIONS))
    return {
        "account": account,
        "sheet": sheet,
        "columns": _columns(person, account, sheet),
        "matrix": [_row(account.account_id, name, sheet, offers) for name in scan_types_shown(person)],
        "may_activate": person.may_activate,
        "reasons": offers.reasons,
        "actions": actions_for(person, scopes),
        "preview_address": reverse("activation-preview"),
    }


def _row(account_id: str, scan_type: str, sheet: Sheet, offers: Offers) -> ScanTypeRow:
    cells = [
        Cell(
            _cell(account_id, scan_type, region, sheet),
            _button(action, scan_type, region) if (action := offers.actions.get((scan_type, region))) else None,
        )
        for region in sheet.scopes.regions
    ]
    everywhere = [_button(action, scan_type, "", len(regions)) for action, regions in offers.everywhere(scan_type)]
    return ScanTypeRow(scan_type, scan_type_label(scan_type), cells, everywhere)


def _button(action: Action, scan_type: str, region: str, regions: int = 1) -> Button:
    """For one Region, or for so many at once."""
    verb, where = action.label, region or f"{regions} Regions"
    return Button(
        cell=" ".join(filter(None, [action.value, scan_type, region])),
        label=f"{verb}…" if region else f"{verb} in {where}…",
        meaning=f"{verb} {scan_type_label(scan_type)} in {where}",
        is_quiet=action == Action.DEACTIVATE,
    )


def account_context(person: Person, account: AwsAccount) -> dict[str, Any]:
    matrix = matrix_context(person, account)
    sheet = matrix["sheet"]
    scopes = sheet.scopes
    changes = AccountChange.objects.visible_to(person).of_account(account.account_id)[:CHANGES_SHOWN]
    return {
        **matrix,
        "joined": draw_full_time(account.joined_at, scopes.now, never="not known"),
        "first_seen": draw_full_time(account.first_seen_at, scopes.now),
        "organization_is_known": scopes.organization_is_known,
        "pages": _pages(account.account_id, sheet),
        "history": [_change(change) for change in changes],
        "accounts_address": reverse("accounts"),
        **settings_of(person, account, sheet),
    }


def _columns(person: Person, account: AwsAccount, sheet: Sheet) -> list[RegionColumn]:
    relationships, network = sheet.relationships(account.account_id), _network(person, account.account_id)
    columns = []
    for region in sheet.scopes.regions:
        row = sheet.regional.get((account.account_id, region))
        is_unknown = row is not None and row.unknown_since is not None
        columns.append(
            RegionColumn(
                region=region,
                relationship=relationships.get(region, "Unknown: not read yet"),
                error=": ".join(filter(None, [row.error_code, row.error_message])) if row else "",
                unknown=draw_full_time(row.unknown_since, sheet.now) if row and is_unknown else None,
                network=network.get(region, NOTHING),
            )
        )
    return columns


def _cell(account_id: str, scan_type: str, region: str, sheet: Sheet) -> SafeString:
    """Status, since when, and AWS' error. Where Inspector refuses to tell, what was last known is called so."""
    regional = sheet.regional.get((account_id, region))
    row = sheet.statuses.get((account_id, region, scan_type))
    if regional is None or not regional.is_associated:
        return NOTHING if region in sheet.scopes.read_regions else draw_label(UNKNOWN)
    if regional.unknown_since:
        before = f"last known: {row.label}" if row else "never known"
        return draw_label(UNKNOWN) + markup('<br><small class="quiet">{}</small>', before)
    if row is None:
        return NOTHING
    drawn = draw_label(row.status)
    if row.changed_at:
        drawn += markup('<br><small class="quiet">since {}</small>', draw_time(row.changed_at, sheet.now))
    if lock := sheet.locks.get((account_id, region, scan_type)):
        return drawn + _lock(lock)
    if row.error_code or row.error_message:
        error = ": ".join(filter(None, [row.error_code, row.error_message]))
        drawn += markup('<br><small class="error">{}</small>', error)
    return drawn


def _lock(lock: Lock) -> SafeString:
    """That a policy locks it, how we know, and who can change that."""
    drawn = markup('<br><small class="state unknown wraps">{}</small>', lock)
    if lock.request:
        shape = ' <small title="{}"><a href="{}">Request {}</a></small>'
        drawn += markup(shape, lock.message, reverse("activation", args=[lock.request]), lock.request)
    return drawn + markup('<br><small class="quiet">{}</small>', NEXT_STEP)


def _network(person: Person, account_id: str) -> dict[str, SafeString]:
    """Region → whether Inspector looks at the account's network reachability there."""
    rows = (
        CoveredResource.objects.visible_to(person)
        .of_account(account_id)
        .filter(resource_type=ResourceType.AWS_ACCOUNT, scan_type=ScanType.NETWORK, gone_at=None)
    )
    return {row.region: _network_cell(row) for row in rows}


def _network_cell(row: CoveredResource) -> SafeString:
    status = status_of(row.resource_type, row.status_code, row.status_reason, row.scan_frequency)
    style = "state quiet" if status.kind == Kind.SCANNING else "state off"
    return markup('<span class="{}" title="{}">{}</span>', style, status.meaning, status.text)


def _pages(account_id: str, sheet: Sheet) -> list[PageCount]:
    listed = sheet.listed.get(account_id, {})
    return [
        PageCount(
            label=tab.label,
            numbers=listed[tab.slug],
            address=coverage_address(tab.slug, account_id, []),
            fixable_address=coverage_address(tab.slug, account_id, [], kind=Kind.FIX.value),
        )
        for tab in TABS
        if tab.slug in listed
    ]


def _change(change: AccountChange) -> dict[str, object]:
    """One line of the history, in the words of the page."""
    what = FIELDS.get(change.field) or SETTINGS.get(change.field) or scan_type_label(change.field)
    values = [_value(change.field, value) for value in (change.from_value, change.to_value)]
    where = f" in {change.region}" if change.region else ""
    return {"at": absolute(change.at), "words": f"{what}{where}: {values[0]} → {values[1]}"}


def _value(field: str, value: str) -> str:
    if field == "relationship":
        if not value:
            return "Not a member"
        return str(RelationshipStatus(value).label) if value in RelationshipStatus else value
    if field in SETTINGS:
        return WORDS.get(value, value or "—")
    if field in FIELDS:
        return value.replace("_", " ").capitalize() if field == "state" and value else value or "—"
    return label_of(value) if value else "—"
