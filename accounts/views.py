"""The pages of accounts. Each view fetches what the person may see, narrows it, and renders it."""

from __future__ import annotations

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.conditions import GROUPS, MEANINGS, group_condition
from accounts.details import account_context, matrix_context
from accounts.exports import exported
from accounts.forms import AccountFilters
from accounts.lists import Scopes, automatic_activation, read_sheet, scan_types_shown
from accounts.models import AwsAccount, AwsAccountQuerySet, Person, RegionalAccount
from accounts.orders import sorts_for, with_key
from accounts.selection import selection_of
from accounts.tables import AccountTable
from aws.choices import CallerKind
from aws.decoding import is_account_id
from coverage_site.exports import record_export
from coverage_site.links import changed
from coverage_site.paging import PER_PAGE, ordered, page_of, read_cursor, read_order, read_per_page
from coverage_site.requests import Request, person_of, wants_fragment
from scanning.freshness import Freshness


@require_safe
def accounts(request: Request) -> HttpResponse:
    """Every account that the person may see: what is activated in it, and what of its coverage is missing."""
    person, freshness = person_of(request), Freshness.read()
    filters = _filters(request, person, freshness)
    scopes = Scopes(freshness, filters.regions)
    query = filters.query
    order = read_order(query.get("sort", ""), sorts_for(filters.scan_types), default="name")
    cursor = read_cursor(query.get("after", ""), query.get("before", ""), order)
    per_page = read_per_page(query.get("per", ""))
    narrowed = filters.narrow(AwsAccount.objects.visible_to(person))
    counts = _counts(narrowed, scopes)
    page = page_of(with_key(_in_group(narrowed, filters, scopes), order, scopes.regions), order, cursor, per_page)
    sheet = read_sheet(person, scopes, [row.account_id for row in page.rows], query)
    context = {
        "filters": filters,
        "groups": _group_links(filters, counts),
        "table": AccountTable(page.rows, sheet, order, filters.scan_types, is_selectable=person.may_activate),
        "selection": selection_of(person, scopes),
        "shown": len(page.rows),
        "total": counts[filters.chosen_group],
        "listed": counts["all"],
        "previous": changed(query, {"before": page.previous, "after": None}) if page.previous else "",
        "next": changed(query, {"after": page.next, "before": None}) if page.next else "",
        "first_page": changed(query, {"after": None, "before": None}),
        "per_page_sizes": PER_PAGE,
        "per_page": per_page,
        "export_query": changed(query, {}),
        "settings": automatic_activation(scopes),
        "standing": _standing(scopes),
        "scopes": scopes,
        "section": "coverage",
    }
    fragment = wants_fragment(request)
    template = f"accounts/{'_' if fragment else ''}accounts.html"
    response = render(request, template, {**context, "is_fragment": fragment})
    if fragment:
        response["HX-Push-Url"] = request.path + (changed(query, {}) if query else "")
    return response


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The same accounts as a file, with the same query string: one row per account and Region."""
    person, freshness = person_of(request), Freshness.read()
    filters = _filters(request, person, freshness)
    scopes = Scopes(freshness, filters.regions)
    order = read_order(filters.query.get("sort", ""), sorts_for(filters.scan_types), default="name")
    # A file has no pages, but an address that the page refuses is refused here, too.
    read_cursor(filters.query.get("after", ""), filters.query.get("before", ""), order)
    read_per_page(filters.query.get("per", ""))
    narrowed = filters.narrow(AwsAccount.objects.visible_to(person))
    rows = ordered(with_key(_in_group(narrowed, filters, scopes), order, scopes.regions), order)
    record_export(request, filters.chosen("account"))
    name = f"coverage-accounts-{freshness.now:%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        exported(person, scopes, rows, filters.scan_types),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
def account(request: Request, account_id: str) -> HttpResponse:
    """One account: its relationship and scan types in every Region, its coverage, its history.

    The list of accounts asks for the scan types by Region alone, as a row below the account's own.
    """
    if not is_account_id(account_id):
        raise Http404
    person = person_of(request)
    found = get_object_or_404(AwsAccount.objects.visible_to(person), account_id=account_id)
    if wants_fragment(request):
        return render(request, "accounts/_opened.html", matrix_context(person, found))
    return render(request, "accounts/account.html", {**account_context(person, found), "section": "coverage"})


def _filters(request: HttpRequest, person: Person, freshness: Freshness) -> AccountFilters:
    filters = AccountFilters(request.GET, person, freshness.regions, scan_types_shown(person))
    filters.require()
    return filters


def _in_group(rows: AwsAccountQuerySet, filters: AccountFilters, scopes: Scopes) -> AwsAccountQuerySet:
    return rows.filter(group_condition(filters.chosen_group, scopes.regions, scopes.read_regions))


def _counts(rows: AwsAccountQuerySet, scopes: Scopes) -> dict[str, int]:
    """Accounts by group: one query. An account may be in several."""
    names = {group: group.replace("-", "_") for group in GROUPS}
    found = rows.aggregate(
        **{
            name: Count("id", filter=group_condition(group, scopes.regions, scopes.read_regions))
            for group, name in names.items()
        }
    )
    return {group: found[name] for group, name in names.items()}


def _group_links(filters: AccountFilters, counts: dict[str, int]) -> list[dict[str, object]]:
    return [
        {
            "value": group,
            "label": label,
            "meaning": MEANINGS.get(group, ""),
            "count": counts[group],
            "address": changed(filters.query, {"group": group, "after": None, "before": None}),
        }
        for group, label in GROUPS.items()
    ]


def _standing(scopes: Scopes) -> list[dict[str, object]]:
    """Where we are no delegated administrator: which account this is, of which administrator, in which Regions."""
    callers = [caller for caller in scopes.callers if caller[2] != CallerKind.DELEGATED_ADMIN]
    administrators = RegionalAccount.objects.administrators({account_id for _, account_id, _ in callers})
    found: dict[tuple[str, str, str], list[str]] = {}
    for region, account_id, kind in callers:
        found.setdefault((account_id, kind, administrators.get((account_id, region), "")), []).append(region)
    return [
        {
            "account_id": account_id,
            "is_member": kind == CallerKind.MEMBER,
            "administrator_id": administrator_id,
            "regions": ", ".join(regions),
        }
        for (account_id, kind, administrator_id), regions in found.items()
    ]
