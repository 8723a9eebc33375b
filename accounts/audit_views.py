"""The audit as a page and as a file: who did what, when, from where, on what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.audit_forms import AuditFilters
from accounts.forms import scan_type_label
from accounts.models import AuditEvent, AuditEventQuerySet, AwsAccount, Person
from coverage_site.drawing import absolute, markup
from coverage_site.exports import line_of, moment, record_export, safe_cell
from coverage_site.links import changed
from coverage_site.paging import Order, Sort, ordered, page_of, read_cursor, read_order, read_per_page
from coverage_site.requests import Request, person_of, wants_fragment
from scanning.freshness import Freshness

SORTS = {"at": Sort("at", "time", "at", is_time=True)}
LATEST_FIRST = "-at"
ROWS_AT_ONCE = 1000


@require_safe
def audit(request: Request) -> HttpResponse:
    """The latest first."""
    person, filters, events = _asked(request)
    order = _order()
    cursor = read_cursor(filters.query.get("after", ""), filters.query.get("before", ""), order)
    page = page_of(events, order, cursor, read_per_page(""))
    visible = AwsAccount.objects.visible_to(person)
    names = visible.filter(account_id__in={row.account_id for row in page.rows if row.account_id}).named()
    fragment = wants_fragment(request)
    context = {
        "filters": filters,
        "rows": [
            {
                "event": row,
                "at": markup('<time datetime="{}">{}</time>', moment(row.at), absolute(row.at)),
                "account": names.get(row.account_id, "") or row.account_id,
                "is_known": row.account_id in names,
                "scan_type": scan_type_label(row.scan_type) if row.scan_type else "",
            }
            for row in page.rows
        ],
        "previous": changed(filters.query, {"before": page.previous, "after": None}) if page.previous else "",
        "next": changed(filters.query, {"after": page.next, "before": None}) if page.next else "",
        "reads_everything": person.is_site_admin,
        "section": "audit",
        "is_fragment": fragment,
    }
    return render(request, f"accounts/{'_' if fragment else ''}audit.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The same events as a file, with the same filters."""
    _, filters, events = _asked(request)
    record_export(request, filters.cleaned_data["account"])
    name = f"audit-{Freshness.read().now:%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        _lines(events),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _asked(request: HttpRequest) -> tuple[Person, AuditFilters, AuditEventQuerySet]:
    person = person_of(request)
    if not person.reads_audit:
        raise PermissionDenied
    filters = AuditFilters(request.GET, person, Freshness.read().regions)
    filters.require()
    return person, filters, filters.narrow(AuditEvent.objects.readable_by(person))


def _order() -> Order:
    return read_order(LATEST_FIRST, SORTS, default=LATEST_FIRST)


def _lines(events: AuditEventQuerySet) -> Iterator[str]:
    yield line_of(COLUMNS)
    for event in ordered(events, _order()).iterator(chunk_size=ROWS_AT_ONCE):
        yield line_of([safe_cell(value(event)) for value in COLUMNS.values()])


COLUMNS: Mapping[str, Callable[[AuditEvent], object]] = {
    "at": lambda event: moment(event.at),
    "event": lambda event: event.event,
    "actor": lambda event: event.actor,
    "ip": lambda event: event.ip,
    "account_id": lambda event: event.account_id,
    "region": lambda event: event.region,
    "scan_type": lambda event: event.scan_type,
    "subject": lambda event: event.subject,
    "from": lambda event: event.from_value,
    "to": lambda event: event.to_value,
    "reason": lambda event: event.reason,
    "request": lambda event: event.request,
    "error_code": lambda event: event.error_code,
    "error_message": lambda event: event.error_message,
    "aws_request_id": lambda event: event.aws_request_id,
}
